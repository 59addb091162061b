"""What the floor of day-one over Kafka has in place of a GET, as a process of its own.

Produce the same records by one raw producer, consume those of the case systems by one raw consumer.
The records are read back from what the bench stored before the watch starts.
"""

import asyncio
import time
from collections.abc import Sequence

import aiokafka
import asyncpg
from aiokafka.structs import TopicPartition
from msgspec import Struct

from kuntavayla.outbox import PARTITIONS, make_topics
from kuntavayla.outbox.binary import BinaryEvent, binary_of
from kuntavayla.outbox.broker import partition_of
from kuntavayla.settings import KafkaConnection
from tests.bench.children import read_job, report

RECORDS = """
SELECT recipient LIKE 'cs-%' AS is_consumed, body
FROM outbox WHERE channel = 'common' ORDER BY position
"""
RESTRICTED = "SELECT count(*) FROM outbox WHERE channel <> 'common' AND recipient LIKE 'cs-%'"
CONSUMED, OTHERS = "floor.case-systems", "floor.others"
LOOK_MS = 1_000


class KafkaFloorJob(Struct, frozen=True):
    """Where the records are read back from, and the broker."""

    source_url: str
    broker: KafkaConnection


class KafkaFloorReport(Struct, frozen=True):
    """Seconds of both parts, how many records were consumed, how many never go to a broker."""

    produce_s: float
    consume_s: float
    consumed: int
    restricted: int


Records = Sequence[tuple[str, BinaryEvent]]


async def read_records(source_url: str) -> tuple[Records, int]:
    """Return topic and record of every common event, and the number of restricted ones."""
    source = await asyncpg.connect(source_url)
    rows = await source.fetch(RECORDS)
    restricted: int = await source.fetchval(RESTRICTED)
    await source.close()
    records = [(CONSUMED if row["is_consumed"] else OTHERS, binary_of(row["body"])) for row in rows]
    return records, restricted


async def produce(broker: KafkaConnection, records: Records) -> float:
    """Produce all records and return the seconds until the last is acknowledged."""
    producer = aiokafka.AIOKafkaProducer(
        **broker.client_options(), acks="all", enable_idempotence=True, max_batch_size=900_000
    )
    await producer.start()
    started_s = time.perf_counter()
    for topic, record in records:
        await producer.send(
            topic,
            record.value,
            key=record.key,
            headers=record.headers,
            partition=partition_of(record.key),
        )
    await producer.flush()
    seconds = time.perf_counter() - started_s
    await producer.stop()
    return seconds


async def consume(broker: KafkaConnection, *, count: int) -> float:
    """Consume the case systems' records and return the seconds until the last is here."""
    consumer = aiokafka.AIOKafkaConsumer(**broker.client_options(), auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(CONSUMED, partition) for partition in range(PARTITIONS)])
    started_s, seen = time.perf_counter(), 0
    while seen < count:
        seen += sum(map(len, (await consumer.getmany(timeout_ms=LOOK_MS)).values()))
    seconds = time.perf_counter() - started_s
    await consumer.stop()
    return seconds


async def measure(job: KafkaFloorJob) -> KafkaFloorReport:
    """Do both parts and report."""
    records, restricted = await read_records(job.source_url)
    await make_topics(job.broker, out=[CONSUMED, OTHERS])
    produce_s = await produce(job.broker, records)
    count = sum(topic == CONSUMED for topic, _ in records)
    consume_s = await consume(job.broker, count=count)
    return KafkaFloorReport(produce_s, consume_s, count, restricted)


if __name__ == "__main__":
    report(asyncio.run(measure(read_job(KafkaFloorJob))))
