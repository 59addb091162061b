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
REPEATS, RETURNS, LOST, CUT_OFF = 0.3, 0.15, 0.1, 0.1
"""How often a batch repeats events, is an old one, gets lost, or is cut off behind its effects."""
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
        self.counts = dict.fromkeys(("repeated", "returned", "lost", "cut off"), 0)

    async def names(self) -> Collection[str]:
        """Return the streams to read now; see `Streams`."""
        return await self._streams.names()

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return what is behind the cursors, or what was, or lose it; see `Streams`."""
        old = [name for name in cursors if self._old.get(name)]
        if old and self._rng.random() < RETURNS:
            self.counts["returned"] += 1
            name = self._rng.choice(old)
            return {name: self._rng.choice(self._old[name])}
        batches = await self._streams.next_batches(cursors)
        if self._rng.random() < LOST:
            self.counts["lost"] += 1
            raise SourceAway
        return {name: self._disturb(name, batch) for name, batch in batches.items()}

    def _disturb(self, name: str, batch: SourceBatch) -> SourceBatch:
        kept = self._old.setdefault(name, [])
        if batch.events:
            kept.append(batch)
            del kept[:-KEPT_MAX]
        if not kept or self._rng.random() >= REPEATS:
            return batch
        self.counts["repeated"] += 1
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
        if self._rng.random() < CUT_OFF:
            assert self.streams is not None
            self.streams.counts["cut off"] += 1
            raise SourceAway
