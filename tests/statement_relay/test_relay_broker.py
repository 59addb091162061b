"""Both ways into statement-relay over a real broker: who is responsible, and what is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from aiokafka.structs import TopicPartition

from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla_sandbox.broker import Broker
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing, running_routing
from tests.served import Json
from tests.shared.published import Topics
from tests.statement_relay.items import another_item
from tests.statement_relay.service import Relay, running_relay
from tests.topics import SentRecord, a_topic, send

WITHIN_S = 90
RECIPIENTS = ("cs-sotkamo", "internal")
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0177f6f0-9d20-76b5-8a23-d5962217bead"),
    ("ce_source", b"/case-system"),
    ("ce_type", b"fi.kuntavayla.information.sent.v1"),
    ("content-type", b"application/json"),
]


def over_kafka(broker: Broker) -> Json:
    """Return the settings of a service whose transport is the tests' broker."""
    return {
        "transport": "kafka",
        "kafka_bootstrap": broker.bootstrap,
        "kafka_security": "plaintext",
    }


def a_record(item: Json) -> SentRecord:
    return item["client_id"].encode(), msgspec.json.encode(item), HEADERS


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Return when a condition holds; fails after a time that is long for this machine."""
    async with asyncio.timeout(WITHIN_S):
        while not await condition():
            pass


@pytest.fixture
async def routing(broker: Broker, databases: DatabaseServer) -> AsyncIterator[Routing]:
    """A routing-api that publishes to topics which are there, and gone afterwards."""
    topics = Topics(broker.bootstrap, service="routing-api")
    await topics.make(*RECIPIENTS)
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(database, **over_kafka(broker)) as routing,
    ):
        yield routing
    await topics.remove(*RECIPIENTS)


async def states(relay: Relay, **wanted: int) -> bool:
    """Say whether so many items stand in these states."""
    rows = await relay.fetch("SELECT state, count(*) AS n FROM information GROUP BY state")
    return {row["state"]: row["n"] for row in rows} == wanted


async def test_clients_are_learned_and_items_taken_in_by_topics(
    broker: Broker, routing: Routing, relay_database: TestDatabase
) -> None:
    first = await routing.office().registered(a_registration())
    banned = another_person(person__has_security_ban=True)
    restricted = await routing.office().registered(banned)
    known, hidden = first["client_id"], restricted["client_id"]
    inbound = a_topic(broker, "kv.statement-relay.in.cs-sotkamo.v1")
    async with inbound as topic, running_relay(relay_database, **over_kafka(broker)) as relay:
        at = TopicPartition(topic, 0)
        good = another_item(client_id=known)
        bad = another_item(client_id=known, surprise="240587-921N")
        await until(lambda: learned(relay, known))

        await send(broker, at, [a_record(good), a_record(good), a_record(bad)])
        await send(broker, at, [a_record(another_item(client_id=hidden))])

        await until(lambda: states(relay, waiting=1, waiting_for_client=1))
        await until(lambda: parked(relay, 1))
        [row] = await relay.fetch("SELECT count(*) AS n FROM responsibilities")
        assert row["n"] == 1, "a client with a ban is in no topic"
        told = {
            (kind, channel): data
            for channel, kind, data in await relay.outbox()
            if data["client_id"] == known
        }
        assert set(told) == {("information.accepted", "common"), ("information.refused", "common")}
        refused = told["information.refused", "common"]
        assert (refused["topic"], refused["offset"], refused["is_parked"]) == (topic, 2, True)


async def learned(relay: Relay, client_id: str) -> bool:
    rows = await relay.fetch("SELECT FROM responsibilities WHERE client_id = $1", client_id)
    return bool(rows)


async def parked(relay: Relay, count: int) -> bool:
    rows = await relay.fetch("SELECT FROM inbox_parked WHERE consumer = 'information.cs-sotkamo'")
    return len(rows) == count
