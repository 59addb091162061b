"""A migrated database of its own for each test, and a pool of the service's role on it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from kuntavayla.database import Pool, open_pool
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla_sandbox.broker import Broker
from tests.shared.event_examples import KAJAANI, SOTKAMO
from tests.shared.published import Topics
from tests.shared.publishers import Bench


@pytest.fixture
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with databases.database("routing_api", role="routing_api") as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url)
    yield pool
    await pool.close()


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def bench(database: TestDatabase, pool: Pool, broker: Broker) -> Bench:
    """An outbox of its own, and topics of two recipients on the tests' broker."""
    topics = Topics(broker.bootstrap)
    await topics.make(SOTKAMO, KAJAANI)
    return Bench(database, pool, topics)
