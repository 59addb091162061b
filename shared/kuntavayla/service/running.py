"""What lives as long as the app of a service runs, opened and closed in the same order by all.

A service's composition root says what its desk is made of and which loops run beside it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI
from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector

from kuntavayla.audit import SealKey, SealKeys
from kuntavayla.database import AGAIN, AWAY, BUSY, Pool, open_pool, transaction
from kuntavayla.feed import StreamWaiters
from kuntavayla.http import MicroBatcher, RateLimit, Remedy
from kuntavayla.service.routes.desk import ServiceDesk
from kuntavayla.settings import SealSettings, ServiceSettings
from kuntavayla.telemetry import start_metrics_server
from kuntavayla.values.calendar import is_working_day

Clock = Callable[[], datetime]
UNAVAILABLE: tuple[type[BaseException], ...] = (*AWAY, *AGAIN, *BUSY)
"""Failures that pass: the database is away, or others hold what a call needs for too long."""


class Composed(Struct, frozen=True, kw_only=True):
    """The desk of a process, the batchers that are emptied at its end, and its loops.

    Each loop may run in every process at the same time.
    """

    desk: ServiceDesk
    batchers: Sequence[MicroBatcher[Any, Any]] = ()
    loops: Sequence[Coroutine[Any, Any, None]]


Compose = Callable[[Pool, StreamWaiters], Composed]
"""Puts the parts of a process together, once its pool is open."""


class Running:
    """What lives as long as the app runs: pool, listener, loops, metrics port.

    `client` fetches the issuer's keys, and is closed with the rest.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        metrics: CollectorRegistry,
        client: httpx.AsyncClient | None,
        compose: Compose,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._client = client
        self._compose = compose
        self._pool: Pool | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Open everything, serve, close everything in the other order."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        async with contextlib.AsyncExitStack() as stack:
            pool = self._pool = await open_pool(
                url, connections_max=settings.database_connections_max
            )
            stack.push_async_callback(pool.close)
            if self._client is not None:
                stack.push_async_callback(self._client.aclose)
            waiters = StreamWaiters(url)
            await stack.enter_async_context(waiters.listening())
            composed = self._compose(pool, waiters)
            for batcher in composed.batchers:
                stack.push_async_callback(batcher.close)
            for loop in composed.loops:
                stack.push_async_callback(_end, asyncio.create_task(loop))
            server = start_metrics_server(
                settings.metrics_port, registry=self._metrics, host=settings.metrics_host
            )
            stack.callback(server.close)
            app.state.desk = composed.desk
            app.state.metrics_port = server.port
            app.state.before_end = waiters.end
            # The calendar is read at its first use, which takes half a second that no request
            # should pay.
            is_working_day(composed.desk.moment().today)
            yield

    async def probe(self) -> None:
        """Return where the database answers; raises one of AWAY where not."""
        if self._pool is None:
            raise ConnectionError
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT 1")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def machine_clock() -> datetime:
    """Return the machine's time; the sandbox passes a clock of its own."""
    return datetime.now(UTC)


def metrics_of_process() -> CollectorRegistry:
    """Return the metrics of one app: those of the process itself, to which its parts add theirs."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def rate_limit_of(settings: ServiceSettings) -> RateLimit:
    """Return how many calls an organisation may make of one process."""
    return RateLimit(calls_per_s=settings.rate_calls_per_s, burst_calls=settings.rate_burst_calls)


def seal_key_of(settings: SealSettings) -> SealKey:
    """Return the key that signs the audit's blocks."""
    key_id, key = settings.audit_signing_key.newest
    return SealKey(key_id, key.secret)


def seal_keys_of(settings: SealSettings) -> SealKeys:
    """Return the public keys that may have signed blocks, the one in use first."""
    key = seal_key_of(settings)
    retired = {name: public.secret for name, public in settings.audit_retired_keys.keys}
    retired.pop(key.key_id, None)
    return SealKeys({key.key_id: key.public_bytes, **retired})


def remedy_of(error: Exception) -> Remedy:
    """Say what helps against a failed batch: again, in halves, or nothing."""
    if isinstance(error, AGAIN):
        return Remedy.REPEAT
    # A value that asyncpg can not send is an InterfaceError too, and no server is away for it.
    if isinstance(
        error, ValueError | asyncpg.DataError | asyncpg.IntegrityConstraintViolationError
    ):
        return Remedy.SPLIT
    return Remedy.NONE
