"""What stands on the broker in the end: every record of every topic, from its first to its last."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from msgspec import Struct

from kuntavayla.settings import KafkaConnection

PREFIX = "kv.routing-api."
POLL_MS = 500
PARTITIONS = 6
REACHED_S_MAX = 60
REACH_AGAIN_S = 0.5


class Record(Struct, frozen=True):
    """A record as it stands; `place` is topic/partition/offset."""

    topic: str
    partition: int
    place: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str | None:
        """Return a header's text, or None where there is none."""
        found = dict(self.headers).get(name)
        return None if found is None else found.decode(errors="replace")


async def list_ends(connection: KafkaConnection, prefix: str = PREFIX) -> dict[str, int]:
    """Return where each partition of ours ends, by `topic/partition`."""
    async with _reader(connection) as consumer:
        ends = await _ends(consumer, prefix)
    return {f"{place.topic}/{place.partition}": end for place, end in ends.items()}


async def load_records(connection: KafkaConnection, prefix: str = PREFIX) -> list[Record]:
    """Read all topics of ours whole, each partition in its order."""
    records: list[Record] = []
    async with _reader(connection) as consumer:
        left = {place: end for place, end in (await _ends(consumer, prefix)).items() if end}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, 0)
        while left:
            found = await consumer.getmany(*left, timeout_ms=POLL_MS)
            for place, messages in found.items():
                records += map(_record_of, messages)
                if messages[-1].offset + 1 >= left[place]:
                    del left[place]
    return records


@asynccontextmanager
async def _reader(connection: KafkaConnection) -> AsyncIterator[Any]:
    consumer = await _reached(connection)
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _reached(connection: KafkaConnection) -> Any:  # noqa: ANN401
    """Return a consumer once the broker, which may just have been away, answers its questions."""
    async with asyncio.timeout(REACHED_S_MAX):
        while True:
            consumer = aiokafka.AIOKafkaConsumer(**connection.client_options())
            try:
                await consumer.start()
                await consumer.topics()
            except KafkaError:
                await consumer.stop()
                await asyncio.sleep(REACH_AGAIN_S)
            else:
                return consumer


async def _ends(consumer: Any, prefix: str) -> Mapping[TopicPartition, int]:  # noqa: ANN401
    topics = sorted(name for name in await consumer.topics() if name.startswith(prefix))
    places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
    return ends


def _record_of(message: Any) -> Record:  # noqa: ANN401
    return Record(
        message.topic,
        message.partition,
        f"{message.topic}/{message.partition}/{message.offset}",
        message.key,
        message.value,
        tuple((name, value or b"") for name, value in message.headers),
    )
