"""A consumer's database: its positions, a table of effects, and a handler that adds to it."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec

from kuntavayla.database import Connection
from kuntavayla.events import sequence_text
from kuntavayla.inbox import IncomingEvent
from kuntavayla.testing import DatabaseServer, TestDatabase

EFFECTS = "SELECT array_agg(number ORDER BY id) FROM effects"


def an_event(number: int, *, epoch: int = 1) -> IncomingEvent:
    return IncomingEvent(
        id=f"id-{number}",
        type="fi.kuntavayla.thing.done.v1",
        subject="somebody",
        time="2021-03-01T06:02:11.004Z",
        sequence=sequence_text(epoch, number),
        data=msgspec.Raw(b'{"number":%d}' % number),
    )


async def keep(connection: Connection, events: Sequence[IncomingEvent]) -> None:
    """Give events their effect: a row each."""
    numbers = [msgspec.json.decode(event.data)["number"] for event in events]
    await connection.executemany(
        "INSERT INTO effects (number) VALUES ($1)", [(number,) for number in numbers]
    )


@contextlib.asynccontextmanager
async def consumer_database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    """Give a database of a consumer: its positions, and a table of effects."""
    async with databases.database("routing_api", role="routing_api") as database:
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute("CREATE TABLE effects (id bigserial PRIMARY KEY, number int)")
        await connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO routing_api")
        await connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO routing_api")
        await connection.close()
        yield database
