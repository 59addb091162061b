import asyncio
from collections.abc import AsyncIterator, Collection, Mapping

import msgspec
import pytest
from aiokafka.structs import TopicPartition
from typing_extensions import override

from kuntavayla.database import Pool, open_pool
from kuntavayla.inbox import (
    CursorRefused,
    Inbox,
    IncomingEvent,
    KafkaSource,
    Malformed,
    MessageRefused,
    SourceAway,
    SourceBatch,
    record_of,
)
from kuntavayla.settings import KafkaConnection, KafkaSecurity
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla_sandbox.broker import Broker, Listener
from tests.shared import parking_example
from tests.shared.inbox_example import EFFECTS, consumer_database, keep
from tests.shared.kafka_reading import (
    WITHIN_S,
    a_group,
    a_source,
    count_effects,
    effects_by_partition,
    read_until,
    reading,
    records,
    spread,
)
from tests.topics import PARTITIONS, SentRecord, a_name, forget_before, make_topic, send

CONSUMER = "cs-sotkamo"
CURSORS = "SELECT stream, cursor FROM inbox_positions WHERE cursor <> '0'"


@pytest.fixture
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with consumer_database(databases) as database:
        yield database


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url)
    yield pool
    await pool.close()


@pytest.fixture
async def topic(broker: Broker) -> str:
    return await make_topic(broker, a_name())


async def test_every_partition_is_read_in_order_and_goes_on_where_it_was(
    broker: Broker, topic: str, pool: Pool
) -> None:
    await spread(broker, topic, range(60))
    async with reading(a_source(broker, topic)) as source:
        await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=60)
    await spread(broker, topic, range(60, 90))

    async with reading(a_source(broker, topic)) as source:
        again = Inbox(pool, source, consumer=CONSUMER)
        await read_until(pool, again, count=90)

    assert await effects_by_partition(pool) == [list(range(p, 90, 6)) for p in range(6)]
    assert again.redeliveries == 0
    positions = await pool.fetch("SELECT stream, cursor FROM inbox_positions ORDER BY stream")
    assert [tuple(row) for row in positions] == [(f"{topic}/{p}", "15") for p in range(6)]


async def test_what_is_sent_again_at_new_offsets_has_no_effect_and_is_counted(
    broker: Broker, topic: str, pool: Pool
) -> None:
    place = TopicPartition(topic, 0)
    await send(broker, place, [*records([1, 2, 3]), *records([2, 3]), *records([4])])

    async with reading(a_source(broker, topic)) as source:
        reader = Inbox(pool, source, consumer=CONSUMER)
        await read_until(pool, reader, count=4)

    assert await pool.fetchval(EFFECTS) == [1, 2, 3, 4]
    assert reader.redeliveries == 2


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_whatever_way_a_counterpart_compresses_is_read(  # noqa: PLR0917 - fixtures
    broker: Broker, topic: str, pool: Pool, compression: str
) -> None:
    await send(broker, TopicPartition(topic, 0), records([1, 2]), compression=compression)

    async with reading(a_source(broker, topic)) as source:
        await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=2)

    assert await pool.fetchval(EFFECTS) == [1, 2]


async def test_where_a_stream_begins_is_noted_before_its_first_record(
    broker: Broker, topic: str, pool: Pool
) -> None:
    async with reading(a_source(broker, topic)) as source:
        new = await Inbox(pool, source, consumer=CONSUMER).step(keep)

    assert new == 0
    cursors = await pool.fetch("SELECT cursor FROM inbox_positions")
    assert [row["cursor"] for row in cursors] == ["0"] * PARTITIONS


class HeldSource(KafkaSource):
    """A source that holds what it has read until it is let go."""

    held = asyncio.Event()
    let_go = asyncio.Event()

    @override
    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        batches = await super().next_batches(cursors)
        if any(batch.events for batch in batches.values()):
            self.held.set()
            await self.let_go.wait()
        return batches


async def test_a_partition_that_changes_hands_in_the_middle_of_a_batch_has_each_effect_once(
    broker: Broker, topic: str, pool: Pool
) -> None:
    await spread(broker, topic, range(12))
    group = a_group()
    slow = HeldSource(KafkaConnection(bootstrap=broker.bootstrap), topics=[topic], group=group)
    slow.held, slow.let_go = asyncio.Event(), asyncio.Event()
    async with reading(slow), reading(a_source(broker, topic, group=group)) as source:
        overtaken = Inbox(pool, slow, consumer=CONSUMER)
        assert await overtaken.step(keep) == 0
        under_way = asyncio.create_task(overtaken.step(keep))
        await slow.held.wait()
        other = Inbox(pool, source, consumer=CONSUMER)
        await read_until(pool, other, count=1)
        by_other = await count_effects(pool)
        slow.let_go.set()
        by_overtaken = await under_way
        await read_until(pool, other, count=by_other + by_overtaken)

        async with asyncio.timeout(WITHIN_S):
            while await count_effects(pool) < 12:
                await asyncio.gather(overtaken.step(keep), other.step(keep))

    assert by_other > 0
    assert await effects_by_partition(pool) == [[p, p + 6] for p in range(6)]


async def test_records_that_passed_away_unread_refuse_the_cursor_and_no_jump_is_silent(
    broker: Broker, topic: str, pool: Pool
) -> None:
    place = TopicPartition(topic, 3)
    await send(broker, place, records([1, 2]))
    async with reading(a_source(broker, topic)) as source:
        await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=2)
    await send(broker, place, records([3, 4, 5]))
    await forget_before(broker, place, 4)

    async with reading(a_source(broker, topic)) as source:
        with pytest.raises(CursorRefused):
            await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=3)

    assert await pool.fetchval(EFFECTS) == [1, 2]
    assert (await pool.fetchval(CURSORS.replace("stream, ", ""))) == "2"


async def test_a_new_consumer_begins_with_the_oldest_record_that_is_kept(
    broker: Broker, topic: str, pool: Pool
) -> None:
    place = TopicPartition(topic, 0)
    await send(broker, place, records([1, 2, 3]))
    await forget_before(broker, place, 2)

    async with reading(a_source(broker, topic)) as source:
        await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=1)

    assert await pool.fetchval(EFFECTS) == [3]


GARBAGE: list[SentRecord] = [
    (b"\xff\xfe", b"\x00\x01 not json", [("ce_id", b"\xff"), ("odd", b"header")]),
    (b"", None, []),
]


async def batch_of(source: KafkaSource, stream: str) -> SourceBatch:
    """Return what the first read of a stream brings."""
    names: Collection[str] = await source.names()
    begins = await source.next_batches(dict.fromkeys(names, "earliest"))
    batches = await source.next_batches({name: at.next_cursor for name, at in begins.items()})
    return batches[stream]


async def test_garbage_comes_with_its_bytes_headers_and_place(broker: Broker, topic: str) -> None:
    place = TopicPartition(topic, 0)
    await send(broker, place, [*records([1]), *GARBAGE])

    async with reading(a_source(broker, topic)) as source:
        batch = await batch_of(source, f"{topic}/0")

    event, bytes_only, empty = batch.events
    assert isinstance(event, IncomingEvent)
    assert msgspec.json.decode(event.data) == {"number": 1}
    assert event.place == f"{topic}/0/0"
    assert isinstance(bytes_only, Malformed)
    assert bytes_only.body == GARBAGE[0][1]
    assert bytes_only.headers == tuple(GARBAGE[0][2])
    assert bytes_only.place == f"{topic}/0/1"
    assert isinstance(empty, Malformed)
    assert empty.body is None


async def test_a_consumer_without_parking_stops_before_garbage(
    broker: Broker, topic: str, pool: Pool
) -> None:
    await send(broker, TopicPartition(topic, 0), GARBAGE)

    async with reading(a_source(broker, topic)) as source:
        with pytest.raises(MessageRefused):
            await read_until(pool, Inbox(pool, source, consumer=CONSUMER), count=1)

    assert await pool.fetch(CURSORS) == []


async def test_a_consumer_with_parking_parks_garbage_and_goes_on(
    broker: Broker, topic: str, databases: DatabaseServer
) -> None:
    numbered = [parking_example.an_event(number, "k") for number in (1, 2)]
    made = [record_of(event) for event in numbered]
    first, second = [(record.key, record.body, list(record.headers)) for record in made]
    await send(broker, TopicPartition(topic, 0), [first, *GARBAGE, second])

    async with (
        parking_example.a_consumer_database(databases) as database,
        parking_example.an_empty_pool(database) as pool,
    ):
        consumer = parking_example.Consumer(pool)
        async with reading(a_source(broker, topic)) as source:
            reader = Inbox(pool, source, consumer=CONSUMER, parking=consumer.ours)
            async with asyncio.timeout(WITHIN_S):
                while await consumer.effects() != {"k": [1, 2]}:
                    await reader.step(consumer.handle)
        rows = await pool.fetch("SELECT place, state FROM inbox_parked ORDER BY number")

    assert [tuple(row) for row in rows] == [
        (f"{topic}/0/1", "parked"),
        (f"{topic}/0/2", "parked"),
    ]


async def test_a_broker_that_is_away_is_asked_again_later(topic: str) -> None:
    nobody = KafkaConnection(bootstrap="127.0.0.1:9")

    async with reading(KafkaSource(nobody, topics=[topic], group="cs-sotkamo.a")) as source:
        with pytest.raises(SourceAway):
            await source.names()


async def test_a_group_that_is_not_ours_is_refused_and_asked_again_later(
    broker: Broker, topic: str
) -> None:
    user = "routing-api"
    stranger = KafkaConnection(
        bootstrap=broker.address(Listener.SASL_PLAINTEXT),
        security=KafkaSecurity.SASL_PLAINTEXT,
        username=user,
        password=broker.plan.users[user],
    )

    async with reading(KafkaSource(stranger, topics=[topic], group="cs-sotkamo.a")) as source:
        with pytest.raises(SourceAway):
            await source.names()
