"""The floor of the row outbox: a raw aiokafka producer with the same bytes, ready in memory.

Twice: by `send` for each record, as one writes it, with the partition given and no wait in between;
and with batches that the program fills itself, which is the least that aiokafka can do.
"""

import asyncio
import time
from collections import defaultdict
from typing import Any

import aiokafka
import asyncpg
from msgspec import Struct

from kuntavayla.http.serving import settle_memory
from kuntavayla.outbox import topic_of
from kuntavayla.outbox.binary import BinaryEvent, binary_of
from kuntavayla.outbox.broker import BATCH_BYTES_MAX, partition_of
from kuntavayla_sandbox.serving import loop_factory
from tests.bench.children import read_job, report

EVENTS = "SELECT recipient, body FROM outbox ORDER BY position"
AT_ONCE = 5_000
"""Records that are sent before the producer is waited for, as many as the publisher's batch."""
Place = tuple[str, int]


class OutboxFloorJob(Struct, frozen=True):
    """Where the events stand, and to the topics of which services they go."""

    database_url: str
    bootstrap: str
    raw: str
    filled: str


class OutboxFloorReport(Struct, frozen=True):
    """Seconds and processor seconds by `send`, seconds with filled batches, and how many bytes."""

    send_s: float
    send_processor_s: float
    filled_s: float
    event_bytes: int


Records = list[tuple[str, int, BinaryEvent]]


async def load(job: OutboxFloorJob) -> Records:
    """Return recipient, partition and record of all events in order."""
    connection = await asyncpg.connect(job.database_url)
    rows = await connection.fetch(EVENTS)
    await connection.close()
    records: Records = []
    for row in rows:
        event = binary_of(row["body"])
        records.append((row["recipient"], partition_of(event.key), event))
    return records


async def send(producer: Any, records: Records, *, service: str) -> None:  # noqa: ANN401 - aiokafka ships no types
    """Send each record, and wait for acknowledgements now and then."""
    for first in range(0, len(records), AT_ONCE):
        futures = [
            await producer.send(
                topic_of(service, recipient),
                event.value,
                key=event.key,
                partition=partition,
                headers=event.headers,
            )
            for recipient, partition, event in records[first : first + AT_ONCE]
        ]
        await asyncio.gather(*futures)


async def send_filled(producer: Any, records: Records, *, service: str) -> None:  # noqa: ANN401 - aiokafka ships no types
    """Fill a batch per partition and send it whole."""
    moment_ms = time.time_ns() // 1_000_000
    for first in range(0, len(records), AT_ONCE):
        batches: dict[Place, Any] = defaultdict(producer.create_batch)
        for recipient, partition, event in records[first : first + AT_ONCE]:
            batches[topic_of(service, recipient), partition].append(
                timestamp=moment_ms, key=event.key, value=event.value, headers=event.headers
            )
        futures = [
            await producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), batch in batches.items()
        ]
        await asyncio.gather(*futures)


async def measure(job: OutboxFloorJob) -> OutboxFloorReport:
    """Do both and report."""
    records = await load(job)
    size = sum(
        len(event.key)
        + len(event.value)
        + sum(len(name) + len(value) for name, value in event.headers)
        for _, _, event in records
    )
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=job.bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES_MAX,
    )
    started_s, used_s = time.perf_counter(), time.process_time()
    await producer.start()
    await send(producer, records, service=job.raw)
    send_s, send_processor_s = time.perf_counter() - started_s, time.process_time() - used_s
    started_s = time.perf_counter()
    await send_filled(producer, records, service=job.filled)
    filled_s = time.perf_counter() - started_s
    await producer.stop()
    return OutboxFloorReport(send_s, send_processor_s, filled_s, size)


if __name__ == "__main__":
    settle_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        report(runner.run(measure(read_job(OutboxFloorJob))))
