"""A consumer that parks: its database, its messages, and a handler that some of them poison."""

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from kuntavayla import inbox
from kuntavayla.database import Connection, Pool, open_pool, transaction
from kuntavayla.errors import DomainError, Kind, Unavailable
from kuntavayla.events import new_ids_at, sequence_text
from kuntavayla.inbox import (
    Consumption,
    Edited,
    Inbox,
    Incoming,
    IncomingEvent,
    Malformed,
    OneStream,
    ParkedFilter,
    Parking,
    Refused,
    Repair,
    Sealing,
    SourceBatch,
    StopLimits,
    Who,
    offset_text,
    parked,
    repairing,
)
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla.values.digests import KeyedDigest

CONSUMER, STREAM = "relay", "topic/0"
NOW = datetime(2021, 3, 1, 6, 2, 11, 4_000, tzinfo=UTC)
EMPTY = """
TRUNCATE effects, inbox_positions, inbox_tallies, inbox_keys, inbox_parked, inbox_consumers,
         inbox_repairs
"""
ROWS = """
SELECT key, place, state, reason, attempts FROM inbox_parked ORDER BY number
"""


class ThingRefused(DomainError):
    """The thing cannot be."""

    kind = Kind.CONFLICT
    code = "thing_refused"


class CrashedProcess(BaseException):
    """The process ends here."""


def an_event(number: int, key: str = "a", **more: Any) -> IncomingEvent:  # noqa: ANN401
    """Return the number-th event of a stream, about one key."""
    fields: dict[str, Any] = {
        "id": f"0177f6f0-9d20-76b5-8a23-{number:012d}",
        "type": "fi.kuntavayla.thing.done.v1",
        "subject": key,
        "time": "2021-03-01T06:02:11.004Z",
        "sequence": sequence_text(1, number),
        "data": msgspec.Raw(msgspec.json.encode({"number": number, "key": key})),
        "place": f"topic/0/{number}",
        **more,
    }
    return IncomingEvent(**fields)


def garbage(number: int, key: str = "a", **more: Any) -> Malformed:  # noqa: ANN401
    fields: dict[str, Any] = {
        "headers": (("ce_id", b"\xff"),),
        "body": b"\x00garbage",
        "reason": "attribute_malformed",
        "key": key.encode(),
        "place": f"topic/0/{number}",
        "sequence": sequence_text(1, number),
        **more,
    }
    return Malformed(**fields)


def from_outside(incoming: Incoming) -> Incoming:
    """Return a message as a source from outside gives it: ordered by its offset."""
    offset = int(incoming.place.rpartition("/")[2])
    return msgspec.structs.replace(incoming, sequence=offset_text(offset), key=_key(incoming))


def _key(incoming: Incoming) -> bytes | None:
    return incoming.key if isinstance(incoming, Malformed) else incoming.subject.encode()


class ListSource:
    """A stream whose messages stand in a list; its cursor is a place in it."""

    def __init__(self, messages: Sequence[Incoming], *, page: int = 1_000) -> None:
        self.messages = list(messages)
        self.page = page

    async def next_batch(self, cursor: str) -> SourceBatch:
        first = 0 if cursor == "earliest" else int(cursor)
        batch = self.messages[first : first + self.page]
        return SourceBatch(batch, str(first + len(batch)))


class Sealed(Struct, frozen=True):
    ciphertext: bytes
    key_id: str


class OneKey:
    """A vault of one key."""

    def __init__(self) -> None:
        self._cipher = AESGCM(bytes(32))

    def seal(self, plain: bytes, *, belongs_to: str) -> Sealed:
        nonce = os.urandom(12)
        return Sealed(nonce + self._cipher.encrypt(nonce, plain, belongs_to.encode()), "k1")

    def open(self, ciphertext: bytes, *, key_id: str, belongs_to: str) -> bytes:
        assert key_id == "k1"
        return self._cipher.decrypt(ciphertext[:12], ciphertext[12:], belongs_to.encode())


class Consumer:
    """A consumer under test: what poisons it, what it has done, and its clock."""

    def __init__(self, pool: Pool, *, limits: StopLimits | None = None) -> None:
        self.pool = pool
        self.poison: set[int] = set()
        self.away = 0
        self.crash_at: int | None = None
        self.now = NOW
        self.told: list[tuple[str, ...]] = []
        self.batches: list[int] = []
        self.ours = Parking(
            clock=lambda: self.now,
            on_parked=self._tell,
            limits=limits or StopLimits(),
        )
        self.outside = msgspec.structs.replace(
            self.ours, sealing=Sealing(OneKey(), KeyedDigest(b"a secret of the tests"))
        )
        self.parking = self.ours

    async def handle(self, connection: Connection, events: Sequence[IncomingEvent]) -> None:
        """Give events their effect: a row each; one that is poison breaks the whole batch."""
        self.batches.append(len(events))
        if self.away:
            self.away -= 1
            raise Unavailable(retry_after_s=1)
        for event in events:
            thing = msgspec.json.decode(event.data)
            await connection.execute(
                "INSERT INTO effects (key, number) VALUES ($1, $2)", thing["key"], thing["number"]
            )
            if thing["number"] == self.crash_at:
                raise CrashedProcess
            if thing["number"] in self.poison:
                raise ThingRefused

    async def _tell(self, _: Connection, refused: Sequence[Refused]) -> None:
        self.told += [one.codes for one in refused]

    def inbox(self, source: ListSource) -> Inbox:
        streams = OneStream(source, STREAM)
        return Inbox(self.pool, streams, consumer=CONSUMER, parking=self.parking)

    async def take(self, *messages: Incoming, page: int = 1_000) -> None:
        """Read a stream of these messages to its end."""
        source = ListSource(messages, page=page)
        reader = self.inbox(source)
        for _ in range(len(messages) // page + 1):
            await reader.step(self.handle)

    async def effects(self) -> dict[str, list[int]]:
        """Return the numbers that had effect, by key, in order."""
        rows = await self.pool.fetch("SELECT key, number FROM effects ORDER BY id")
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(row["key"], []).append(row["number"])
        return found

    async def rows(self) -> list[tuple[str, int, str, str | None, int]]:
        """Return key, number, state, reason and attempts of what was parked or queued, in order."""
        return [
            (row["key"], int(row["place"].rpartition("/")[2]), *list(row)[2:])
            for row in await self.pool.fetch(ROWS)
        ]

    async def parked_id(self, number: int) -> str:
        """Return the id of the newest row of a message."""
        found: str = await self.pool.fetchval(
            "SELECT parked_id::text FROM inbox_parked WHERE place = $1 ORDER BY number DESC",
            f"topic/0/{number}",
        )
        return found

    async def key_states(self) -> dict[str, str]:
        return {row["key"]: row["state"] for row in await self.pool.fetch("TABLE inbox_keys")}

    def consumption(self, consumer: str) -> Consumption | None:
        return Consumption(self.handle, self.parking) if consumer == CONSUMER else None

    def who(self) -> Who:
        self.now += timedelta(milliseconds=1)
        return Who(
            repair_id=new_ids_at(self.now)(),
            organisation="operator",
            official_id="operator:u-1",
            reason="mended in the tests",
            at=self.now,
        )

    async def repair(self, action: repairing.Action, *numbers: int) -> Repair:
        """Repair the messages with these numbers, all in one transaction."""
        ids = [await self.parked_id(number) for number in numbers]
        async with transaction(self.pool) as connection:
            messages = await repairing.lock_parked(connection, ids)
            return await repairing.repair(
                connection, messages, action, who=self.who(), consumptions=self.consumption
            )

    async def repair_all(self, action: repairing.Action, *, expected_count: int) -> Repair:
        """Repair every parked message, after a count."""
        async with transaction(self.pool) as connection:
            ids = await repairing.choose(connection, ParkedFilter(), expected_count=expected_count)
            messages = await repairing.lock_parked(connection, ids)
            return await repairing.repair(
                connection, messages, action, who=self.who(), consumptions=self.consumption
            )

    async def edit(self, number: int, edited: Edited) -> Repair:
        async with transaction(self.pool) as connection:
            [message] = await repairing.lock_parked(connection, [await self.parked_id(number)])
            await repairing.edit(connection, message, edited, parking=self.parking)
            [message] = await parked.find_messages(connection, [message.parked_id])
            return await repairing.repair(
                connection, [message], "edit", who=self.who(), consumptions=self.consumption
            )


@contextlib.asynccontextmanager
async def an_empty_pool(database: TestDatabase) -> AsyncIterator[Pool]:
    """Give the service's own pool on the database, emptied of what earlier tests left."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(EMPTY)
    await owner.close()
    pool = await open_pool(database.url)
    yield pool
    await pool.close()


@contextlib.asynccontextmanager
async def a_consumer_database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    """Give a database with the tables of an inbox that parks, and a table of effects."""
    metadata = sa.MetaData()
    inbox.add_table(metadata)
    inbox.add_parking_tables(metadata)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    # The role comes with the template; the tables are those of the inbox alone.
    await databases.template("routing_api", role="routing_api")
    async with databases.empty(role="routing_api") as database:
        connection = await asyncpg.connect(database.owner_url)
        for table in metadata.sorted_tables:
            await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
        await connection.execute(
            "CREATE TABLE effects (id bigserial PRIMARY KEY, key text, number int)"
        )
        await connection.execute("GRANT USAGE ON SCHEMA public TO routing_api")
        await connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO routing_api")
        await connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO routing_api")
        await connection.close()
        yield database
