from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka.structs import TopicPartition

from kuntavayla.database import Pool
from kuntavayla.feed import Cursor
from kuntavayla.inbox import IncomingEvent, record_of
from kuntavayla.outbox import topic_of
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.broker import Broker
from kuntavayla_sandbox.case_systems.configuration import Work
from tests.sandbox.case_system_bench import (
    Bench,
    all_are,
    case_systems_pool,
    event,
    listed,
    states,
    transfer_id,
)
from tests.topics import forget_before, make_topic, send


@pytest.fixture(scope="module")
async def pool(server_url: str) -> AsyncIterator[Pool]:
    async with case_systems_pool(server_url) as pool:
        yield pool


async def a_bench(pool: Pool, broker: Broker, name: str, *, work: Work = Work.ALL) -> Bench:
    """Return a case system that reads common events from a topic of its own."""
    await make_topic(broker, topic_of("routing-api", name))
    bench = Bench(pool, name, work=work)
    bench.kafka = KafkaConnection(bootstrap=broker.bootstrap)
    return bench


async def publish(broker: Broker, bench: Bench, *events: dict[str, object]) -> None:
    """Write events to the first partition of the case system's topic."""
    made = [record_of(msgspec.convert(raw(each), type=IncomingEvent)) for each in events]
    place = TopicPartition(topic_of("routing-api", bench.name), 0)
    await send(broker, place, [(one.key, one.body, list(one.headers)) for one in made])


def raw(cloud_event: dict[str, object]) -> dict[str, object]:
    return {**cloud_event, "data": msgspec.Raw(msgspec.json.encode(cloud_event["data"]))}


async def test_common_events_come_from_the_broker_and_restricted_ones_from_the_feed(
    pool: Pool, broker: Broker
) -> None:
    bench = await a_bench(pool, broker, "cs-over-kafka")
    bench.routing.add(event("transferred", 9, position=9))
    bench.routing.add(event("transferred", 2, position=2), path="/events/restricted")
    await publish(broker, bench, event("transferred", 1, position=1))

    held = await bench.work_until(all_are("acknowledged", count=2))

    assert [client.channel for client in held] == ["common", "restricted"]


async def test_events_written_twice_have_effect_once(pool: Pool, broker: Broker) -> None:
    bench = await a_bench(pool, broker, "cs-twice-over-kafka")
    first, second = event("transferred", 1, position=1), event("transferred", 2, position=2)
    await publish(broker, bench, first, second, first, second)

    await bench.work_until(all_are("acknowledged", count=2))

    assert sorted(bench.routing.fetched) == [transfer_id(1), transfer_id(2)]


async def test_records_that_passed_away_unread_are_answered_by_the_snapshot_and_the_topic_read_on(
    pool: Pool, broker: Broker
) -> None:
    bench = await a_bench(pool, broker, "cs-resync-over-kafka")
    await publish(broker, bench, event("transferred", 1, position=1))
    await bench.work_until(all_are("acknowledged", count=1))
    # Of 2 no record is kept; what came before the snapshot was made is known by it, and 3 is new.
    await publish(
        broker,
        bench,
        event("transferred", 2, position=2),
        event("withdrawn", 1, position=3),
        event("transferred", 1, position=4),
        event("transferred", 3, position=6),
    )
    await forget_before(broker, TopicPartition(topic_of("routing-api", bench.name), 0), 2)
    bench.routing.snapshot = [
        listed(1, state="acknowledged"),
        listed(2, state="offered"),
    ]
    bench.routing.feed_cursor = Cursor(1, 5).text()
    bench.routing.feeds["/events/restricted"] = []

    held = await bench.work_until(lambda held: states(held) == ["acknowledged"] * 3)

    assert [client.transfer_id for client in held] == [transfer_id(n) for n in (1, 2, 3)]
    assert bench.routing.snapshots == 1
