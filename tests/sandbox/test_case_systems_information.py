import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from kuntavayla.database import Pool
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.case_systems.configuration import Endpoint
from kuntavayla_sandbox.case_systems.information import store
from kuntavayla_sandbox.case_systems.information.store import SentItem
from kuntavayla_sandbox.case_systems.information.worker import Telling
from kuntavayla_sandbox.week import Entry, Week, WeekClient, generate_week
from tests.sandbox.case_system_bench import PATIENCE_S, case_systems_pool

MONDAY = date(2021, 3, 1)
RELAY = "http://relay.test/relay/v1"
POLL_S = 0.02
ADD_CLIENT = """
INSERT INTO clients (case_system_id, transfer_id, client_id, clienthood_version, municipality_code,
                     state, revision, fetched_revision, channel)
VALUES ($1, $2, $3, 1, '765', $4, 1, 1, 'common')
"""


@pytest.fixture(scope="module")
async def pool(server_url: str) -> AsyncIterator[Pool]:
    async with case_systems_pool(server_url) as pool:
        yield pool


class Relay:
    """The relay as far as a case system sees it: takes each municipal id once, tells by a feed."""

    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.order: list[str] = []
        self.keys: list[str] = []
        self.bulk_calls = 0
        self.cut_off = 0
        self.not_executed_from: int | None = None
        self.refused: set[str] = set()
        self.differing = 0
        self.withdraws_unsent = False
        self.events: list[dict[str, Any]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/relay/v1")
        if path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        if path.startswith("/events"):
            return await self.feed(path, request.url.params["after"])
        if path == "/information:bulk":
            return self.bulk([json.loads(line) for line in request.content.splitlines()])
        if request.method == "GET":
            return httpx.Response(200, headers={"ETag": '"1"'}, json={})
        return self.replace(request)

    async def feed(self, path: str, after: str) -> httpx.Response:
        start = 0 if after == "earliest" else int(after)
        events = self.events[start:] if path == "/events" else []
        if not events:
            await asyncio.sleep(POLL_S)
        return httpx.Response(200, headers={"Next-Cursor": str(start + len(events))}, json=events)

    def take(self, municipal_id: str) -> dict[str, Any]:
        if municipal_id not in self.taken:
            self.taken[municipal_id] = str(UUID(int=len(self.taken) + 1))
            self.order.append(municipal_id)
        return {"information_id": self.taken[municipal_id], "state": "accepted", "digest": "d"}

    def bulk(self, items: list[dict[str, Any]]) -> httpx.Response:
        self.bulk_calls += 1
        lines = []
        for number, item in enumerate(items, start=1):
            line: dict[str, Any] = {"line": number, "key": item["municipal_id"], "status": 201}
            if self.not_executed_from is not None and number >= self.not_executed_from:
                line |= {"status": 503, "problem": {"code": "waited_too_long"}}
            elif item["municipal_id"] in self.refused:
                line |= {"status": 422, "problem": {"code": "invalid_content"}}
            else:
                line |= {"result": self.take(item["municipal_id"])}
            lines.append(line)
        self.not_executed_from = None
        lines.append({"summary": {"lines": len(items)}})
        if self.cut_off:
            self.cut_off -= 1
            lines.pop()
        return httpx.Response(200, content="\n".join(json.dumps(line) for line in lines))

    def replace(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["If-Match"] == '"1"'
        self.keys.append(request.headers["Idempotency-Key"])
        if self.differing:
            self.differing -= 1
            return httpx.Response(412, json={"code": "version_differs"})
        answer = self.take(json.loads(request.content)["municipal_id"])
        if self.withdraws_unsent and request.url.path.endswith(":withdraw"):
            answer["state"] = "withdrawn"
        return httpx.Response(201, json=answer)

    def tell(self, kind: str, municipal_id: str, **more: object) -> None:
        position = len(self.events) + 1
        self.events.append(
            {
                "id": str(position),
                "type": f"fi.kuntavayla.{kind}.v1",
                "subject": "x",
                "time": "2021-03-01T06:00:00.000Z",
                "sequence": f"000001.{position:018d}",
                "data": {"municipal_id": municipal_id, **more},
            }
        )


class Bench:
    """One case system with two hundred clients, and the relay that it tells."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.pool = pool
        self.name = name
        self.relay = Relay()
        self.kafka: KafkaConnection | None = None

    async def add_clients(self) -> None:
        for number in range(1, 201):
            state = "acknowledged" if number % 2 else "ended"
            ids = UUID(int=number), UUID(int=number + 1_000)
            await self.pool.execute(ADD_CLIENT, self.name, *ids, state)

    async def items(self) -> list[SentItem]:
        async with self.pool.acquire() as connection:
            return await store.list_information(connection, self.name, after=0, limit=1_000)

    async def work_until(
        self,
        is_reached: Callable[[list[SentItem]], bool],
        *,
        weeks: int = 1,
        items: int = 200,
        more: Sequence[Entry] = (),
    ) -> list[SentItem]:
        """Let the case system keep its week and tell it until what is kept is as wanted."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.relay)) as client:
            telling = Telling(
                Endpoint(
                    case_system_id=self.name,
                    municipality_code="765",
                    contact_point="here",
                    credentials=Credentials(f"{RELAY}/token", "id", "secret"),
                ),
                self.pool,
                client=client,
                relay_url=RELAY,
                kafka=self.kafka,
            )
            for _ in range(weeks):
                await telling.keep_week(Week(starts_on=MONDAY, items=items, seed=1))
            await telling.keep(more)
            work = asyncio.create_task(telling.run())
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not is_reached(await self.items()):
                        assert not work.done(), "the case system ended by itself"
                        await asyncio.sleep(POLL_S)
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
        return await self.items()


def is_sent(items: list[SentItem]) -> bool:
    return bool(items) and all(item.state != "to_send" for item in items)


@pytest.fixture
async def bench(pool: Pool, request: pytest.FixtureRequest) -> Bench:
    bench = Bench(pool, f"cs-{len(request.node.name)}-{request.node.name[5:30]}")
    await bench.add_clients()
    return bench


async def test_a_week_is_sent_once_in_its_order_and_answers_are_kept(bench: Bench) -> None:
    items = await bench.work_until(is_sent)

    assert [item.municipal_id for item in items] == bench.relay.order
    assert [item.information_id for item in items] == list(bench.relay.taken.values())
    places = [item.answered_place or 0 for item in items]
    assert places == sorted(places)
    assert {item.action for item in items} == {"new", "correct", "withdraw"}
    assert {UUID(item.client_id).int % 2 for item in items} == {1}


async def test_the_same_week_kept_again_is_not_sent_again(bench: Bench) -> None:
    items = await bench.work_until(is_sent, weeks=2)

    assert len(items) == 200
    assert len(bench.relay.order) == 200


async def test_single_things_are_told_behind_the_week_and_each_once(bench: Bench) -> None:
    client = WeekClient(str(UUID(int=1_001)), "765")
    [entry] = generate_week("cs-single", [client], week=Week(starts_on=MONDAY, items=1, seed=9))

    items = await bench.work_until(is_sent, more=[entry, entry])

    assert len(items) == 201
    assert bench.relay.order[-1] == entry.municipal_id


async def test_an_answer_that_was_cut_off_is_asked_for_again(bench: Bench) -> None:
    bench.relay.cut_off = 1

    items = await bench.work_until(is_sent)

    assert bench.relay.bulk_calls == 2
    assert [item.municipal_id for item in items] == bench.relay.order


async def test_lines_that_were_not_executed_are_sent_again_in_order(bench: Bench) -> None:
    bench.relay.not_executed_from = 51

    items = await bench.work_until(is_sent)

    assert [item.municipal_id for item in items] == bench.relay.order
    assert {item.state for item in items} == {"answered"}


async def test_a_correction_meets_a_newer_version_and_is_sent_again(bench: Bench) -> None:
    bench.relay.differing = 2

    items = await bench.work_until(is_sent)

    mended = [item.municipal_id for item in items if item.action != "new"]
    assert bench.relay.keys == [mended[0]] * 2 + mended
    assert {item.state for item in items} == {"answered"}


async def test_what_replaces_a_refused_item_is_not_sent(bench: Bench) -> None:
    clients = [WeekClient(str(UUID(int=1_000 + number)), "765") for number in range(1, 201, 2)]
    week = Week(starts_on=MONDAY, items=200, seed=1)
    entries = generate_week(bench.name, clients, week=week)
    correction = next(entry for entry in entries if entry.action == "correct")
    bench.relay.refused = {correction.replaces_municipal_id or ""}

    items = {item.municipal_id: item for item in await bench.work_until(is_sent)}

    assert items[correction.municipal_id].problem_code == "original_refused"
    assert items[correction.replaces_municipal_id or ""].problem_code == "invalid_content"
    assert correction.municipal_id not in bench.relay.taken


async def test_a_withdrawal_settled_by_its_answer_ends_what_it_withdraws(bench: Bench) -> None:
    bench.relay.withdraws_unsent = True

    items = {item.municipal_id: item for item in await bench.work_until(is_sent)}

    withdrawals = [item for item in items.values() if item.action == "withdraw"]
    assert withdrawals
    assert {items[each.replaces_municipal_id or ""].outcome for each in withdrawals} == {
        "withdrawn"
    }


async def test_events_tell_what_became_of_items(bench: Bench) -> None:
    [one, two, three, *_] = [f"{bench.name}-{MONDAY}-{number:06d}" for number in range(1, 4)]
    bench.relay.tell("information.delivered", one, receipt_id="r-1", digest="d-1")
    bench.relay.tell("information.rejected", two, code="client_unknown_to_receiver")
    bench.relay.tell("information.delayed", three)
    bench.relay.tell("information.overdue", three)
    bench.relay.tell("information.seen_on_the_moon", three)
    bench.relay.tell("information.refused", three, codes=["client_unknown"])

    items = await bench.work_until(
        lambda items: sum(item.outcome is not None for item in items) == 3
    )

    by_id = {item.municipal_id: item for item in items}
    delivered = by_id[one]
    assert (delivered.outcome, delivered.receipt_id, delivered.receipt_digest) == (
        "delivered",
        "r-1",
        "d-1",
    )
    assert (by_id[two].outcome, by_id[two].outcome_code) == (
        "rejected",
        "client_unknown_to_receiver",
    )
    assert (by_id[three].outcome, by_id[three].outcome_code) == ("refused", "client_unknown")
    assert (by_id[three].is_delayed, by_id[three].is_overdue) == (True, True)
