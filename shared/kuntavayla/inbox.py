"""The inbox: events in, with effect once.

One transaction holds the effects of a batch, the consumer's next cursor, and the highest sequence
seen of the stream. A sequence at or below it is a redelivery: counted, without effect. A failure
that passes by itself repeats the batch and never drops one; any other stops the consumer with its
position unmoved.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import httpx
import msgspec
import sqlalchemy as sa
from msgspec import Struct

from kuntavayla.database import AGAIN, AWAY, BUSY, Connection, Pool, transaction
from kuntavayla.feed import LIMIT_MAX, WAIT_S_MAX
from kuntavayla.telemetry import log

BACKOFF_S_MAX = 10.0
BACKOFF_S_MIN = 0.1
FEED_ANSWER_S_MAX = WAIT_S_MAX + 15

OPEN_POSITION = """
INSERT INTO inbox_positions (consumer, stream, cursor, sequence) VALUES ($1, $2, 'earliest', '')
ON CONFLICT (consumer, stream) DO NOTHING
"""
FIND_POSITION = "SELECT cursor FROM inbox_positions WHERE consumer = $1 AND stream = $2"
LOCK_POSITION = """
SELECT cursor, sequence FROM inbox_positions WHERE consumer = $1 AND stream = $2 FOR UPDATE
"""
MOVE_POSITION = """
UPDATE inbox_positions SET cursor = $3, sequence = $4 WHERE consumer = $1 AND stream = $2
"""


class IncomingEvent(Struct, frozen=True):
    """An event as a consumer reads it; unknown attributes are accepted and ignored."""

    id: str
    type: str
    subject: str
    time: str
    sequence: str
    data: msgspec.Raw
    traceparent: str = ""
    causationid: str = ""


class SourceBatch(Struct, frozen=True):
    """Events of one stream in order, and the cursor behind them."""

    events: Sequence[IncomingEvent]
    next_cursor: str


class SourceAway(Exception):
    """The publisher cannot be read now; the same read again later is safe."""


class CursorRefused(Exception):
    """The publisher no longer knows the cursor: start again from its snapshot."""


PASSING: tuple[type[BaseException], ...] = (SourceAway, *AWAY, *AGAIN, *BUSY)
"""Failures that pass by themselves: the batch is read again."""


class Source(Protocol):
    """Where batches come from; a feed now, a broker's partition likewise."""

    async def next_batch(self, cursor: str) -> SourceBatch:
        """Return the events behind a cursor, waiting a while for the first."""


Handler = Callable[[Connection, Sequence[IncomingEvent]], Awaitable[None]]
TokenSource = Callable[[], Awaitable[str]]

_decode_events = msgspec.json.Decoder(list[IncomingEvent]).decode


class FeedSource:
    """Reads a publisher's feed over HTTP by long polls."""

    def __init__(self, client: httpx.AsyncClient, *, url: str, token: TokenSource) -> None:
        self._client = client
        self._url = url
        self._token = token

    async def next_batch(self, cursor: str) -> SourceBatch:
        """Return at most 1,000 events; an empty batch after 25 s without any."""
        parameters = {"after": cursor, "limit": str(LIMIT_MAX), "wait": str(WAIT_S_MAX)}
        try:
            answer = await self._client.get(
                self._url,
                params=parameters,
                headers={"Authorization": f"Bearer {await self._token()}"},
                timeout=FEED_ANSWER_S_MAX,
            )
        except httpx.TransportError as error:
            raise SourceAway from error
        if answer.status_code == httpx.codes.GONE:
            raise CursorRefused
        if answer.status_code != httpx.codes.OK:
            log.warning("inbox.source_refused", status=answer.status_code)
            raise SourceAway
        return SourceBatch(_decode_events(answer.content), answer.headers["Next-Cursor"])


def add_table(metadata: sa.MetaData) -> None:
    """Add the consumer positions to a service's tables."""
    sa.Table(
        "inbox_positions",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
    )


class Inbox:
    """One consumer's reading of one stream: fetch, then effects and position in one transaction."""

    def __init__(self, pool: Pool, source: Source, *, consumer: str, stream: str) -> None:
        self._pool = pool
        self._source = source
        self._consumer = consumer
        self._stream = stream
        self.redeliveries = 0

    async def run(self, handle: Handler) -> None:
        """Consume until cancelled; raises CursorRefused, and whatever the handler cannot do."""
        failures = 0
        while True:
            try:
                await self.step(handle)
                failures = 0
            except PASSING as error:
                failures += 1
                log.warning("inbox.repeating", error_type=type(error).__name__, failures=failures)
                ceiling = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2**failures)
                await asyncio.sleep(random.uniform(BACKOFF_S_MIN, ceiling))  # noqa: S311

    async def step(self, handle: Handler) -> int:
        """Read one batch and give it effect; return how many events were new."""
        async with transaction(self._pool) as connection:
            cursor = await connection.fetchval(FIND_POSITION, self._consumer, self._stream)
            if cursor is None:
                await connection.execute(OPEN_POSITION, self._consumer, self._stream)
                cursor = "earliest"
        batch = await self._source.next_batch(cursor)
        if batch.next_cursor == cursor:
            return 0
        async with transaction(self._pool) as connection:
            return await self._apply(connection, batch, read_from=cursor, handle=handle)

    async def _apply(
        self, connection: Connection, batch: SourceBatch, *, read_from: str, handle: Handler
    ) -> int:
        position: Any = await connection.fetchrow(LOCK_POSITION, self._consumer, self._stream)
        if position["cursor"] != read_from:
            # Another process of this consumer was faster: read again from where it stands.
            return 0
        seen: str = position["sequence"]
        fresh = fresh_of(batch.events, seen=seen)
        self.redeliveries += len(batch.events) - len(fresh)
        if fresh:
            await handle(connection, fresh)
            seen = fresh[-1].sequence
        await connection.execute(
            MOVE_POSITION, self._consumer, self._stream, batch.next_cursor, seen
        )
        return len(fresh)


def fresh_of(events: Sequence[IncomingEvent], *, seen: str) -> list[IncomingEvent]:
    """Return the events that are newer than `seen` and than those before them in the batch."""
    fresh: list[IncomingEvent] = []
    for event in events:
        if event.sequence > seen:
            fresh.append(event)
            seen = event.sequence
    return fresh
