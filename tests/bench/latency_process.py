"""A consumer of the row event-latency: notes when the effect of each event has committed."""

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec
from msgspec import Struct
from typing_extensions import override

from kuntavayla.database import Connection, Pool, open_pool
from kuntavayla.inbox import (
    FeedSource,
    Handler,
    Inbox,
    IncomingEvent,
    KafkaSource,
    OneStream,
    Streams,
)
from kuntavayla.outbox import topic_of
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.calls import Credentials, Tokens
from tests.bench.children import read_job, report

EFFECT = "INSERT INTO effects (number) SELECT unnest($1::bigint[])"


class LatencyJob(Struct, frozen=True, kw_only=True):
    """Which consumer reads how many events: from the broker where there is one, else the feed."""

    consumer: str
    count: int
    database_url: str
    feed_url: str
    credentials: Credentials
    kafka: KafkaConnection | None


class LatencyReport(Struct, frozen=True):
    """When the effect of each event had committed, by its number; seconds since the epoch."""

    committed_at_s: list[float]
    batches: int


class _Measured(Struct, frozen=True):
    number: int


_decode = msgspec.json.Decoder(_Measured).decode


class TimedInbox(Inbox):
    """An inbox that notes when a batch has committed."""

    def __init__(self, pool: Pool, streams: Streams, *, consumer: str, count: int) -> None:
        super().__init__(pool, streams, consumer=consumer)
        self.committed_at_s = [0.0] * count
        self.batches = 0
        self.seen = 0
        self._numbers: list[int] = []

    async def handle(self, connection: Connection, events: Sequence[IncomingEvent]) -> None:
        """Store a row for each event."""
        self._numbers = [_decode(event.data).number for event in events]
        await connection.execute(EFFECT, self._numbers)

    @override
    async def step(self, handle: Handler) -> int:
        """Read one batch and note when it has committed; see `Inbox`."""
        fresh = await super().step(handle)
        now_s = time.time()
        for number in self._numbers[:fresh]:
            self.committed_at_s[number] = now_s
        self.seen += fresh
        self.batches += fresh > 0
        return fresh


async def consume(job: LatencyJob) -> LatencyReport:
    """Consume until every event has had its effect."""
    pool = await open_pool(job.database_url, connections_max=2)
    async with httpx.AsyncClient() as client:
        source = None
        if job.kafka is not None:
            topics = [topic_of("routing-api", job.consumer)]
            source = KafkaSource(job.kafka, topics=topics, group=f"{job.consumer}.latency")
        feed = FeedSource(client, url=job.feed_url, token=Tokens(client, job.credentials))
        streams: Streams = source or OneStream(feed, "common")
        inbox = TimedInbox(pool, streams, consumer=job.consumer, count=job.count)
        while inbox.seen < job.count:
            await inbox.step(inbox.handle)
        if source is not None:
            await source.close()
    await pool.close()
    return LatencyReport(inbox.committed_at_s, inbox.batches)


if __name__ == "__main__":
    report(asyncio.run(consume(read_job(LatencyJob))))
