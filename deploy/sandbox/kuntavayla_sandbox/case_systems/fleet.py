"""All case systems of the process.

Opened together, counted from what is stored, run until the process ends.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
from msgspec.structs import replace

from kuntavayla.database import AWAY, Pool, open_pool
from kuntavayla.telemetry import log
from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.configuration import Configuration
from kuntavayla_sandbox.case_systems.information.worker import Telling
from kuntavayla_sandbox.case_systems.worker import (
    AWAY_PAUSE_S,
    CALLS_IN_FLIGHT_MAX,
    CaseSystem,
    Shared,
)
from kuntavayla_sandbox.week import Week, shares

CONNECTIONS_MAX = 8


class Fleet:
    """The case systems, what they tell the TE offices, and what they share."""

    def __init__(
        self, pool: Pool, case_systems: list[CaseSystem], tellings: Sequence[Telling] = ()
    ) -> None:
        self.pool = pool
        self.case_systems = case_systems
        self.tellings = tellings

    async def load_progress(self) -> None:
        """Begin the counts with what is stored; waits for a database that is away."""
        counts = await self._count_states()
        for system in self.case_systems:
            system.progress.start_from(counts.get(system.case_system_id, {}))

    async def _count_states(self) -> dict[str, dict[str, int]]:
        while True:
            try:
                async with self.pool.acquire() as connection:
                    return await store.count_states(connection)
            except AWAY as error:
                log.warning("case_systems.waiting", error_type=type(error).__name__)
                await asyncio.sleep(AWAY_PAUSE_S)

    async def run(self) -> None:
        """Let all case systems work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for system in self.case_systems:
                group.create_task(system.run())
            for telling in self.tellings:
                group.create_task(telling.run())

    async def keep_week(self, week: Week) -> dict[str, int]:
        """Make up a week of all case systems together; tell how many things each will send."""
        async with self.pool.acquire() as connection:
            states = await store.count_states(connection)
        held = {
            telling.case_system_id: states.get(telling.case_system_id, {}).get("acknowledged", 0)
            for telling in self.tellings
        }
        parts = shares(held, items=week.items)
        return {
            telling.case_system_id: await telling.keep_week(
                replace(week, items=parts[telling.case_system_id])
            )
            for telling in self.tellings
        }


@asynccontextmanager
async def open_fleet(configuration: Configuration) -> AsyncIterator[Fleet]:
    """Open the pool and the HTTP connections that the case systems share."""
    async with AsyncExitStack() as opened:
        pool = await open_pool(configuration.database_url, connections_max=CONNECTIONS_MAX)
        opened.push_async_callback(pool.close)
        shared = Shared(
            pool=pool,
            routing_url=configuration.routing_url,
            clock=configuration.clock,
            work=configuration.work,
            kafka=configuration.kafka,
            calls_in_flight=asyncio.Semaphore(CALLS_IN_FLIGHT_MAX),
        )
        certificates = httpx.create_ssl_context()
        case_systems, tellings = [], []
        for endpoint in configuration.endpoints:
            # A client looks at all its connections for each call; one client for all case systems
            # spent a quarter of the process's time on that.
            client = httpx.AsyncClient(verify=certificates)
            await opened.enter_async_context(client)
            case_systems.append(CaseSystem(endpoint, shared, client=client))
            if configuration.relay_url is not None:
                teller = await opened.enter_async_context(httpx.AsyncClient(verify=certificates))
                tellings.append(
                    Telling(
                        endpoint,
                        pool,
                        client=teller,
                        relay_url=configuration.relay_url,
                        kafka=configuration.kafka,
                    )
                )
        fleet = Fleet(pool, case_systems, tellings)
        await fleet.load_progress()
        yield fleet


@asynccontextmanager
async def working(fleet: Fleet) -> AsyncIterator[None]:
    """Let the case systems work inside the block.

    A fault that is not theirs to repeat ends the process.
    """
    task = asyncio.create_task(fleet.run())
    task.add_done_callback(_end_on_fault)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _end_on_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("case_systems.stopped", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)
