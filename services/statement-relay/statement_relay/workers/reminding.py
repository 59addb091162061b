"""Questions without an answer: reminders and overdue ones are told of."""

from collections.abc import Callable

from kuntavayla.database import Pool
from kuntavayla.service.moments import Moment
from kuntavayla.service.workers.timed import Act, do_all
from statement_relay.events import SERVICE
from statement_relay.operations.reminding import REMINDERS_BATCH, remind, tell_overdue

REMINDING_INTERVAL_S = 30.0
"""Seconds between two looks for questions to remind of."""


async def remind_of_all(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Tell of every question whose time is nearly or quite over; return how many there were."""
    acts: tuple[Act, ...] = (remind, tell_overdue)
    return sum(
        [
            await do_all(pool, act, batch=REMINDERS_BATCH, service=SERVICE, moment=moment)
            for act in acts
        ]
    )
