"""Questions without an answer: reminders and overdue ones are told of."""

from collections.abc import Awaitable, Callable

from kuntavayla.database import Pool, transaction
from kuntavayla.service.moments import Call, Moment
from kuntavayla.telemetry import new_traceparent
from statement_relay.events import SERVICE
from statement_relay.operations.reminding import REMINDERS_BATCH, remind, tell_overdue

REMINDING_INTERVAL_S = 30.0
"""Seconds between two looks for questions to remind of."""
Tell = Callable[..., Awaitable[int]]


async def remind_of_all(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Tell of every question whose time is nearly or quite over; return how many there were."""
    return await _all(pool, remind, moment=moment) + await _all(pool, tell_overdue, moment=moment)


async def _all(pool: Pool, tell: Tell, *, moment: Callable[[], Moment]) -> int:
    told = 0
    while True:
        at = moment()
        call = Call(organisation=SERVICE, request_id=at.new_id(), traceparent=new_traceparent())
        async with transaction(pool) as connection:
            count = await tell(connection, call=call, moment=at)
        told += count
        if count < REMINDERS_BATCH:
            return told
