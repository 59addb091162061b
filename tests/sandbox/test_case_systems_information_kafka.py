import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import aiokafka
import msgspec
import pytest
from aiokafka.structs import TopicPartition

from kuntavayla.database import Pool
from kuntavayla.inbox import IncomingEvent, record_of
from kuntavayla.outbox import inbound_topic_of, topic_of
from kuntavayla.outbox.broker import partition_of
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.broker import Broker
from kuntavayla_sandbox.case_systems.information.store import SentItem
from tests.sandbox.case_system_bench import PATIENCE_S, case_systems_pool
from tests.sandbox.test_case_systems_information import POLL_S, Bench
from tests.topics import PARTITIONS, make_topic, send

Kept = list[SentItem]
SERVICE = "statement-relay"
RESTRICTED = [UUID(int=number) for number in range(1_001, 1_200, 20)]
RESTRICT = "UPDATE clients SET channel = 'restricted' WHERE client_id = ANY($1)"


@pytest.fixture(scope="module")
async def pool(server_url: str) -> AsyncIterator[Pool]:
    async with case_systems_pool(server_url) as pool:
        yield pool


@pytest.fixture
async def bench(pool: Pool, broker: Broker, request: pytest.FixtureRequest) -> Bench:
    bench = Bench(pool, f"cs-{len(request.node.name)}-topic")
    bench.kafka = KafkaConnection(bootstrap=broker.bootstrap)
    await make_topic(broker, inbound_topic_of(SERVICE, bench.name))
    await make_topic(broker, topic_of(SERVICE, bench.name))
    await bench.add_clients()
    await pool.execute(RESTRICT, RESTRICTED)
    return bench


async def written(broker: Broker, bench: Bench, *, count: int) -> list[Any]:
    """Return the records of the case system's topic, of each partition in order."""
    topic = inbound_topic_of(SERVICE, bench.name)
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    finally:
        await consumer.stop()
    return found


async def tell(broker: Broker, bench: Bench, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Let the relay tell by its topic what became of records."""
    made = []
    for position, (kind, data) in enumerate(events, start=1):
        event = {
            "id": str(position),
            "type": f"fi.kuntavayla.{kind}.v1",
            "subject": "x",
            "time": "2021-03-01T06:00:00.000Z",
            "sequence": f"000001.{position:018d}",
            "data": msgspec.Raw(msgspec.json.encode(data)),
        }
        made.append(record_of(msgspec.convert(event, type=IncomingEvent)))
    place = TopicPartition(topic_of(SERVICE, bench.name), 0)
    await send(broker, place, [(one.key, one.body, list(one.headers)) for one in made])


def accepted(item: SentItem) -> tuple[str, dict[str, Any]]:
    data = {
        "municipal_id": item.municipal_id,
        "information_id": str(UUID(int=10_000 + item.ordinal)),
        "state": "accepted",
        "receiver_id": "te-kainuu",
        "digest": "d",
    }
    return "information.accepted", data


def is_answered(items: list[SentItem]) -> bool:
    return bool(items) and all(item.state not in {"to_send", "sent"} for item in items)


def by_topic(items: list[SentItem]) -> list[SentItem]:
    return [
        item for item in items if item.action == "new" and UUID(item.client_id) not in RESTRICTED
    ]


@asynccontextmanager
async def working(bench: Bench) -> AsyncIterator[tuple[asyncio.Task[list[SentItem]], Kept]]:
    """Let the case system tell its week inside the block; give the work, and what is kept."""
    work = asyncio.create_task(bench.work_until(is_answered))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (items := await bench.items()):
                assert not work.done(), "the case system ended by itself"
                await asyncio.sleep(POLL_S)
        yield work, items
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def test_new_items_go_by_the_topic_and_those_about_restricted_clients_never(
    bench: Bench, broker: Broker
) -> None:
    async with working(bench) as (work, items):
        records = await written(broker, bench, count=len(by_topic(items)))
        await tell(broker, bench, [accepted(item) for item in by_topic(items)])
        await work

    values = [msgspec.json.decode(record.value) for record in records]
    assert {value["municipal_id"]: value for value in values} == {
        item.municipal_id: msgspec.json.decode(item.document) for item in by_topic(items)
    }
    for record, value in zip(records, values, strict=True):
        assert dict(record.headers)["ce_type"] == b"fi.kuntavayla.information.sent.v1"
        assert record.key == value["client_id"].encode()
        assert record.partition == partition_of(record.key)
    restricted = {item.municipal_id for item in items if UUID(item.client_id) in RESTRICTED}
    called = set(bench.relay.order)
    assert restricted <= called
    assert called - restricted == {
        item.municipal_id
        for item in items
        if item.action != "new" and UUID(item.client_id) not in RESTRICTED
    }


async def test_a_client_s_items_stand_in_the_topic_in_the_order_in_which_they_were_told(
    bench: Bench, broker: Broker
) -> None:
    async with working(bench) as (_, items):
        records = await written(broker, bench, count=len(by_topic(items)))

    for client_id in {item.client_id for item in by_topic(items)}:
        there = [
            msgspec.json.decode(record.value)["municipal_id"]
            for record in records
            if record.key == client_id.encode()
        ]
        told = [item.municipal_id for item in by_topic(items) if item.client_id == client_id]
        assert there == told


async def test_answers_come_by_event_and_what_mends_goes_by_calls_behind_them(
    bench: Bench, broker: Broker
) -> None:
    async with working(bench) as (work, first):
        await written(broker, bench, count=len(by_topic(first)))
        before = list(bench.relay.keys)
        await tell(broker, bench, [accepted(item) for item in by_topic(first)])
        items = await work

    mended = [item.municipal_id for item in items if item.action != "new"]
    assert before == []
    assert bench.relay.keys == mended
    places = {item.municipal_id: item.answered_place or 0 for item in items}
    topic_places = [places[item.municipal_id] for item in by_topic(items)]
    assert topic_places == sorted(topic_places)
    assert min(places[municipal_id] for municipal_id in mended) > max(topic_places)
    assert {item.receiver_id for item in by_topic(items)} == {"te-kainuu"}


async def test_a_record_that_was_refused_is_known_and_nothing_mends_it(
    bench: Bench, broker: Broker
) -> None:
    async with working(bench) as (work, first):
        await written(broker, bench, count=len(by_topic(first)))
        topic_ids = {item.municipal_id for item in by_topic(first)}
        correction = next(
            item
            for item in first
            if item.action == "correct" and item.replaces_municipal_id in topic_ids
        )
        refused = correction.replaces_municipal_id or ""
        answers = [
            ("information.refused", {"municipal_id": refused, "codes": ["before_pilot", "other"]})
            if item.municipal_id == refused
            else accepted(item)
            for item in by_topic(first)
        ]
        await tell(broker, bench, answers)
        items = {item.municipal_id: item for item in await work}

    assert items[refused].problem_code == "before_pilot"
    assert items[correction.municipal_id].problem_code == "original_refused"


async def test_what_may_not_have_reached_the_topic_is_written_again_as_the_same_events(
    bench: Bench, broker: Broker
) -> None:
    async with working(bench) as (_, items):
        count = len(by_topic(items))
        await written(broker, bench, count=count)
    async with working(bench) as (work, _):
        records = await written(broker, bench, count=2 * count)
        await tell(broker, bench, [accepted(item) for item in by_topic(items)])
        await work

    ids = [dict(record.headers)["ce_id"] for record in records]
    assert (len(ids), len(set(ids))) == (2 * count, count)
