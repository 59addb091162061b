"""What is due is done batch by batch, each in a transaction of its own, until one is not full."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.service.moments import Call, Moment
from kuntavayla.telemetry import new_traceparent


class Act(Protocol):
    """One batch of what is due, where nobody called; returns how much it was."""

    def __call__(self, connection: Connection, /, *, call: Call, moment: Moment) -> Awaitable[int]:
        """Do what is due, at most a batch of it."""


async def do_all(
    pool: Pool, act: Act, *, batch: int, service: str, moment: Callable[[], Moment]
) -> int:
    """Do everything that is due by now, in the service's own name; return how much it was."""
    done = 0
    while True:
        at = moment()
        call = Call(organisation=service, request_id=at.new_id(), traceparent=new_traceparent())
        async with transaction(pool) as connection:
            count = await act(connection, call=call, moment=at)
        done += count
        if count < batch:
            return done
