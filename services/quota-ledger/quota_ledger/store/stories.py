"""Decisions as they are read: one with its whole story, many in a list."""

from collections.abc import Collection
from typing import Any

from kuntavayla.database import Connection
from quota_ledger.rules.decided import Decision, DecisionFilter, Holding, Step, Story
from quota_ledger.store import entries

_TEXTS = {"decision_id", "client_id", "content", "calculation", "reasons"}
_DECISION = ", ".join(
    f"d.{name}{'::text' if name in _TEXTS else ''}" for name in Decision.__struct_fields__
)
SELECTED = f"SELECT {_DECISION} FROM decisions d"  # noqa: S608 - constants of ours
FIND = f"{SELECTED} WHERE d.decision_id = $1"
LIST_BY_ID = f"{SELECTED} WHERE d.decision_id = ANY($1::uuid[]) ORDER BY d.decision_id"
_SEEN = f"""
{SELECTED}
WHERE ($1::text[] IS NULL OR d.area_code = ANY($1) OR d.municipality_code = ANY($2))
  AND ($3 OR NOT d.is_restricted) AND d.decision_id > $4
"""
_IN_ORDER = "ORDER BY d.decision_id LIMIT $5"
LIST = f"{_SEEN} {_IN_ORDER}"
LIST_OF_STATE = f"{_SEEN} AND d.state = $6 {_IN_ORDER}"
LIST_OF_CLIENT = f"{_SEEN} AND d.client_id = $6 {_IN_ORDER}"
LIST_OF_CLIENT_IN_STATE = f"{_SEEN} AND d.client_id = $6 AND d.state = $7 {_IN_ORDER}"
"""One text for each filter, so that none is planned to read more than it has to."""
LIST_HOLDINGS = """
SELECT h.decision_id::text, h.account_id::text, h.budget_year, h.reserved_cents,
       h.committed_cents, h.paid_cents, coalesce(b.excess_cents, 0) AS excess_cents
FROM decision_draws h
LEFT JOIN (
    SELECT e.decision_id, e.account_id, sum(e.paid_excess_cents)::int8 AS excess_cents
    FROM entries e WHERE e.decision_id = ANY($1::uuid[])
    GROUP BY e.decision_id, e.account_id
) AS b USING (decision_id, account_id)
WHERE h.decision_id = ANY($1::uuid[])
ORDER BY h.decision_id, h.budget_year, h.account_id
"""
LIST_STEPS = """
SELECT s.decision_id::text, s.number, s.action, s.at, s.organisation, s.official_id, s.reason,
       s.content::text, s.calculation::text, s.entry_ids::text[]
FROM decision_steps s WHERE s.decision_id = $1 ORDER BY s.number
"""


async def find(connection: Connection, decision_id: str) -> Decision | None:
    """Return a decision as it stands, without a lock."""
    row = await connection.fetchrow(FIND, decision_id)
    return decision_of(row) if row else None


async def list_by_id(connection: Connection, decision_ids: Collection[str]) -> list[Decision]:
    """Return decisions as they stand in order of their ids, without a lock."""
    rows = await connection.fetch(LIST_BY_ID, sorted(decision_ids))
    return [decision_of(row) for row in rows]


async def find_story(connection: Connection, decision_id: str) -> Story | None:
    """Return a decision with what it holds, its entries and its steps."""
    decision = await find(connection, decision_id)
    if decision is None:
        return None
    return Story(
        decision=decision,
        holdings=await list_holdings(connection, [decision_id]),
        entries=await entries.list_of_decision(connection, decision_id),
        steps=await list_steps(connection, decision_id),
    )


async def list_steps(connection: Connection, decision_id: str) -> list[Step]:
    """Return the story of a decision, in order."""
    rows = await connection.fetch(LIST_STEPS, decision_id)
    return [Step(**dict(row)) for row in rows]


async def list_holdings(connection: Connection, decision_ids: Collection[str]) -> list[Holding]:
    """Return what decisions hold of which account, the oldest year first."""
    rows = await connection.fetch(LIST_HOLDINGS, sorted(decision_ids))
    return [Holding(**dict(row)) for row in rows]


async def list_of(
    connection: Connection, query: DecisionFilter, *, after: str, limit: int
) -> list[Decision]:
    """Return decisions in the order in which they were made."""
    sql, more = _narrowest(query)
    rows = await connection.fetch(
        sql,
        query.area_codes,
        query.municipality_codes,
        query.may_see_restricted,
        after,
        limit,
        *more,
    )
    return [decision_of(row) for row in rows]


def _narrowest(query: DecisionFilter) -> tuple[str, tuple[str, ...]]:
    """Return the text for a filter, and what it takes besides."""
    match query.client_id, query.state:
        case None, None:
            return LIST, ()
        case None, str(state):
            return LIST_OF_STATE, (state,)
        case str(client_id), None:
            return LIST_OF_CLIENT, (client_id,)
        case client_id, state:
            return LIST_OF_CLIENT_IN_STATE, (str(client_id), str(state))


def decision_of(row: Any) -> Decision:  # noqa: ANN401 - a record
    """Return the decision of a row that was selected as `SELECTED` does."""
    return Decision(**dict(row))
