"""What is late is told, refused or parked, again and again."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.service.moments import Call, Moment
from kuntavayla.telemetry import new_traceparent
from statement_relay.events import SERVICE
from statement_relay.operations import due
from statement_relay.operations.due import DUE_BATCH
from statement_relay.rules.deliveries import Patience

DUE_INTERVAL_S = 30.0
"""Seconds between two looks for what is late."""


class _Look(Protocol):
    """One look in a transaction of its own; returns how much it found."""

    def __call__(self, connection: Connection, /, *, call: Call, moment: Moment) -> Awaitable[int]:
        """Look, and do what is due."""


async def look_for_late(pool: Pool, *, patience: Patience, moment: Callable[[], Moment]) -> int:
    """Do everything that is due by now, batch by batch; return how much it was."""

    async def refuse(connection: Connection, /, *, call: Call, moment: Moment) -> int:
        return await due.refuse_unknown(connection, patience=patience, call=call, moment=moment)

    async def park(connection: Connection, /, *, call: Call, moment: Moment) -> int:
        return await due.park_without_receipt(
            connection, patience=patience, call=call, moment=moment
        )

    looks: tuple[_Look, ...] = (due.tell_late, refuse, park)
    return sum([await _look_until_done(pool, look, moment=moment) for look in looks])


async def _look_until_done(pool: Pool, look: _Look, *, moment: Callable[[], Moment]) -> int:
    done = 0
    while True:
        at = moment()
        call = Call(organisation=SERVICE, request_id=at.new_id(), traceparent=new_traceparent())
        async with transaction(pool) as connection:
            count = await look(connection, call=call, moment=at)
        done += count
        if count < DUE_BATCH:
            return done
