"""One consumer's reading of its streams: effects and positions in one transaction."""

import asyncio
import random
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any, TypeGuard

from msgspec import Struct

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.inbox import parked, stopping
from kuntavayla.inbox.flowing import Handler, passes
from kuntavayla.inbox.parking import Batch, Parking, lock_keys, take, unknown_of
from kuntavayla.inbox.sources import EARLIEST, Incoming, IncomingEvent, SourceBatch, Streams
from kuntavayla.telemetry import log

BACKOFF_S_MAX = 10.0
BACKOFF_S_MIN = 0.1
STOPPED_LOOK_S = 2.0
"""Seconds between two looks whether a stopped consumer was started again."""

OPEN_POSITIONS = f"""
INSERT INTO inbox_positions (consumer, stream, cursor, sequence)
SELECT $1, stream, '{EARLIEST}', '' FROM unnest($2::text[]) AS stream
ON CONFLICT (consumer, stream) DO NOTHING
"""  # noqa: S608 - a constant of ours
FIND_POSITIONS = """
SELECT stream, cursor FROM inbox_positions WHERE consumer = $1 AND stream = ANY($2::text[])
"""
LOCK_POSITIONS = """
SELECT stream, cursor, sequence FROM inbox_positions
WHERE consumer = $1 AND stream = ANY($2::text[])
ORDER BY stream
FOR UPDATE
"""
MOVE_POSITIONS = """
UPDATE inbox_positions AS position SET cursor = moved.cursor, sequence = moved.sequence
FROM unnest($2::text[], $3::text[], $4::text[]) AS moved (stream, cursor, sequence)
WHERE position.consumer = $1 AND position.stream = moved.stream
"""


class ConsumerStopped(Exception):
    """So much has parked that the consumer reads no further until an operator starts it again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MessageRefused(Exception):
    """A consumer without parking has read what is no event; its position stays before it."""


class Reading(Struct, kw_only=True):
    """A batch of a stream on its way: where it was read from, what of it is new, its end.

    `cursor` and `seen` become the stream's position; they move as the messages are settled.
    """

    stream: str
    seen: str
    cursor: str
    next_cursor: str
    fresh: Sequence[Incoming]

    def settle(self, count: int) -> None:
        """Note that the first `count` of the new messages have had effect.

        One that a stop has left unfinished keeps its cursor: it is read again, and its start known
        by its sequence.
        """
        self.seen = max((self.seen, *(one.sequence for one in self.fresh[:count])))
        if count == len(self.fresh):
            self.cursor = self.next_cursor


class Inbox:
    """One consumer's reading of its streams: fetch, then effects and positions in one transaction.

    With `parking` a message that cannot be handled is parked and only its key waits; without it
    the consumer stops before such a message. There is no order between streams.
    """

    def __init__(
        self, pool: Pool, streams: Streams, *, consumer: str, parking: Parking | None = None
    ) -> None:
        self._pool = pool
        self._streams = streams
        self._consumer = consumer
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
        names = await self._streams.names()
        if not names:
            return 0
        cursors = await self._cursors(names)
        batches = await self._streams.next_batches(cursors)
        moved = {
            stream: batch
            for stream, batch in batches.items()
            if batch.next_cursor != cursors[stream]
        }
        if not moved:
            return 0
        async with transaction(self._pool) as connection:
            taken, reason = await self._apply(connection, moved, read_from=cursors, handle=handle)
        if reason is not None:
            raise ConsumerStopped(reason)
        return taken

    async def _cursors(self, names: Collection[str]) -> dict[str, str]:
        """Return where each stream is to be read from; raises ConsumerStopped."""
        async with transaction(self._pool) as connection:
            await self._require_running(connection)
            rows = await connection.fetch(FIND_POSITIONS, self._consumer, names)
            cursors: dict[str, str] = {row["stream"]: row["cursor"] for row in rows}
            new = [name for name in names if name not in cursors]
            if new:
                await connection.execute(OPEN_POSITIONS, self._consumer, sorted(new))
        return {**dict.fromkeys(new, EARLIEST), **cursors}

    async def _require_running(self, connection: Connection) -> None:
        if self._parking is not None:
            reason = await stopping.find_stop(connection, self._consumer)
            if reason is not None:
                raise ConsumerStopped(reason)

    async def _apply(
        self,
        connection: Connection,
        batches: Mapping[str, SourceBatch],
        *,
        read_from: Mapping[str, str],
        handle: Handler,
    ) -> tuple[int, str | None]:
        """Give batches effect; return how many messages were new, and why the consumer stops."""
        positions: Any = await connection.fetch(LOCK_POSITIONS, self._consumer, [*batches])
        readings = [
            await self._reading(connection, batches[position["stream"]], position=position)
            for position in positions
            # Where another process of this consumer was faster, the stream is read again from
            # where it stands.
            if position["cursor"] == read_from[position["stream"]]
        ]
        taken, reason = await self._handle(connection, readings, handle=handle)
        await connection.execute(
            MOVE_POSITIONS,
            self._consumer,
            [reading.stream for reading in readings],
            [reading.cursor for reading in readings],
            [reading.seen for reading in readings],
        )
        return taken, reason

    async def _reading(
        self,
        connection: Connection,
        batch: SourceBatch,
        *,
        position: Any,  # noqa: ANN401 - a record
    ) -> Reading:
        stream, seen = position["stream"], position["sequence"]
        fresh = await self._fresh(connection, batch.events, stream=stream, seen=seen)
        self.redeliveries += len(batch.events) - len(fresh)
        return Reading(
            stream=stream,
            seen=seen,
            cursor=position["cursor"],
            next_cursor=batch.next_cursor,
            fresh=fresh,
        )

    async def _fresh(
        self, connection: Connection, messages: Sequence[Incoming], *, stream: str, seen: str
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
        batch = Batch(consumer=self._consumer, stream=stream, messages=fresh)
        return await unknown_of(connection, batch, parking=parking)

    async def _handle(
        self, connection: Connection, readings: Sequence[Reading], *, handle: Handler
    ) -> tuple[int, str | None]:
        """Give readings effect and settle them; return how many were new, and why to stop."""
        if self._parking is None:
            return await _hand_over(connection, readings, handle=handle), None
        batches = [
            Batch(consumer=self._consumer, stream=reading.stream, messages=reading.fresh)
            for reading in readings
        ]
        await lock_keys(connection, batches, parking=self._parking)
        taken = 0
        for reading, batch in zip(readings, batches, strict=True):
            settled, reason = 0, None
            if batch.messages:
                settled, reason = await take(
                    connection, batch, handle=handle, parking=self._parking
                )
            reading.settle(settled)
            taken += settled
            if reason is not None:
                return taken, reason
        return taken, None


async def _hand_over(
    connection: Connection, readings: Sequence[Reading], *, handle: Handler
) -> int:
    """Give all readings effect at once; return how many messages were new."""
    messages = [incoming for reading in readings for incoming in reading.fresh]
    events = [incoming for incoming in messages if isinstance(incoming, IncomingEvent)]
    if len(events) < len(messages):
        raise MessageRefused
    if events:
        await handle(connection, events)
    for reading in readings:
        reading.settle(len(reading.fresh))
    return len(events)


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
