"""One consumer's reading of one stream: effects and position in one transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from kuntavayla.database import AGAIN, AWAY, BUSY, Connection, Pool, transaction
from kuntavayla.inbox.sources import IncomingEvent, Source, SourceAway, SourceBatch
from kuntavayla.telemetry import log

BACKOFF_S_MAX = 10.0
BACKOFF_S_MIN = 0.1

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

PASSING: tuple[type[BaseException], ...] = (SourceAway, *AWAY, *AGAIN, *BUSY)
"""Failures that pass by themselves: the batch is read again."""

Handler = Callable[[Connection, Sequence[IncomingEvent]], Awaitable[None]]


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
    """Return the events that are newer than `seen` and than those before them in the batch.

    One that was redelivered on request says nothing about the stream: where its sequence is newer,
    the stream itself has yet to bring it; where not, it was handled.
    """
    fresh: list[IncomingEvent] = []
    for event in events:
        if event.sequence > seen and not event.redeliveryid:
            fresh.append(event)
            seen = event.sequence
    return fresh
