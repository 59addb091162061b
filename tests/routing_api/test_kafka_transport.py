import asyncio
from collections.abc import AsyncIterator

import pytest

from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.broker import Broker
from routing_api.events import SERVICE
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing, running_routing
from tests.served import Json
from tests.shared.published import WITHIN_S, Topics

ACTING = {"official_id": "operator:u-1", "role": "operator"}
PAUSE = {"reason": "its system is being renewed", "acting_official": ACTING}
RESUME = {"acting_official": ACTING}
RECIPIENTS = ("cs-sotkamo", "internal")


@pytest.fixture
async def topics(broker: Broker) -> AsyncIterator[Topics]:
    topics = Topics(broker.bootstrap, service=SERVICE)
    await topics.make(*RECIPIENTS)
    yield topics
    await topics.remove(*RECIPIENTS)


@pytest.fixture
async def routing(database: TestDatabase, topics: Topics) -> AsyncIterator[Routing]:
    settings = {
        "transport": "kafka",
        "kafka_bootstrap": topics.bootstrap,
        "kafka_security": "plaintext",
    }
    async with running_routing(database, **settings) as routing:
        yield routing


async def published(routing: Routing) -> Json:
    """Return the status when everything is published."""
    async with asyncio.timeout(WITHIN_S):
        while (status := (await routing.operator.get("/status")).json())["published"]["lag"]:  # noqa: ASYNC110 - the status tells by being read
            await asyncio.sleep(0)
    return status


async def standing(routing: Routing) -> Json:
    items = (await routing.operator.get("/recipients")).json()["items"]
    return next(item for item in items if item["recipient"] == "cs-sotkamo")


async def open_again(routing: Routing) -> Json:
    """Return how the recipient stands when it is owed nothing more.

    Its records are on the topic a moment before the publisher has noted it.
    """
    async with asyncio.timeout(WITHIN_S):
        while (item := await standing(routing))["state"] != "open":  # noqa: ASYNC110 - it tells by being read
            await asyncio.sleep(0)
    return item


async def test_what_is_decided_is_published_and_the_status_says_so(
    routing: Routing, topics: Topics
) -> None:
    await routing.office().registered(another_person())
    await routing.office().registered(a_registration(person__has_security_ban=True))

    status = await published(routing)

    [record] = await topics.read("cs-sotkamo")
    [event] = await routing.case_system().events()
    assert status["transport"] == "kafka"
    assert status["published"]["position"] == status["head_position"] == 4
    assert "oldest_unpublished_at" not in status["published"]
    assert record.event_id == event["id"]
    assert record.headers["ce_type"] == "fi.kuntavayla.client.transferred.v1"
    assert len(await topics.read("internal")) == 1


async def test_a_paused_recipient_waits_on_both_ways_and_is_owed_nothing_after_its_resumption(
    routing: Routing, topics: Topics
) -> None:
    await routing.office().registered(another_person())
    await published(routing)
    await routing.operator.post("/recipients/cs-sotkamo:pause", PAUSE)
    await routing.office().registered(another_person())
    await published(routing)
    held = await standing(routing)
    feed = await routing.case_system().get("/events")
    meanwhile = await topics.read("cs-sotkamo")

    resumed = await routing.operator.post("/recipients/cs-sotkamo:resume", RESUME)
    after = await topics.until("cs-sotkamo", satisfied=lambda records: len(records) == 2)

    assert (held["state"], held["common"]["waiting_events"]) == ("paused", 1)
    assert held["common"]["counted_from_position"] == 2
    assert feed.status_code == 503
    assert len(meanwhile) == 1
    assert resumed.json()["state"] in {"draining", "open"}
    assert len(after) == 2
    assert (await open_again(routing))["common"]["waiting_events"] == 0


async def test_a_redelivery_reaches_the_topic_with_its_mark_and_its_first_sequence(
    routing: Routing, topics: Topics
) -> None:
    await routing.office().registered(another_person())

    body = {"recipient": "cs-sotkamo", "after": "earliest", "reason": "lost by the reader"}
    answer = await routing.operator.post(
        "/redeliveries", {**body, "acting_official": ACTING}, headers={"Idempotency-Key": "key-1"}
    )
    await published(routing)

    first, again = await topics.read("cs-sotkamo")
    mark = answer.json()["redelivery_id"]
    assert (again.key, again.value) == (first.key, first.value)
    assert again.headers == {**first.headers, "ce_redeliveryid": mark}


async def test_an_event_that_can_not_be_sent_is_seen_in_the_status(routing: Routing) -> None:
    routing.clock.tick()
    await routing.office().registered(another_person(person__home_municipality_code="205"))

    async def is_late() -> bool:
        published = (await routing.operator.get("/status")).json()["published"]
        late_at: str = published.get("oldest_unpublished_at", "")
        is_next = late_at.startswith("2021-03-01T06:02:11.005")
        return is_next and int(published["lag"]) == 2

    async with asyncio.timeout(WITHIN_S):
        while not await is_late():  # noqa: ASYNC110 - the status tells by being read
            await asyncio.sleep(0)
