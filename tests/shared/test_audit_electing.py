import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg

from kuntavayla.audit import keep_sealing
from kuntavayla.audit.electing import SEAL_LOCK, SealReport
from kuntavayla.database import Pool
from kuntavayla.testing import TestDatabase
from tests.shared.audit_examples import a_sealer, found, written

LIMIT_S = 30


class Reported:
    """What running sealers report, and the moments at which one leads and all lines are sealed."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self.lines = 0
        self.leaders: list[str] = []
        self.led = asyncio.Event()
        self.done = asyncio.Event()

    def sealed(self, value: float) -> None:
        self.lines += int(value)
        if self.lines >= self._wanted:
            self.done.set()

    def report(self, name: str) -> SealReport:
        def leads(value: float) -> None:
            if value:
                self.leaders.append(name)
                self.led.set()

        return SealReport(leads=leads, sealed=self.sealed)


@contextlib.asynccontextmanager
async def running(
    database: TestDatabase, reported: Reported, name: str = "first"
) -> AsyncIterator[None]:
    task = asyncio.create_task(
        keep_sealing(database.url, a_sealer(), report=reported.report(name), interval_s=0.01)
    )
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_one_process_seals_and_another_goes_on_when_it_has_gone(
    pool: Pool, database: TestDatabase
) -> None:
    before, after = Reported(3), Reported(2)
    async with asyncio.timeout(LIMIT_S), contextlib.AsyncExitStack() as leading:
        await leading.enter_async_context(running(database, before))
        await before.led.wait()
        async with running(database, after, "second"):
            await written(pool, 3)
            await before.done.wait()
            stood_by = after.leaders == []
            await leading.aclose()
            await written(pool, 2)
            await after.done.wait()

    assert stood_by
    assert (before.lines, after.lines) == (3, 2)
    assert await found(pool) == []


async def test_a_sealer_that_loses_its_connection_is_elected_anew(
    pool: Pool, database: TestDatabase, owner: asyncpg.Connection
) -> None:
    reported = Reported(2)
    async with asyncio.timeout(LIMIT_S), running(database, reported):
        await reported.led.wait()
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND (classid::bigint << 32) + objid::bigint = $1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            SEAL_LOCK,
        )
        await written(pool, 2)
        await reported.done.wait()

    assert await found(pool) == []
