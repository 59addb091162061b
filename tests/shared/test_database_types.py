from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from kuntavayla.database import open_pool
from kuntavayla.database.known_types import KnowingConnection
from kuntavayla.testing import DatabaseServer, TestDatabase

ASKED = r"SELECT count(*) FROM pg_prepared_statements WHERE statement ~ '^\s*WITH RECURSIVE typeinfo'"
IDS = [UUID("0177ec61-3ab9-7893-923f-000000000001")]
TIMES = [datetime(2021, 3, 1, 6, tzinfo=UTC)]


async def ask(connection: asyncpg.Connection) -> tuple[object, object]:
    found = await connection.fetchrow(
        "SELECT $1::uuid[] AS ids, $2::timestamptz[] AS at", IDS, TIMES
    )
    assert found is not None
    return found["ids"], found["at"]


async def test_a_server_is_asked_of_its_own_types_once_in_a_process(database: TestDatabase) -> None:
    pool = await open_pool(database.url)
    async with pool.acquire() as first, pool.acquire() as second:
        answers = [await ask(first), await ask(second)]
        asked = await second.fetchval(ASKED)
    await pool.close()

    assert answers == [(IDS, TIMES)] * 2
    assert asked == 0


async def test_types_of_a_database_are_asked_for_on_each_connection(
    databases: DatabaseServer,
) -> None:
    said = []
    for names in (("one", "other"), ("colour", "shape")):
        async with databases.empty(role="routing_api") as database:
            connection = await asyncpg.connect(
                database.owner_url, connection_class=KnowingConnection
            )
            await connection.execute(f"CREATE TYPE pair AS ({names[0]} int, {names[1]} text)")
            pair = await connection.fetchval("SELECT ROW(1, 'a')::pair")
            said.append((dict(pair), await connection.fetchval(ASKED)))
            await connection.close()

    assert said == [({"one": 1, "other": "a"}, 1), ({"colour": 1, "shape": "a"}, 1)]
