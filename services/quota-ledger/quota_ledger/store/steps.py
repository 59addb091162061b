"""Steps of decisions: what stands behind each, what is held by then, and the story."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.decided import Decision, Holding, Step
from quota_ledger.store import stories
from quota_ledger.store.decisions import HOLDING, STEP

_CHANGED = Columns(
    {
        "decision_id": "uuid",
        "state": "text",
        "version": "int4",
        "content": "json",
        "calculation": "json",
        "budget_year": "int4",
        "starts_on": "date",
        "ends_on": "date",
        "settled_at": "timestamptz",
    }
)
LOCK = f"{stories.SELECTED} WHERE d.decision_id = ANY($1::uuid[]) ORDER BY d.decision_id FOR UPDATE"
CHANGE = f"""
UPDATE decisions AS d
SET {", ".join(f"{name} = r.{name}" for name in _CHANGED.names if name != "decision_id")}
FROM (SELECT {_CHANGED.read} FROM {_CHANGED.recordset()}) AS r
WHERE d.decision_id = r.decision_id
"""  # noqa: S608 - constants of ours
RESTRICT = """
WITH changed AS (
    SELECT d.decision_id, r.is_restricted
    FROM unnest($1::uuid[], $2::bool[]) AS r (client_id, is_restricted)
    JOIN decisions d ON d.client_id = r.client_id AND d.is_restricted <> r.is_restricted
    ORDER BY d.decision_id FOR UPDATE OF d
)
UPDATE decisions d SET is_restricted = changed.is_restricted
FROM changed WHERE d.decision_id = changed.decision_id
"""
KEEP_HOLDINGS = f"""
INSERT INTO decision_draws ({HOLDING.listed})
SELECT {HOLDING.read} FROM {HOLDING.recordset()}
ON CONFLICT (decision_id, account_id) DO UPDATE
SET reserved_cents = excluded.reserved_cents, committed_cents = excluded.committed_cents
"""  # noqa: S608 - constants of ours
APPEND = f"""
INSERT INTO decision_steps ({STEP.listed}) SELECT {STEP.read} FROM {STEP.recordset()}
"""  # noqa: S608 - constants of ours
LAST_NUMBERS = """
SELECT s.decision_id::text, max(s.number) AS number
FROM decision_steps s WHERE s.decision_id = ANY($1::uuid[])
GROUP BY s.decision_id
"""
# What is due, the oldest first; who works at it waits for others under its locks.
LIST_EXPIRED = """
SELECT d.decision_id::text FROM decisions d
WHERE d.state = 'reserved' AND d.expires_at < $1
ORDER BY d.expires_at, d.decision_id LIMIT $2
"""
WARN = """
WITH due AS (
    SELECT d.decision_id FROM decisions d
    WHERE d.state = 'reserved' AND d.warned_at IS NULL AND d.expires_at < $1
      AND d.expires_at >= $2
    ORDER BY d.expires_at, d.decision_id LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE decisions d SET warned_at = $2
FROM due WHERE d.decision_id = due.decision_id AND d.state = 'reserved'
RETURNING d.decision_id::text
"""


async def lock(connection: Connection, decision_ids: Collection[str]) -> dict[str, Decision]:
    """Lock decisions in order of their ids, behind their accounts; return them by id."""
    rows = await connection.fetch(LOCK, sorted(decision_ids))
    return {row["decision_id"]: stories.decision_of(row) for row in rows}


async def change(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Write decisions that are locked."""
    if decisions:
        await connection.execute(CHANGE, _CHANGED.argument(decisions))


async def restrict(connection: Connection, bans: Mapping[str, bool]) -> None:
    """Let a ban hold for all decisions of its client, or for none of them; by client id."""
    await connection.execute(RESTRICT, [*bans], [*bans.values()])


async def keep_holdings(connection: Connection, holdings: Sequence[Holding]) -> None:
    """Write what locked decisions hold."""
    if holdings:
        await connection.execute(KEEP_HOLDINGS, HOLDING.argument(holdings))


async def append(connection: Connection, steps: Sequence[Step]) -> None:
    """Append steps to stories."""
    if steps:
        await connection.execute(APPEND, STEP.argument(steps))


async def last_numbers(connection: Connection, decision_ids: Collection[str]) -> dict[str, int]:
    """Return the number of the last step of each decision."""
    rows = await connection.fetch(LAST_NUMBERS, sorted(decision_ids))
    return {row["decision_id"]: row["number"] for row in rows}


async def list_expired(connection: Connection, *, now: datetime, limit: int) -> list[str]:
    """Return reservations whose end has passed, the oldest first."""
    return [row["decision_id"] for row in await connection.fetch(LIST_EXPIRED, now, limit)]


async def warn(connection: Connection, *, before: datetime, now: datetime, limit: int) -> list[str]:
    """Mark reservations that end before an instant as warned of; return those marked now."""
    return [row["decision_id"] for row in await connection.fetch(WARN, before, now, limit)]
