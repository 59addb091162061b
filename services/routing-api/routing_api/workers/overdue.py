"""Overdue transfers are told of."""

from collections.abc import Callable

from kuntavayla.database import Pool
from kuntavayla.service.moments import Moment
from kuntavayla.service.workers.timed import do_all
from routing_api.events import SERVICE
from routing_api.operations.overdue import OVERDUE_BATCH, tell_overdue

OVERDUE_INTERVAL_S = 30.0
"""Seconds between two looks for transfers that became overdue."""


async def tell_all_overdue(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Tell of every transfer that is overdue by now, batch by batch; return how many there were."""
    return await do_all(pool, tell_overdue, batch=OVERDUE_BATCH, service=SERVICE, moment=moment)
