"""Month-end snapshots, as months end."""

from collections.abc import Callable

from kuntavayla.database import Pool, transaction
from kuntavayla.service.moments import Moment
from quota_ledger.operations.snapshots import make_snapshots

SNAPSHOT_INTERVAL_S = 600.0
"""Seconds between two looks whether a month has ended."""


async def snapshot_all(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Make the snapshots that are missing of ended months; return how many were made."""
    async with transaction(pool) as connection:
        return await make_snapshots(connection, moment=moment())
