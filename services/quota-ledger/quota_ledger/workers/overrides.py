"""Overrides behind their last legal day."""

from collections.abc import Callable
from functools import partial

from kuntavayla.database import Pool
from kuntavayla.service.moments import Moment
from kuntavayla.service.workers.timed import do_all
from quota_ledger.events import SERVICE
from quota_ledger.operations.ending import ENDING_BATCH, end_overrides
from quota_ledger.operations.law import Law

OVERRIDES_INTERVAL_S = 60.0
"""Seconds between two looks for overrides behind their last day."""


async def end_all(pool: Pool, *, law: Law, moment: Callable[[], Moment]) -> int:
    """End every override whose last day is over; return how many were due."""
    end = partial(end_overrides, law=law)
    return await do_all(pool, end, batch=ENDING_BATCH, service=SERVICE, moment=moment)
