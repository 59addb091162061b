"""Acknowledgements from real topics of a real broker, read by the running service."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import msgspec
import pytest
from aiokafka.structs import TopicPartition

from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.broker import Broker
from tests.builders import another_person, ndjson
from tests.routing_api.inbound import ITEM, OPERATOR, REASON, TYPE, answers_to, repair
from tests.routing_api.service import Routing, running_routing
from tests.served import Json
from tests.topics import PARTITIONS, SentRecord, a_topic, send

WITHIN_S = 90
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0177f6f0-9d20-76b5-8a23-d5962217bead"),
    ("ce_source", b"/case-system"),
    ("ce_type", TYPE.encode()),
    ("content-type", b"application/json"),
]
DONE = """
SELECT count(*) AS n FROM audit WHERE action = 'transfer.acknowledged' AND outcome = 'done'
"""


def over_kafka(broker: Broker) -> Json:
    """Return the settings of a service whose transport is the tests' broker."""
    return {
        "transport": "kafka",
        "kafka_bootstrap": broker.bootstrap,
        "kafka_security": "plaintext",
    }


def a_record(client_id: str, transfer_id: str, **changes: Json) -> SentRecord:
    value = msgspec.json.encode({"transfer_id": transfer_id, **ITEM, **changes})
    return client_id.encode(), value, HEADERS


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Return when a condition holds; fails after a time that is long for this machine."""
    async with asyncio.timeout(WITHIN_S):
        while not await condition():
            pass


async def offered(routing: Routing, count: int, *, municipality: str) -> Sequence[tuple[str, str]]:
    """Return client and transfer of new clients of a municipality."""
    persons = [another_person(person__home_municipality_code=municipality) for _ in range(count)]
    answer = await routing.office().bulk(ndjson(*persons))
    *lines, _ = msgspec.json.Decoder().decode_lines(answer.content)
    return [(line["result"]["client_id"], line["result"]["transfer_id"]) for line in lines]


async def test_records_of_a_topic_have_their_effect_and_bad_ones_are_parked_and_answered(
    broker: Broker, database: TestDatabase
) -> None:
    async with (
        a_topic(broker, "kv.routing-api.in.cs-sotkamo.v1") as topic,
        running_routing(database, **over_kafka(broker)) as routing,
    ):
        first, second, third = await offered(routing, 3, municipality="765")
        at = TopicPartition(topic, 0)
        records: list[SentRecord] = [
            a_record(*first),
            (None, b"\x00\xff garbage", []),
            (b"\xff", None, [("ce_id", b"\xff")]),
            a_record(*second, surprise="240587-921N"),
            a_record(*second),
            a_record(*third),
        ]
        await send(broker, at, records)

        await until(lambda: _counts(routing, done=2, parked=4))

        told = {answer["offset"]: answer for answer in await answers_to(routing)}
        assert set(told) == {1, 2, 3}
        assert all(answer["is_parked"] for answer in told.values())
        assert [told[offset]["codes"] for offset in (1, 2, 3)] == [
            ["attribute_missing"],
            ["attribute_malformed"],
            ["unknown_field"],
        ]
        assert told[3]["transfer_id"] == second[1]
        await _skip(routing, key=second[0])
        await send(broker, at, [a_record(*second)])
        await until(lambda: _is_read(routing, offset=7))
        assert await _counts(routing, done=3, parked=4)


async def _skip(routing: Routing, *, key: str) -> None:
    """Skip the parked record of a key, and see what waited behind it handled."""
    path = f"/parked-messages?state=parked&key={key}"
    [message] = (await routing.operator.get(path, headers=OPERATOR)).json()["items"]
    done = await repair(routing.operator, f"/parked-messages/{message['parked_id']}:skip", REASON)
    assert done.json()["handled"] == 1


async def _counts(routing: Routing, *, done: int, parked: int, of: str = "cs-sotkamo") -> bool:
    """Say whether so many were taken over and so many parked; tests share the broker's topics."""
    [row] = await routing.fetch(DONE)
    rows = await routing.fetch(
        "SELECT FROM inbox_parked WHERE consumer = $1", f"acknowledgements.{of}"
    )
    return bool(row["n"] == done) and len(rows) == parked


async def _is_read(routing: Routing, *, offset: int) -> bool:
    rows = await routing.fetch(
        "SELECT FROM inbox_positions WHERE cursor = $1 AND consumer LIKE 'acknowledgements.%'",
        str(offset),
    )
    return bool(rows)


@pytest.mark.journey
async def test_processes_that_come_and_go_take_every_acknowledgement_once(
    broker: Broker, database: TestDatabase
) -> None:
    count = 240
    async with AsyncExitStack() as stack:
        name = "kv.routing-api.in.cs-kajaani.v1"
        topic = await stack.enter_async_context(a_topic(broker, name))
        first = await stack.enter_async_context(running_routing(database, **over_kafka(broker)))
        clients = await offered(first, count, municipality="205")
        leaving = AsyncExitStack()
        await leaving.enter_async_context(running_routing(database, **over_kafka(broker)))
        for part in range(4):
            for place in range(PARTITIONS):
                records = [
                    a_record(*client)
                    for number, client in enumerate(clients)
                    if number % PARTITIONS == place and number % 4 == part
                ]
                await send(broker, TopicPartition(topic, place), records)
            if part == 1:
                await leaving.aclose()

        await until(lambda: _counts(first, done=count, parked=0, of="cs-kajaani"))

        events = [kind for _, kind, _ in await first.outbox("te-kainuu")]
        assert events.count("transfer.acknowledged") == count
