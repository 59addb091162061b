import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest
from httpx import ASGITransport

from kuntavayla.inbox import Inbox, OneStream
from kuntavayla.service.workers.routing import RoutingDesk, RoutingFeed, Stream, read_routing
from kuntavayla.testing import DatabaseServer
from quota_ledger.events import SERVICE
from quota_ledger.operations.projecting import project
from tests.builders import a_registration, another_person
from tests.quota_ledger.service import Ledger
from tests.routing_api.service import Routing, running_routing
from tests.statement_relay.following import CHANGED, Told

WAIT_S = 30.0


@pytest.fixture
async def routing(databases: DatabaseServer) -> AsyncIterator[Routing]:
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(database) as routing,
    ):
        yield routing


@contextlib.asynccontextmanager
async def following(ledger: Ledger, routing: Routing) -> AsyncIterator[None]:
    """Let the ledger read routing-api's internal feeds inside the block, over HTTP."""
    scopes = ("events.read", "events.restricted")
    bearer = routing.issuer.authorization("quota-ledger", *scopes)

    async def token() -> str:
        return bearer.removeprefix("Bearer ")

    desk = RoutingDesk(project, service=SERVICE, moment=ledger.desk.moment, clock=ledger.clock)
    url = "http://routing.test/routing/v1"
    async with httpx.AsyncClient(transport=ASGITransport(app=routing.app)) as client:
        feed = RoutingFeed(client=client, url=url, token=token, service=SERVICE, broker=None)
        task = asyncio.create_task(read_routing(ledger.desk.pool, feed, desk=desk))
        try:
            yield
        finally:
            routing.app.state.before_end()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until_known(ledger: Ledger, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while await ledger.count("responsibilities") < count:  # noqa: ASYNC110 - rows tell by being read
            await asyncio.sleep(0.02)


async def test_who_is_responsible_is_learned_from_both_feeds_of_routing(
    ledger: Ledger, routing: Routing
) -> None:
    common = await routing.office().registered(a_registration())
    banned = another_person(person__has_security_ban=True)
    restricted = await routing.office().registered(banned)

    async with following(ledger, routing):
        await until_known(ledger, 2)

    rows = await ledger.fetch("SELECT * FROM responsibilities ORDER BY sequence")
    assert [str(row["client_id"]) for row in rows] == [
        common["client_id"],
        restricted["client_id"],
    ]
    assert [row["is_restricted"] for row in rows] == [False, True]
    assert (rows[0]["municipality_code"], rows[0]["valid_from"]) == ("765", date(2021, 3, 1))


async def test_an_event_that_is_told_twice_has_effect_once(ledger: Ledger) -> None:
    consumption = ledger.desk.consumptions(Stream.COMMON)
    assert consumption is not None
    told = Told()
    told.tell(CHANGED)
    for stream in ("one", "another"):
        reader = Inbox(
            ledger.desk.pool,
            OneStream(told, stream),
            consumer=Stream.COMMON,
            parking=consumption.parking,
        )
        await reader.step(consumption.handle)

    [row] = await ledger.fetch("SELECT case_system_id, clienthood_version FROM responsibilities")
    assert (row["case_system_id"], row["clienthood_version"]) == ("cs-sotkamo", 1)
