"""Overdue transfers are told of."""

from collections.abc import Callable

from kuntavayla.database import Pool, transaction
from kuntavayla.service.moments import Call, Moment
from kuntavayla.telemetry import new_traceparent
from routing_api.operations.overdue import OVERDUE_BATCH, tell_overdue

OVERDUE_INTERVAL_S = 30.0
"""Seconds between two looks for transfers that became overdue."""
OURSELVES = "routing-api"
"""Who acts where nobody called."""


async def tell_all_overdue(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Tell of every transfer that is overdue by now, batch by batch; return how many there were."""
    told = 0
    while True:
        at = moment()
        call = Call(organisation=OURSELVES, request_id=at.new_id(), traceparent=new_traceparent())
        async with transaction(pool) as connection:
            count = await tell_overdue(connection, call=call, moment=at)
        told += count
        if count < OVERDUE_BATCH:
            return told
