"""What every route shares: the composed parts of the process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from msgspec import Struct
from starlette.requests import Request

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.http import BodyLimits


class Desk(Struct, frozen=True, kw_only=True):
    """The parts that the composition root has put together for the routes of one process."""

    pool: Pool
    clock: Callable[[], datetime]
    body_limits: BodyLimits
    bulk_limits: BodyLimits

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open the one transaction of a call; it has committed when the block ends."""
        async with transaction(self.pool) as connection:
            yield connection


def desk_of(request: Request) -> Desk:
    """Return the desk of the app that serves a request."""
    desk: Desk = request.app.state.desk
    return desk
