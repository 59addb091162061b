"""Overrides: asked once, changed under their own lock, behind account and decision."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.overrides import (
    STANDING,
    Cover,
    FoundOverride,
    Override,
    OverrideFilter,
)

_OVERRIDE = Columns(
    {
        "override_id": "uuid",
        "decision_id": "uuid",
        "account_id": "uuid",
        "cents": "int8",
        "cover": "jsonb",
        "expires_on": "date",
        "asked_by": "text",
        "asked_official_id": "text",
        "asked_at": "timestamptz",
        "answered_by": "text",
        "answered_official_id": "text",
        "answered_at": "timestamptz",
        "answer_reason": "text",
        "state": "text",
        "raised_cents": "int8",
        "covered_cents": "int8",
        "returned_cents": "int8",
    }
)
_NEVER_CHANGED = {"decision_id", "cents", "cover", "expires_on"}
_CHANGED = Columns(
    {
        name: kind
        for name, kind in _OVERRIDE.types.items()
        if name not in _NEVER_CHANGED and not name.startswith("asked_")
    }
)
_IDS = {"override_id", "decision_id", "account_id", "cover"}
_KEY = ("area_code", "municipality_code", "instrument", "budget_year")
_SELECTED = f"""
SELECT {", ".join(f"o.{name}{'::text' if name in _IDS else ''}" for name in _OVERRIDE.names)},
       {", ".join(f"a.{name}" for name in _KEY)}, d.is_restricted
FROM overrides o JOIN accounts a USING (account_id) JOIN decisions d USING (decision_id)
"""  # noqa: S608 - constants of ours
_STANDING = ", ".join(f"'{state}'" for state in STANDING)
APPEND = f"""
INSERT INTO overrides ({_OVERRIDE.listed}) SELECT {_OVERRIDE.read} FROM {_OVERRIDE.recordset()}
"""  # noqa: S608 - constants of ours
FIND = f"{_SELECTED} WHERE o.override_id = $1"
LOCK = f"""
{_SELECTED} WHERE o.override_id = ANY($1::uuid[]) ORDER BY o.override_id FOR UPDATE OF o
"""
LOCK_STANDING = f"""
{_SELECTED} WHERE o.decision_id = ANY($1::uuid[]) AND o.state IN ({_STANDING})
ORDER BY o.override_id FOR UPDATE OF o
"""
HAS_ASKED = "SELECT EXISTS (SELECT FROM overrides WHERE decision_id = $1 AND state = 'asked')"
CHANGE = f"""
UPDATE overrides AS o
SET {", ".join(f"{name} = r.{name}" for name in _CHANGED.names if name != "override_id")}
FROM {_CHANGED.recordset()}
WHERE o.override_id = r.override_id
"""  # noqa: S608 - constants of ours
LIST = f"""
{_SELECTED}
WHERE ($1::text[] IS NULL OR a.area_code = ANY($1))
  AND ($2 OR NOT d.is_restricted)
  AND ($3::text IS NULL OR o.state = $3)
  AND o.override_id > $4
ORDER BY o.override_id LIMIT $5
"""
LIST_PAST = """
SELECT o.override_id::text, o.account_id::text FROM overrides o
WHERE o.state IN ('asked', 'approved', 'partly_covered') AND o.expires_on < $1
ORDER BY o.expires_on, o.override_id LIMIT $2
"""
COUNT_UNCOVERED = """
SELECT count(*) AS count,
       coalesce(sum(raised_cents - covered_cents - returned_cents), 0)::int8 AS cents
FROM overrides WHERE state = 'uncovered'
"""
RESERVE = """
UPDATE decisions
SET outcome = 'reserved', state = 'reserved', reasons = '[]', calculation = $2::json,
    expires_at = $3, warned_at = NULL, settled_at = NULL, version = version + 1
WHERE decision_id = $1
"""


class Uncovered(Struct, frozen=True):
    """How many overrides lie uncovered behind their last day, and how much in all."""

    count: int = 0
    cents: int = 0


async def append(connection: Connection, override: Override) -> None:
    """Store an override that is asked for."""
    await connection.execute(APPEND, _OVERRIDE.argument([override]))


async def has_asked(connection: Connection, decision_id: str) -> bool:
    """Say whether one is asked for a locked decision and not answered."""
    return bool(await connection.fetchval(HAS_ASKED, decision_id))


async def find(connection: Connection, override_id: str) -> FoundOverride | None:
    """Return an override as it stands, without a lock."""
    row = await connection.fetchrow(FIND, override_id)
    return _found(row) if row else None


async def lock(connection: Connection, override_ids: Collection[str]) -> list[FoundOverride]:
    """Lock overrides in order of their ids, behind their accounts and decisions."""
    return [_found(row) for row in await connection.fetch(LOCK, sorted(override_ids))]


async def lock_standing(
    connection: Connection, decision_ids: Collection[str]
) -> list[FoundOverride]:
    """Lock the overrides of locked decisions of which something is still raised."""
    return [_found(row) for row in await connection.fetch(LOCK_STANDING, sorted(decision_ids))]


async def change(connection: Connection, overrides: Sequence[Override]) -> None:
    """Write overrides that are locked."""
    if overrides:
        await connection.execute(CHANGE, _CHANGED.argument(overrides))


async def list_of(
    connection: Connection, query: OverrideFilter, *, after: str, limit: int
) -> list[FoundOverride]:
    """Return overrides in the order in which they were asked."""
    rows = await connection.fetch(
        LIST, query.area_codes, query.may_see_restricted, query.state, after, limit
    )
    return [_found(row) for row in rows]


async def list_past(connection: Connection, *, today: date, limit: int) -> dict[str, str]:
    """Return overrides whose last day has ended with their accounts, the oldest first."""
    rows = await connection.fetch(LIST_PAST, today, limit)
    return {row["override_id"]: row["account_id"] for row in rows}


async def count_uncovered(connection: Connection) -> Uncovered:
    """Return what lies uncovered behind its last day."""
    row = await connection.fetchrow(COUNT_UNCOVERED)
    return Uncovered(**dict(row or {}))


async def reserve(
    connection: Connection, decision_id: str, *, calculation: str, expires_at: datetime
) -> None:
    """Let a locked decision that was refused be reserved."""
    await connection.execute(RESERVE, decision_id, calculation, expires_at)


def _found(row: Any) -> FoundOverride:  # noqa: ANN401 - a record
    members = {name: row[name] for name in _OVERRIDE.names}
    members["cover"] = msgspec.json.decode(row["cover"], type=Cover)
    return FoundOverride(
        override=Override(**members),
        key=AccountKey(*(row[name] for name in _KEY)),
        is_restricted=row["is_restricted"],
    )
