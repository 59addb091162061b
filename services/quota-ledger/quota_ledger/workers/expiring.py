"""Reservations that nobody grants: warned of, then released, by the legal clock."""

from collections.abc import Callable
from functools import partial

from kuntavayla.database import Pool
from kuntavayla.service.moments import Moment
from kuntavayla.service.workers.timed import do_all
from quota_ledger.events import SERVICE
from quota_ledger.operations.expiring import EXPIRY_BATCH, expire, warn
from quota_ledger.operations.law import Law

EXPIRY_INTERVAL_S = 30.0
"""Seconds between two looks for reservations that are near their end, or behind it."""


async def expire_all(pool: Pool, *, law: Law, moment: Callable[[], Moment]) -> int:
    """Release every reservation that has ended, warn of every other near its end; count both."""
    done = 0
    for act in (expire, warn):
        done += await do_all(
            pool, partial(act, law=law), batch=EXPIRY_BATCH, service=SERVICE, moment=moment
        )
    return done
