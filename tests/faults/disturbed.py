"""Consumers of ours whose source repeats, returns to old batches, and loses answers.

They keep what had effect in a table without any rule of its own, so that a double effect shows.
"""

import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from kuntavayla.database import Connection, open_pool
from kuntavayla.inbox import (
    FeedSource,
    Inbox,
    IncomingEvent,
    KafkaSource,
    OneStream,
    SourceAway,
    SourceBatch,
    Streams,
)
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.case_systems.tables import ROLE
from tests.faults.postgres import Postgres
from tests.faults.stack import Stack

NAMES = ("cs-sotkamo", "cs-tampere")
SHARES = {"repeated": 0.3, "returned": 0.15, "lost": 0.1, "cut off": 0.1}
"""How often a batch repeats events, is an old one, gets lost, or is cut off behind its effects."""
FIRST_AT_LATEST = 3
REPEATED_MAX = 20
KEPT_MAX = 500
TABLE = f"""
CREATE TABLE disturbed_effects (
    number bigint GENERATED ALWAYS AS IDENTITY, consumer text, event_id text, subject text
);
GRANT SELECT, INSERT ON disturbed_effects TO {ROLE}
"""
APPEND = """
INSERT INTO disturbed_effects (consumer, event_id, subject)
SELECT $1, event_id, subject FROM unnest($2::text[], $3::text[]) AS new (event_id, subject)
"""
COUNTS = (CASE_SYSTEMS, "SELECT consumer, count(*) FROM disturbed_effects GROUP BY consumer")


async def prepare(postgres: Postgres) -> None:
    """Make the table in a database that was made anew."""
    await postgres.execute(CASE_SYSTEMS, TABLE)


class Disturbed:
    """Streams as a bad day gives them: nothing new is left out, much comes again, in old order."""

    def __init__(self, streams: Streams, rng: random.Random) -> None:
        self._streams = streams
        self._rng = rng
        self._old: dict[str, list[SourceBatch]] = {}
        self.counts = dict.fromkeys(SHARES, 0)
        self._chances = dict.fromkeys(SHARES, 0)

    def strikes(self, kind: str) -> bool:
        """Say whether a disturbance strikes at this chance, and count it.

        One that never struck does so at its `FIRST_AT_LATEST`th chance.
        """
        self._chances[kind] += 1
        is_due = not self.counts[kind] and self._chances[kind] >= FIRST_AT_LATEST
        is_drawn = self._rng.random() < SHARES[kind]
        self.counts[kind] += is_due or is_drawn
        return is_due or is_drawn

    async def names(self) -> Collection[str]:
        """Return the streams to read now; see `Streams`."""
        return await self._streams.names()

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return what is behind the cursors, or what was, or lose it; see `Streams`."""
        old = [name for name in cursors if self._old.get(name)]
        if old and self.strikes("returned"):
            name = self._rng.choice(old)
            return {name: self._rng.choice(self._old[name])}
        batches = await self._streams.next_batches(cursors)
        if self.strikes("lost"):
            raise SourceAway
        return {name: self._disturb(name, batch) for name, batch in batches.items()}

    def _disturb(self, name: str, batch: SourceBatch) -> SourceBatch:
        kept = self._old.setdefault(name, [])
        if batch.events:
            kept.append(batch)
            del kept[:-KEPT_MAX]
        if not kept or not self.strikes("repeated"):
            return batch
        before = self._rng.choice(kept).events[:REPEATED_MAX]
        behind = [*batch.events, *self._rng.choice(kept).events][:REPEATED_MAX]
        self._rng.shuffle(behind)
        return SourceBatch([*before, *batch.events, *behind], batch.next_cursor)


class DisturbedConsumer:
    """A consumer of one recipient's common events."""

    def __init__(self, stack: Stack, recipient: str, rng: random.Random) -> None:
        self.recipient = recipient
        self.consumer = f"disturbed.{recipient}"
        self._stack = stack
        self._rng = rng
        self.streams: Disturbed | None = None

    def missing(self) -> list[str]:
        """Return which disturbances never struck."""
        counts = {} if self.streams is None else self.streams.counts
        return [
            f"no batch of {self.consumer} was {kind}" for kind in SHARES if not counts.get(kind)
        ]

    async def run(self) -> None:
        """Consume until cancelled."""
        url = self._stack.postgres.server.url(CASE_SYSTEMS, role=ROLE)
        pool = await open_pool(url, connections_max=2)
        try:
            async with self._source() as source:
                self.streams = Disturbed(source, self._rng)
                inbox = Inbox(pool, self.streams, consumer=self.consumer)
                await inbox.run(self._handle)
        finally:
            await pool.close()

    @asynccontextmanager
    async def _source(self) -> AsyncIterator[Streams]:
        if self._stack.broker is None:
            # The caller authorizes over what the source says, and renews the token.
            async with httpx.AsyncClient(auth=self._stack.callers[self.recipient]) as client:
                url = f"{self._stack.routing_url}/events"
                yield OneStream(FeedSource(client, url=url, token=self._token), "feed")
            return
        source = KafkaSource(
            self._stack.broker.connection,
            topics=[f"kv.routing-api.{self.recipient}.v1"],
            group=self.consumer,
        )
        try:
            yield source
        finally:
            await source.close()

    async def _token(self) -> str:
        return self._stack.callers[self.recipient].token

    async def _handle(self, connection: Connection, events: Sequence[IncomingEvent]) -> None:
        await connection.execute(
            APPEND,
            self.consumer,
            [event.id for event in events],
            [event.subject for event in events],
        )
        assert self.streams is not None
        if self.streams.strikes("cut off"):
            raise SourceAway
