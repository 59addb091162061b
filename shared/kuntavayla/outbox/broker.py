"""Writes events to the broker's topics: in order in each partition, whatever fails.

A partition has one batch under way at a time, and the next one leaves only when the broker has
acknowledged it. So the first time that a reader sees an event, it has seen all before it; whatever
comes again by a repeat is older than what the reader has seen, and is known by its sequence.
"""

import asyncio
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError
from msgspec import Struct

from kuntavayla.outbox.binary import binary_of
from kuntavayla.outbox.connecting import keep_whole
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log

PARTITIONS = 6
"""Of every topic, for ever: with another number a client's events would change their partition."""
ACKNOWLEDGED_S_MAX = 30
"""Without any acknowledgement for so long, the producer is built anew."""
REQUEST_S_MAX = 10
YIELD_EVERY = 200
"""Events that are prepared at a stretch, so that requests of the same process do not wait."""
CLOSE_S_MAX = 5
BATCH_BYTES_MAX = 900_000
"""Below the million bytes that a broker takes by default."""

TopicPartition = tuple[str, int]


class WriteFailed(Exception):
    """Not everything is acknowledged; `reasons` are the failures' names, by topic where known."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{topic}: {name}" for topic, name in reasons.items()))
        self.reasons = reasons


class Parcel(Struct):
    """What one partition is to get, in order; shrinks as the broker acknowledges.

    `bodies` are the events as they are stored: measured, records made ahead and kept cost more in
    collecting garbage than in being made. `batch` is the next part, encoded ahead; `taken` says how
    many events that holds.
    """

    recipient: str
    bodies: list[bytes]
    batch: Any = None
    taken: int = 0


Parcels = dict[TopicPartition, Parcel]


def topic_of(service: str, recipient: str) -> str:
    """Return the topic of a recipient of a service's events."""
    return f"kv.{service}.{recipient}.v1"


def partition_of(key: bytes) -> int:
    """Return the partition of a key: that of librdkafka's `consistent` partitioner.

    Measured, the murmur2 of aiokafka's own partitioner took three times as long as the rest of an
    event's encoding.
    """
    return zlib.crc32(key) % PARTITIONS


class _Producer(aiokafka.AIOKafkaProducer):  # type: ignore[misc]  # aiokafka ships no types
    """An idempotent producer that can also be given up, with what it has not been acknowledged."""

    def __init__(self, connection: KafkaConnection) -> None:
        super().__init__(
            **connection.client_options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES_MAX,
            request_timeout_ms=REQUEST_S_MAX * 1_000,
        )
        keep_whole(self.client)

    async def give_up(self) -> None:
        """Close without waiting for what is under way: an idempotent batch is else tried for ever.

        What was sent may still arrive; that is a repeat like any other.
        """
        sending: asyncio.Task[None] | None = self._sender.sender_task
        if sending is not None:
            # The first cancellation lets requests under way end, the second one does not.
            for _ in range(2):
                sending.cancel()
                await asyncio.wait({sending}, timeout=1)
        self._message_accumulator.fail_all(KafkaError())
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await self.stop()


class TopicWriter:
    """Writes parcels to the broker with a producer of its own, built anew after any failure.

    Also where nothing was acknowledged for `acknowledged_s_max` seconds.
    """

    def __init__(self, connection: KafkaConnection, *, acknowledged_s_max: float) -> None:
        self._connection = connection
        self._acknowledged_s_max = acknowledged_s_max
        self._producer: _Producer | None = None
        self._known: set[str] = set()

    async def prepare(self, parcels: Iterable[Parcel]) -> None:
        """Encode the next part of each parcel, so that it can leave at once."""
        moment_ms, stretch = time.time_ns() // 1_000_000, 0
        for parcel in parcels:
            if self._producer is not None and parcel.batch is None:
                _fill(self._producer, parcel, moment_ms=moment_ms)
                stretch += parcel.taken
            if stretch >= YIELD_EVERY:
                stretch = 0
                await asyncio.sleep(0)

    async def write(self, parcels: Parcels) -> None:
        """Write everything; what is acknowledged leaves `parcels`, so a repeat sends the rest.

        Raises WriteFailed where something is not acknowledged.
        """
        try:
            while parcels:
                await self._write_once(parcels)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._give_up(parcels)
            raise WriteFailed({"": type(error).__name__}) from error
        except asyncio.CancelledError:
            await self._give_up(parcels)
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._give_up({})

    async def _write_once(self, parcels: Parcels) -> None:
        """Send one batch of each partition and wait until all of them are acknowledged."""
        producer = await self._open()
        refused = await self._look_up(producer, {topic for topic, _ in parcels})
        await self.prepare(parcels.values())
        under_way: dict[asyncio.Future[Any], TopicPartition] = {}
        for place, parcel in parcels.items():
            topic, partition = place
            if topic not in refused:
                future = await producer.send_batch(parcel.batch, topic, partition=partition)
                future.add_done_callback(_look_at)
                under_way[future] = place
        failed = await self._acknowledged(under_way, parcels)
        if failed:
            await self._give_up(parcels)
        if failed or refused:
            raise WriteFailed({**refused, **failed})

    async def _acknowledged(
        self, under_way: dict[asyncio.Future[Any], TopicPartition], parcels: Parcels
    ) -> dict[str, str]:
        """Wait for acknowledgements, take what has one out of the parcels, return the failures."""
        failed: dict[str, str] = {}
        pending = set(under_way)
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=self._acknowledged_s_max, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                log.warning("outbox.not_acknowledged", items=len(pending))
                return {**failed, **{under_way[future][0]: "NotAcknowledged" for future in pending}}
            for future in done:
                place = under_way[future]
                error = future.exception()
                if error is None:
                    _shrink(parcels, place)
                else:
                    failed[place[0]] = type(error).__name__
        return failed

    async def _open(self) -> _Producer:
        if self._producer is None:
            producer = _Producer(self._connection)
            try:
                async with asyncio.timeout(self._acknowledged_s_max):
                    await producer.start()
            except BaseException:
                await producer.give_up()
                raise
            self._producer, self._known = producer, set()
        return self._producer

    async def _look_up(self, producer: _Producer, topics: set[str]) -> dict[str, str]:
        """Return why topics can not be written to: they are missing, not ours, or not as agreed."""
        new = topics - self._known
        if not new:
            return {}
        metadata = await producer.client.fetch_all_metadata()
        counts = {topic: len(metadata.partitions_for_topic(topic) or ()) for topic in sorted(new)}
        self._known |= {topic for topic, count in counts.items() if count == PARTITIONS}
        await producer.client.set_topics(self._known)
        return {
            topic: "PartitionsDiffer" if count else "UnknownTopicOrPartitionError"
            for topic, count in counts.items()
            if count != PARTITIONS
        }

    async def _give_up(self, parcels: Parcels) -> None:
        producer, self._producer = self._producer, None
        for parcel in parcels.values():
            # A batch belongs to the producer that it was sent by; the next one gets its own.
            parcel.batch = None
        if producer is not None:
            await producer.give_up()


def _fill(producer: _Producer, parcel: Parcel, *, moment_ms: int) -> None:
    """Encode as much of a parcel as one batch holds; its first event always fits."""
    batch = producer.create_batch()
    append = batch.append
    taken = 0
    for body in parcel.bodies:
        event = binary_of(body)
        if append(timestamp=moment_ms, key=event.key, value=event.value, headers=event.headers):
            taken += 1
        else:
            break
    batch.close()
    parcel.batch, parcel.taken = batch, taken


def _look_at(future: asyncio.Future[Any]) -> None:
    """Look at how a batch ended: one that was given up has nobody else who does."""
    if not future.cancelled():
        future.exception()


def _shrink(parcels: Parcels, place: TopicPartition) -> None:
    parcel = parcels[place]
    del parcel.bodies[: parcel.taken]
    parcel.batch = None
    if not parcel.bodies:
        del parcels[place]
