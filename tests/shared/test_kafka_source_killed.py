import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from kuntavayla.database import Pool, open_pool
from kuntavayla.inbox import Inbox
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla_sandbox.broker import Broker
from tests.shared.consumer_process import Start
from tests.shared.inbox_example import consumer_database, keep
from tests.shared.kafka_reading import (
    WITHIN_S,
    a_source,
    count_effects,
    effects_by_partition,
    reach,
    read_until,
    reading,
    spread,
)
from tests.topics import a_name, make_topic

CONSUMER = "cs-sotkamo"


@pytest.fixture
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with consumer_database(databases) as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url)
    yield pool
    await pool.close()


@pytest.fixture
async def topic(broker: Broker) -> str:
    return await make_topic(broker, a_name())


@pytest.fixture
async def start(broker: Broker, topic: str, database: TestDatabase) -> Start:
    return Start(
        database_url=database.url, bootstrap=broker.bootstrap, topic=topic, consumer=CONSUMER
    )


@contextlib.asynccontextmanager
async def consumer_process(start: Start) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a consumer in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.shared.consumer_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(start) + b"\n")
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.journey
async def test_a_process_killed_between_effects_and_commit_loses_nothing_and_doubles_nothing(
    broker: Broker, start: Start, pool: Pool
) -> None:
    await spread(broker, start.topic, range(300))
    async with consumer_process(msgspec.structs.replace(start, dies_after=40)) as killed:
        await asyncio.wait_for(killed.wait(), WITHIN_S)

    async def is_done() -> bool:
        return await count_effects(pool) >= 300

    async with consumer_process(start):
        await reach(is_done)

    assert killed.returncode == -9
    assert await effects_by_partition(pool) == [list(range(p, 300, 6)) for p in range(6)]


@pytest.mark.journey
async def test_processes_share_the_partitions_and_one_that_is_killed_is_taken_over_from(
    broker: Broker, start: Start, pool: Pool
) -> None:
    dying = msgspec.structs.replace(start, dies_after=200)
    async with consumer_process(start), consumer_process(dying) as killed, consumer_process(start):
        for first in range(0, 3_000, 300):
            await spread(broker, start.topic, range(first, first + 300))
            # What is sent again by a publisher that was killed comes at new offsets.
            await spread(broker, start.topic, range(max(0, first - 60), first))

        async def is_done() -> bool:
            return await count_effects(pool) >= 3_000

        await reach(is_done)

    assert killed.returncode == -9
    assert await effects_by_partition(pool) == [list(range(p, 3_000, 6)) for p in range(6)]


@pytest.mark.journey
async def test_a_broker_that_starts_again_is_read_on(pool: Pool, tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        topic = await make_topic(broker, a_name())
        await spread(broker, topic, range(6))
        async with reading(a_source(broker, topic)) as source:
            reader = Inbox(pool, source, consumer=CONSUMER)
            await read_until(pool, reader, count=6)
            running = asyncio.create_task(reader.run(keep))
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await spread(broker, topic, range(6, 12))

            async def is_done() -> bool:
                return await count_effects(pool) >= 12

            await reach(is_done)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert await effects_by_partition(pool) == [[p, p + 6] for p in range(6)]
