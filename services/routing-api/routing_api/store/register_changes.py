"""Recorded changes of the register; their number makes its version."""

from datetime import datetime

from kuntavayla.database import Connection
from kuntavayla.register import RegisterChange

COUNT = "SELECT coalesce(max(number), 0) FROM register_changes"
LIST = """
SELECT change_id::text, kind, municipality_codes, reason, recorded_on
FROM register_changes
ORDER BY number
"""
CHANGES_LOCK = 0x72656769
LOCK = f"SELECT pg_advisory_xact_lock({CHANGES_LOCK})"
APPEND = """
INSERT INTO register_changes (number, change_id, kind, municipality_codes, reason, organisation,
                              official_id, recorded_at, recorded_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def load_count(connection: Connection) -> int:
    """Return how many changes are recorded."""
    count: int = await connection.fetchval(COUNT)
    return count


async def lock_changes(connection: Connection) -> int:
    """Let nobody else record a change until commit; return how many there are."""
    await connection.execute(LOCK)
    return await load_count(connection)


async def load_changes(connection: Connection) -> list[RegisterChange]:
    """Return all changes in the order in which they were recorded."""
    return [
        RegisterChange(
            change_id=row["change_id"],
            kind=row["kind"],
            municipality_codes=tuple(row["municipality_codes"]),
            reason=row["reason"],
            recorded_on=row["recorded_on"],
        )
        for row in await connection.fetch(LIST)
    ]


async def append_change(
    connection: Connection,
    change: RegisterChange,
    *,
    number: int,
    organisation: str,
    official_id: str,
    at: datetime,
) -> None:
    """Record a change under its number; the caller holds the lock."""
    await connection.execute(
        APPEND,
        number,
        change.change_id,
        change.kind,
        list(change.municipality_codes),
        change.reason,
        organisation,
        official_id,
        at,
        change.recorded_on,
    )
