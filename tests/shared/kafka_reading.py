"""Events written to the tests' broker, and a source that reads them into a table of effects."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from aiokafka.structs import TopicPartition

from kuntavayla.database import Pool
from kuntavayla.inbox import Inbox, KafkaSource, record_of
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.broker import Broker
from tests.shared.inbox_example import EFFECTS, an_event, keep
from tests.topics import PARTITIONS, SentRecord, send

WITHIN_S = 60
_groups = itertools.count(1)


def a_group() -> str:
    """Return the name of a consumer group that no other test uses."""
    return f"cs-sotkamo.{next(_groups)}"


def records(numbers: Iterable[int]) -> list[SentRecord]:
    """Return records as our publisher makes them."""
    made = [record_of(an_event(number)) for number in numbers]
    return [(record.key, record.body, list(record.headers)) for record in made]


async def spread(broker: Broker, topic: str, numbers: Iterable[int]) -> None:
    """Write events to the partition of their number, each partition in order."""
    by_partition: dict[int, list[int]] = {}
    for number in numbers:
        by_partition.setdefault(number % PARTITIONS, []).append(number)
    for partition, own in by_partition.items():
        await send(broker, TopicPartition(topic, partition), records(own))


@contextlib.asynccontextmanager
async def reading(source: KafkaSource) -> AsyncIterator[KafkaSource]:
    try:
        yield source
    finally:
        await source.close()


def a_source(broker: Broker, topic: str, *, group: str | None = None) -> KafkaSource:
    connection = KafkaConnection(bootstrap=broker.bootstrap)
    return KafkaSource(connection, topics=[topic], group=group or a_group())


async def reach(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WITHIN_S):
        while not await condition():  # noqa: ASYNC110 - a process of its own tells nobody
            await asyncio.sleep(0.05)


async def read_until(pool: Pool, reader: Inbox, *, count: int) -> None:
    """Read until so many effects are there."""

    async def is_there() -> bool:
        return await count_effects(pool) >= count

    async with asyncio.timeout(WITHIN_S):
        while not await is_there():
            await reader.step(keep)


async def count_effects(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM effects")
    return count


async def effects_by_partition(pool: Pool) -> list[list[int]]:
    """Return the numbers that had effect, in order, by the partition they came from."""
    numbers = await pool.fetchval(EFFECTS)
    return [[n for n in numbers if n % PARTITIONS == part] for part in range(PARTITIONS)]
