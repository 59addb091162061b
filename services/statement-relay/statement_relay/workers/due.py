"""What is late is told, refused or parked, again and again."""

from collections.abc import Callable
from functools import partial

from kuntavayla.database import Pool
from kuntavayla.service.moments import Moment
from kuntavayla.service.workers.timed import Act, do_all
from statement_relay.events import SERVICE
from statement_relay.operations import due
from statement_relay.operations.due import DUE_BATCH
from statement_relay.rules.deliveries import Patience

DUE_INTERVAL_S = 30.0
"""Seconds between two looks for what is late."""


async def look_for_late(pool: Pool, *, patience: Patience, moment: Callable[[], Moment]) -> int:
    """Do everything that is due by now, batch by batch; return how much it was."""
    acts: tuple[Act, ...] = (
        due.tell_late,
        partial(due.refuse_unknown, patience=patience),
        partial(due.park_without_receipt, patience=patience),
    )
    return sum(
        [await do_all(pool, act, batch=DUE_BATCH, service=SERVICE, moment=moment) for act in acts]
    )
