"""The topics of a service that publishes to the tests' broker: made, and read whole."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

from kuntavayla.outbox import PARTITIONS, topic_of

WITHIN_S = 60
_numbers = itertools.count(1)


class Record(Struct, frozen=True):
    """A record as a consumer sees it."""

    partition: int
    key: bytes
    value: bytes
    headers: dict[str, str]

    @property
    def event_id(self) -> str:
        return self.headers["ce_id"]

    @property
    def sequence(self) -> str:
        return self.headers["ce_sequence"]


class Topics:
    """The topics of one service, that exists in one test alone unless it is named."""

    def __init__(self, bootstrap: str, *, service: str | None = None) -> None:
        self.bootstrap = bootstrap
        self.service = service or f"published-{next(_numbers)}"

    async def make(self, *recipients: str, partitions: int = PARTITIONS) -> None:
        """Make the topics of recipients; they have no records yet."""
        async with self._admin() as admin:
            await admin.create_topics(
                [NewTopic(name, partitions, 1) for name in self._names(recipients)]
            )

    async def remove(self, *recipients: str) -> None:
        """Remove the topics of recipients, with all that is in them."""
        async with self._admin() as admin:
            await admin.delete_topics(self._names(recipients))

    def _names(self, recipients: Sequence[str]) -> list[str]:
        return [topic_of(self.service, recipient) for recipient in recipients]

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    async def read(self, *recipients: str) -> list[Record]:
        """Return all records of recipients' topics, each partition in its order."""
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False
        )
        await consumer.start()
        try:
            places = [
                aiokafka.TopicPartition(topic_of(self.service, recipient), partition)
                for recipient in recipients
                for partition in range(PARTITIONS)
            ]
            return await _read_to_the_end(consumer, places)
        finally:
            await consumer.stop()

    async def until(
        self, *recipients: str, satisfied: Callable[[Sequence[Record]], bool]
    ) -> list[Record]:
        """Read again and again until the records are as wanted."""
        async with asyncio.timeout(WITHIN_S):
            while not satisfied(records := await self.read(*recipients)):  # noqa: ASYNC110 - the broker's log tells by being read
                await asyncio.sleep(0)
        return records


async def _read_to_the_end(consumer: Any, places: Sequence[Any]) -> list[Record]:  # noqa: ANN401 - aiokafka ships no types
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    found: list[Record] = []
    while any([await consumer.position(place) < ends[place] for place in places]):
        for place, records in (await consumer.getmany(timeout_ms=1_000)).items():
            found += [
                Record(
                    place.partition,
                    record.key,
                    record.value,
                    {name: value.decode() for name, value in record.headers},
                )
                for record in records
            ]
    return found


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[None]]:  # noqa: ANN401 - a coroutine
    """Run a coroutine beside the block and end it with it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
