"""Topics on the tests' broker: made with a name of their own, so that tests share the broker."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from kuntavayla_sandbox.broker import Broker

PARTITIONS = 6
_numbers = itertools.count(1)

Headers = list[tuple[str, bytes]]
SentRecord = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record."""


def a_name(recipient: str = "cs-sotkamo") -> str:
    """Return the name of a topic that no other test uses."""
    return f"kv.test-{next(_numbers)}.{recipient}.v1"


async def make_topic(broker: Broker, name: str, **settings: str) -> str:
    """Make a topic of six partitions with these settings (dots as double underscores)."""
    configs = {key.replace("__", "."): value for key, value in settings.items()}
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        topic = NewTopic(name, PARTITIONS, 1, topic_configs=configs)
        answer = await client.create_topics([topic])
    finally:
        await client.close()
    assert [error[1] for error in answer.topic_errors] == [0], answer
    return name


async def send(
    broker: Broker,
    place: TopicPartition,
    records: Iterable[SentRecord],
    *,
    compression: str | None = None,
) -> None:
    """Write records to a partition, in order."""
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, compression_type=compression
    )
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send(
                place.topic, value, key=key, headers=headers, partition=place.partition
            )
        await producer.flush()
    finally:
        await producer.stop()


async def forget_before(broker: Broker, place: TopicPartition, offset: int) -> None:
    """Delete the records before an offset, as retention does when its time is over."""
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        await client.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await client.close()


async def list_partitions(broker: Broker) -> dict[str, int]:
    """Return how many partitions each topic has."""
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        topics = await client.describe_topics()
    finally:
        await client.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in topics}


@contextlib.asynccontextmanager
async def a_topic(broker: Broker, name: str) -> AsyncIterator[str]:
    """Give a topic of a name that a service reads, gone behind the block.

    What is left in it would be read by the services of other tests.
    """
    await make_topic(broker, name)
    try:
        yield name
    finally:
        client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await client.start()
        try:
            await client.delete_topics([name])
        finally:
            await client.close()
