"""One consumer's reading of one stream: effects and position in one transaction."""

import asyncio
import random
from collections.abc import Container, Sequence
from typing import Any, TypeGuard

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.inbox import parked, stopping
from kuntavayla.inbox.flowing import Handler, passes
from kuntavayla.inbox.parking import Batch, Parking, take, unknown_of
from kuntavayla.inbox.sources import Incoming, IncomingEvent, Source, SourceBatch
from kuntavayla.telemetry import log

BACKOFF_S_MAX = 10.0
BACKOFF_S_MIN = 0.1
STOPPED_LOOK_S = 2.0
"""Seconds between two looks whether a stopped consumer was started again."""

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


class ConsumerStopped(Exception):
    """So much has parked that the consumer reads no further until an operator starts it again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MessageRefused(Exception):
    """A consumer without parking has read what is no event; its position stays before it."""


class Inbox:
    """One consumer's reading of one stream: fetch, then effects and position in one transaction.

    With `parking` a message that cannot be handled is parked and only its key waits; without it
    the consumer stops before such a message.
    """

    def __init__(
        self,
        pool: Pool,
        source: Source,
        *,
        consumer: str,
        stream: str,
        parking: Parking | None = None,
    ) -> None:
        self._pool = pool
        self._source = source
        self._consumer = consumer
        self._stream = stream
        self._parking = parking
        self.redeliveries = 0

    async def run(self, handle: Handler) -> None:
        """Consume until cancelled; raises CursorRefused, and whatever the handler cannot do.

        A consumer that has stopped looks now and then whether it was started again.
        """
        failures, stopped = 0, False
        while True:
            try:
                await self.step(handle)
                failures, stopped = 0, False
            except ConsumerStopped as stop:
                if not stopped:
                    log.error("inbox.stopped", consumer=self._consumer, reason=stop.reason)
                stopped = True
                await asyncio.sleep(STOPPED_LOOK_S)
            except Exception as error:
                if not passes(error):
                    raise
                failures += 1
                log.warning("inbox.repeating", error_type=type(error).__name__, failures=failures)
                ceiling = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2**failures)
                await asyncio.sleep(random.uniform(BACKOFF_S_MIN, ceiling))  # noqa: S311

    async def step(self, handle: Handler) -> int:
        """Read one batch and give it effect; return how many messages were new.

        Raises ConsumerStopped where the consumer is stopped, or stops with this batch.
        """
        async with transaction(self._pool) as connection:
            await self._require_running(connection)
            cursor = await connection.fetchval(FIND_POSITION, self._consumer, self._stream)
            if cursor is None:
                await connection.execute(OPEN_POSITION, self._consumer, self._stream)
                cursor = "earliest"
        batch = await self._source.next_batch(cursor)
        if batch.next_cursor == cursor:
            return 0
        async with transaction(self._pool) as connection:
            taken = await self._apply(connection, batch, read_from=cursor, handle=handle)
        if isinstance(taken, str):
            raise ConsumerStopped(taken)
        return taken

    async def _require_running(self, connection: Connection) -> None:
        if self._parking is not None:
            reason = await stopping.find_stop(connection, self._consumer)
            if reason is not None:
                raise ConsumerStopped(reason)

    async def _apply(
        self, connection: Connection, batch: SourceBatch, *, read_from: str, handle: Handler
    ) -> int | str:
        """Give a batch effect; return how many messages were new, or why the consumer stops."""
        position: Any = await connection.fetchrow(LOCK_POSITION, self._consumer, self._stream)
        if position["cursor"] != read_from:
            # Another process of this consumer was faster: read again from where it stands.
            return 0
        seen: str = position["sequence"]
        fresh = await self._fresh(connection, batch.events, seen=seen)
        self.redeliveries += len(batch.events) - len(fresh)
        cursor, taken, reason = batch.next_cursor, len(fresh), None
        if fresh:
            taken, reason = await self._handle(connection, fresh, handle=handle)
            seen = max(seen, *(incoming.sequence for incoming in fresh[:taken]))
        if taken < len(fresh):
            # A stop in the middle: the batch is read again, and its start known by its sequence.
            cursor = read_from
        await connection.execute(MOVE_POSITION, self._consumer, self._stream, cursor, seen)
        return reason or taken

    async def _fresh(
        self, connection: Connection, messages: Sequence[Incoming], *, seen: str
    ) -> list[Incoming]:
        """Return what is new, and what an operator had skipped and has delivered again."""
        again = [one.id for one in messages if is_redelivered(one)]
        parking = self._parking
        skipped: dict[str, str] = {}
        if again and parking is not None:
            skipped = await parked.find_skipped(connection, self._consumer, again)
        fresh = fresh_of(messages, seen=seen, wanted=skipped.keys())
        if parking is None:
            return fresh
        batch = Batch(consumer=self._consumer, stream=self._stream, messages=fresh)
        return await unknown_of(connection, batch, parking=parking)

    async def _handle(
        self, connection: Connection, fresh: Sequence[Incoming], *, handle: Handler
    ) -> tuple[int, str | None]:
        """Give messages effect; return how many were settled, and why the consumer stops."""
        if self._parking is None:
            events = [incoming for incoming in fresh if isinstance(incoming, IncomingEvent)]
            if len(events) < len(fresh):
                raise MessageRefused
            await handle(connection, events)
            return len(fresh), None
        batch = Batch(consumer=self._consumer, stream=self._stream, messages=fresh)
        return await take(connection, batch, handle=handle, parking=self._parking)


def is_redelivered(incoming: Incoming) -> TypeGuard[IncomingEvent]:
    """Say whether an operator has asked for this delivery of an event."""
    return isinstance(incoming, IncomingEvent) and incoming.redeliveryid != ""


def fresh_of(
    messages: Sequence[Incoming], *, seen: str, wanted: Container[str] = ()
) -> list[Incoming]:
    """Return the messages that are newer than `seen` and than those before them in the batch.

    A record that is no event and has no sequence is new. A redelivery is recognised by its event
    id: it is new where it is `wanted`, once, and never moves what was seen; one that is ahead of
    the stream is left to the stream.
    """
    fresh: list[Incoming] = []
    again: set[str] = set()
    for incoming in messages:
        if is_redelivered(incoming):
            if incoming.sequence <= seen and incoming.id in wanted and incoming.id not in again:
                fresh.append(incoming)
                again.add(incoming.id)
        elif incoming.sequence > seen or not incoming.sequence:
            fresh.append(incoming)
            seen = max(seen, incoming.sequence)
    return fresh
