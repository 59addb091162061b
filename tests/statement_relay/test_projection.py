import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date
from functools import partial

import httpx
import msgspec
import pytest
from httpx import ASGITransport

from kuntavayla.inbox import Inbox, IncomingEvent, OneStream, SourceBatch
from kuntavayla.service.workers.routing import (
    RESPONSIBILITY_CHANGED,
    RoutingDesk,
    RoutingFeed,
    Stream,
    read_routing,
)
from kuntavayla.testing import DatabaseServer
from statement_relay.events import SERVICE
from statement_relay.operations.projecting import project
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing, running_routing
from tests.statement_relay.items import CLIENT, OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import NOW, Relay

WAIT_S = 30.0
LATER = "000001.000000000000000009"


@pytest.fixture
async def routing(databases: DatabaseServer) -> AsyncIterator[Routing]:
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(database) as routing,
    ):
        yield routing


def desk_of(relay: Relay) -> RoutingDesk:
    return RoutingDesk(
        partial(project, law=relay.desk.law),
        service=SERVICE,
        moment=relay.desk.moment,
        clock=relay.clock,
    )


@contextlib.asynccontextmanager
async def following(relay: Relay, routing: Routing) -> AsyncIterator[None]:
    """Let the relay read routing-api's internal feeds inside the block, over HTTP."""
    scopes = ("events.read", "events.restricted")
    bearer = routing.issuer.authorization("statement-relay", *scopes)

    async def token() -> str:
        return bearer.removeprefix("Bearer ")

    url = "http://routing.test/routing/v1"
    async with httpx.AsyncClient(transport=ASGITransport(app=routing.app)) as client:
        feed = RoutingFeed(client=client, url=url, token=token, service=SERVICE, broker=None)
        task = asyncio.create_task(read_routing(relay.desk.pool, feed, desk=desk_of(relay)))
        try:
            yield
        finally:
            routing.app.state.before_end()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until_known(relay: Relay, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while await relay.count("responsibilities") < count:  # noqa: ASYNC110 - rows tell by being read
            await asyncio.sleep(0.02)


async def test_who_is_responsible_is_learned_from_both_feeds_of_routing(
    relay: Relay, routing: Routing
) -> None:
    common = await routing.office().registered(a_registration())
    banned = another_person(person__has_security_ban=True)
    restricted = await routing.office().registered(banned)

    async with following(relay, routing):
        await until_known(relay, 2)

    rows = await relay.fetch("SELECT * FROM responsibilities ORDER BY sequence")
    assert [str(row["client_id"]) for row in rows] == [
        common["client_id"],
        restricted["client_id"],
    ]
    assert [row["is_restricted"] for row in rows] == [False, True]
    assert (rows[0]["source_system"], rows[0]["source_client_number"]) == ("ura", "URA-C-0088123")
    assert (rows[0]["municipality_code"], rows[0]["te_office_code"]) == ("765", "te-kainuu")
    assert (rows[0]["valid_from"], rows[0]["valid_to"]) == (date(2021, 3, 1), None)


async def test_what_waited_goes_on_in_order_when_its_client_becomes_known(
    relay: Relay, routing: Routing
) -> None:
    decision = await routing.office().registered(a_registration())
    sotkamo, client_id = relay.case_system(), decision["client_id"]
    first = await sotkamo.sent(another_item(client_id=client_id))
    second = await sotkamo.sent(another_item(client_id=client_id))

    async with following(relay, routing):
        await until_known(relay, 1)

    assert (first["state"], first["receiver_id"], first["digest"]) == (
        "waiting_for_client",
        None,
        None,
    )
    rows = await relay.fetch("SELECT * FROM information ORDER BY number")
    assert [str(row["information_id"]) for row in rows] == [
        first["information_id"],
        second["information_id"],
    ]
    assert [(row["state"], row["number"], row["receiver_id"]) for row in rows] == [
        ("waiting", 1, "te-kainuu"),
        ("waiting", 2, "te-kainuu"),
    ]
    assert all(row["digest"] and row["deliver_by_at"] for row in rows)


async def test_the_first_answer_stays_the_answer_when_the_client_is_known_by_now(
    relay: Relay,
) -> None:
    item = another_item()
    first = await relay.case_system().send(item, key="k-1")

    await relay.learn(responsible())

    again = await relay.case_system().send(item, key="k-1")
    assert first.json()["state"] == "waiting_for_client"
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")


async def test_what_waited_under_another_s_responsibility_is_refused_and_told(
    relay: Relay,
) -> None:
    sent = await relay.case_system().sent(another_item())

    await relay.learn(responsible(municipality_code="091", case_system_id="cs-helsinki"))

    [row] = await relay.fetch("SELECT state, state_reason, settled_at FROM information")
    assert (row["state"], row["state_reason"], row["settled_at"]) == (
        "refused",
        "responsible_other",
        NOW,
    )
    _, (channel, kind, data) = await relay.outbox()
    assert (channel, kind, data["codes"]) == (
        "common",
        "information.refused",
        ["responsible_other"],
    )
    assert data["information_id"] == sent["information_id"]


async def test_an_older_telling_of_a_version_changes_nothing(relay: Relay) -> None:
    await relay.learn(responsible(source_client_number="URA-C-2", sequence=LATER))

    await relay.learn(responsible(is_restricted=True))
    await relay.learn(responsible(source_client_number="URA-C-2", sequence=LATER))

    [row] = await relay.fetch("SELECT * FROM responsibilities")
    assert (row["source_client_number"], row["is_restricted"]) == ("URA-C-2", False)


async def test_a_ban_moves_what_is_told_of_a_client_to_the_restricted_feed(relay: Relay) -> None:
    await relay.learn(responsible())
    sotkamo = relay.case_system()
    before = await sotkamo.sent(another_item())

    await relay.learn(responsible(is_restricted=True, sequence=LATER))

    await sotkamo.sent(another_item())
    assert [channel for channel, _, _ in await relay.outbox()] == ["common", "restricted"]
    rows = await relay.fetch("SELECT is_restricted FROM information")
    assert [row["is_restricted"] for row in rows] == [True, True]
    path = f"/information/{before['information_id']}"
    without = relay.caller("cs-sotkamo", "information.read")
    assert (await without.get(path)).status_code == 404
    assert (await without.get("/information")).json()["items"] == []
    assert (await sotkamo.get(path)).status_code == 200


async def test_of_a_client_of_whom_nothing_is_known_only_the_restricted_feed_tells(
    relay: Relay,
) -> None:
    await relay.case_system().sent(another_item())

    [(channel, kind, _)] = await relay.outbox()

    assert (channel, kind) == ("restricted", "information.accepted")


async def test_nobody_becomes_known_between_the_look_and_the_waiting(relay: Relay) -> None:
    sotkamo = relay.case_system()

    sent, *_ = await asyncio.gather(
        asyncio.gather(*(sotkamo.sent(another_item()) for _ in range(20))),
        relay.learn(responsible()),
        relay.learn(responsible(sequence=LATER)),
    )

    rows = await relay.fetch("SELECT state, number FROM information ORDER BY number")
    assert len(sent) == 20
    assert [(row["state"], row["number"]) for row in rows] == [
        ("waiting", number) for number in range(1, 21)
    ]


class Written:
    """A stream that holds what a test has written into it."""

    def __init__(self, *events: IncomingEvent) -> None:
        self._events = events

    async def next_batch(self, cursor: str) -> SourceBatch:
        return SourceBatch(() if cursor == "end" else self._events, "end")


def an_event(number: int, **changes: object) -> IncomingEvent:
    """Return a telling of routing-api with members of its data replaced."""
    told = {
        "client_id": CLIENT,
        "clienthood_version": 1,
        "authority": "municipality",
        "municipality_code": "765",
        "area_code": "kainuu",
        "case_system_id": "cs-sotkamo",
        "te_office_code": "te-kainuu",
        "source_client_number": None,
        "valid_from": "2021-03-01",
        "valid_to": None,
    }
    data = told | changes
    return IncomingEvent(
        id=f"0177ec61-3abd-7951-9d9d-{number:012d}",
        type=RESPONSIBILITY_CHANGED,
        subject=str(data["client_id"]),
        time="2021-03-01T06:02:11.004Z",
        sequence=f"000001.{number:018d}",
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


async def test_a_malformed_event_parks_and_only_its_client_waits(relay: Relay) -> None:
    consumption = desk_of(relay).consumption(Stream.COMMON)
    assert consumption is not None
    other = {"client_id": OTHER_CLIENT}
    stream = Written(an_event(1, authority="nobody"), an_event(2, **other), an_event(3))
    reader = Inbox(
        relay.desk.pool,
        OneStream(stream, "written"),
        consumer=Stream.COMMON,
        parking=consumption.parking,
    )

    await reader.step(consumption.handle)

    known = await relay.fetch("SELECT client_id::text, source_system FROM responsibilities")
    parked = await relay.fetch("SELECT key, state, reason FROM inbox_parked ORDER BY number")
    assert [(row["client_id"], row["source_system"]) for row in known] == [(OTHER_CLIENT, None)]
    assert [(row["key"], row["state"]) for row in parked] == [
        (CLIENT, "parked"),
        (CLIENT, "queued"),
    ]


async def test_other_events_pass_and_other_consumers_are_not_ours(relay: Relay) -> None:
    consumption = desk_of(relay).consumption(Stream.RESTRICTED)
    assert consumption is not None
    updated = msgspec.structs.replace(an_event(1), type="fi.kuntavayla.client.updated.v1")
    stream = OneStream(Written(updated, an_event(2)), "written")
    reader = Inbox(relay.desk.pool, stream, consumer=Stream.RESTRICTED, parking=consumption.parking)

    taken = await reader.step(consumption.handle)

    [row] = await relay.fetch("SELECT is_restricted, sequence FROM responsibilities")
    assert (taken, row["is_restricted"], row["sequence"][-1]) == (2, True, "2")
    assert desk_of(relay).consumption("acknowledgements.cs-sotkamo") is None
