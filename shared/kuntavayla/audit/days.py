"""The legal days whose blocks are complete, each announced once, with its last hash.

The row of the day and the announcement commit together, so a restart repeats neither.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection

# A block that a slower clock dates into an announced day counts to the day after it.
DUE = """
WITH last AS (
    SELECT coalesce(max(block_number), 0) AS block, max(sealed_on) AS day FROM audit_days
),
dated AS (
    SELECT number, line_count, greatest(
        (sealed_at AT TIME ZONE 'Europe/Helsinki')::date, (SELECT day + 1 FROM last)
    ) AS day
    FROM audit_blocks WHERE number > (SELECT block FROM last)
),
due AS (
    SELECT day, max(number) AS block, count(*) AS blocks, sum(line_count)::bigint AS lines
    FROM dated WHERE day < $1 GROUP BY day
)
SELECT due.day, due.block, due.blocks, due.lines, b.hash, b.key_id
FROM due JOIN audit_blocks b ON b.number = due.block ORDER BY due.day
"""
APPEND = """
INSERT INTO audit_days (sealed_on, block_number, block_count, line_count, announced_at)
VALUES ($1, $2, $3, $4, $5)
"""


class SealedDay(Struct, frozen=True, kw_only=True):
    """A legal day of which all blocks are closed, and its last one."""

    sealed_on: date
    block_number: int
    block_hash: bytes
    block_count: int
    line_count: int
    key_id: str


Announce = Callable[[Connection, SealedDay], Awaitable[None]]
"""Tells of a day inside the transaction that stores it."""


async def list_due(connection: Connection, *, today: date) -> list[SealedDay]:
    """List the days before today that have blocks and are not announced, oldest first."""
    return [
        SealedDay(
            sealed_on=row["day"],
            block_number=row["block"],
            block_hash=row["hash"],
            block_count=row["blocks"],
            line_count=row["lines"],
            key_id=row["key_id"],
        )
        for row in await connection.fetch(DUE, today)
    ]


async def append_day(connection: Connection, day: SealedDay, *, now: datetime) -> None:
    """Store that a day is announced, inside the caller's transaction."""
    await connection.execute(
        APPEND, day.sealed_on, day.block_number, day.block_count, day.line_count, now
    )
