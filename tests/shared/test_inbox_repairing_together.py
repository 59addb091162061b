import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.inbox import (
    repairing,
)
from kuntavayla.inbox.repairing import (
    MessageNotParked,
)
from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.shared.parking_example import (
    Consumer,
    CrashedProcess,
    ListSource,
    a_consumer_database,
    an_empty_pool,
    an_event,
)

WAIT_S_MAX = 30
NOBODY = "0177f6f0-9d20-76b5-8a23-d5962217bead"
WAITERS = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.fixture(scope="module")
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with a_consumer_database(databases) as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    async with an_empty_pool(database) as pool:
        yield pool


@pytest.fixture
async def consumer(pool: Pool) -> Consumer:
    return Consumer(pool)


def states(rows: list[tuple[str, int, str, str | None, int]]) -> list[tuple[int, str]]:
    return [(number, state) for _, number, state, *_ in rows]


async def test_a_repair_and_the_consumer_of_one_key_go_one_after_the_other(
    consumer: Consumer, database: TestDatabase
) -> None:
    consumer.poison = {1}
    await consumer.take(*(an_event(n) for n in range(1, 4)))
    consumer.poison = set()
    other = Consumer(await open_pool(database.url))
    later = other.inbox(ListSource([an_event(n) for n in range(1, 6)]))
    parked_id = await consumer.parked_id(1)

    async with transaction(consumer.pool) as connection:
        messages = await repairing.lock_parked(connection, [parked_id])
        reading = asyncio.create_task(later.step(other.handle))
        await until_somebody_waits(database)
        await repairing.repair(
            connection, messages, "retry", who=consumer.who(), consumptions=consumer.consumption
        )
    await reading
    await other.pool.close()

    assert await consumer.effects() == {"a": [1, 2, 3, 4, 5]}


async def test_two_repairs_of_one_message_have_its_effect_once(
    consumer: Consumer,
) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1), an_event(2))
    consumer.poison = set()

    outcomes = await asyncio.gather(
        *(consumer.repair("retry", 1) for _ in range(4)), return_exceptions=True
    )

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, MessageNotParked) for outcome in outcomes) == 3
    assert await consumer.effects() == {"a": [1, 2]}


async def until_somebody_waits(database: TestDatabase) -> None:
    """Return when a session waits for a lock of another one."""
    watcher = await asyncpg.connect(database.owner_url)
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while not await watcher.fetchval(WAITERS):
                pass
    finally:
        await watcher.close()


@pytest.mark.parametrize("action", ["retry", "skip"])
@pytest.mark.parametrize(
    "table", ["inbox_parked", "inbox_keys", "inbox_repairs", "effects"], ids=str
)
async def test_a_crash_between_two_steps_of_a_repair_leaves_all_as_it_was(
    consumer: Consumer, database: TestDatabase, *, action: repairing.Action, table: str
) -> None:
    consumer.poison = {1}
    await consumer.take(*(an_event(n) for n in range(1, 4)))
    consumer.poison = set()
    before = await consumer.rows()
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    await owner.execute(
        f"CREATE TRIGGER die AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION die()"
    )

    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await consumer.repair(action, 1)
    await owner.execute(f"DROP TRIGGER die ON {table}")
    await owner.close()
    after_the_crash = (await consumer.rows(), await consumer.effects())
    await consumer.repair(action, 1)

    assert after_the_crash == (before, {})
    assert (await consumer.effects())["a"] == ([1, 2, 3] if action == "retry" else [2, 3])


async def test_a_process_that_dies_in_the_handler_of_a_repair_changes_nothing(
    consumer: Consumer,
) -> None:
    consumer.poison = {1}
    await consumer.take(an_event(1), an_event(2))
    consumer.poison, consumer.crash_at = set(), 2
    with pytest.raises(CrashedProcess):
        await consumer.repair("retry", 1)

    assert states(await consumer.rows()) == [(1, "parked"), (2, "queued")]
    assert await consumer.effects() == {}
