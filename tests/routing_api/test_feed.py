import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import another_person
from tests.routing_api.service import Caller, Routing
from tests.served import Json, kind_of


def a_cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def until(is_so: Callable[[], bool]) -> None:
    """Let others of the process go on until something is so."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - the app gives no event for what goes on inside
            await asyncio.sleep(0)


async def page(caller: Caller, **query: Json) -> tuple[list[Json], str]:
    answer = await caller.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    return answer.json(), answer.headers["next-cursor"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param({"after": "nonsense"}, 400, "cursor_malformed", id="no cursor"),
        pytest.param({"after": a_cursor("1.1")}, 400, "cursor_malformed", id="not in our form"),
        pytest.param({"after": a_cursor("x.y")}, 400, "cursor_malformed", id="no numbers"),
        pytest.param(
            {"after": a_cursor("000001.000000000000000009")}, 410, "cursor_expired", id="beyond"
        ),
        pytest.param(
            {"after": a_cursor("000002.000000000000000000")}, 410, "cursor_expired", id="epoch"
        ),
        pytest.param(
            {"after": a_cursor("000001.999999999999999999")}, 410, "cursor_expired", id="far beyond"
        ),
        pytest.param({"limit": 0}, 422, "invalid_content", id="limit too small"),
        pytest.param({"limit": 1_001}, 422, "invalid_content", id="limit too large"),
        pytest.param({"wait": 26}, 422, "invalid_content", id="wait too long"),
    ],
)
async def test_a_place_that_the_feed_does_not_have_is_refused(
    refusing: Routing, *, query: dict[str, Any], status: int, code: str
) -> None:
    answer = await refusing.case_system().get("/events", params=query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 410:
        assert "/routing/v1/clienthoods" in answer.json()["detail"]


async def test_the_feed_gives_events_in_order_page_by_page_and_ends_with_a_cursor(
    routing: Routing,
) -> None:
    case_system = routing.case_system()
    empty, start = await page(case_system)
    *lines, _ = await routing.office().register_many(*(another_person() for _ in range(5)))

    first, cursor = await page(case_system, after=start, limit=3)
    second, end = await page(case_system, after=cursor, limit=3)
    third, still = await page(case_system, after=end)
    now, _ = await page(case_system, after="now")
    other, _ = await page(routing.case_system("cs-kajaani"), after="earliest")

    events = first + second
    assert (empty, third, now, other) == ([], [], [], [])
    assert [event["data"]["client_id"] for event in events] == [
        line["result"]["client_id"] for line in lines
    ]
    assert [event["sequence"] for event in events] == sorted(e["sequence"] for e in events)
    assert (len(first), len(second)) == (3, 2)
    assert end == still
    assert await case_system.events() == events


async def test_a_waiting_reader_is_woken_at_once_and_holds_no_connection(
    routing: Routing,
) -> None:
    # A place that is taken first: `now` of a poll that starts late is behind the event.
    _, place = await page(routing.case_system(), after="now")
    waiting = [
        asyncio.create_task(page(routing.case_system(), after=place, wait=25)) for _ in range(30)
    ]
    stranger = asyncio.create_task(page(routing.case_system("cs-kajaani"), after="now", wait=25))
    desk = routing.app.state.desk
    await until(lambda: desk.waiters.waiting_count == 31)
    await until(lambda: desk.pool.get_idle_size() == desk.pool.get_size())

    await routing.office().registered(another_person())
    # Sooner than the polls end by themselves.
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*waiting)
    was_woken = stranger.done()
    routing.app.state.before_end()
    events, _ = await stranger

    assert [[kind_of(event) for event in events] for events, _ in answers] == [
        ["client.transferred"]
    ] * 30
    assert (was_woken, events) == (False, [])


async def test_a_snapshot_and_the_feed_behind_it_miss_nothing_while_others_register(
    routing: Routing,
) -> None:
    async def register() -> set[str]:
        clients: set[str] = set()
        for _ in range(6):
            *lines, _ = await routing.office().register_many(*(another_person() for _ in range(9)))
            clients |= {line["result"]["client_id"] for line in lines}
        return clients

    async def start() -> set[str]:
        clients: set[str] = set()
        after, cursor = None, None
        while after is not None or cursor is None:
            query = {"limit": 10, **({"after": after} if after else {})}
            answer = (await routing.case_system().get("/clienthoods", params=query)).json()
            cursor, after = cursor or answer["feed_cursor"], answer["next_cursor"]
            clients |= {item["client_id"] for item in answer["items"]}
        return clients | await follow(cursor)

    async def follow(cursor: str) -> set[str]:
        await registering
        events, _ = await page(routing.case_system(), after=cursor)
        return {event["data"]["client_id"] for event in events}

    registering = asyncio.create_task(register())
    found = await asyncio.gather(*(start() for _ in range(4)))

    everybody = await registering
    assert len(everybody) == 54
    assert [clients == everybody for clients in found] == [True] * 4


async def test_the_snapshot_of_a_day_shows_who_was_held_then(routing: Routing) -> None:
    person = another_person()
    decision = await routing.national.registered(person)
    person["source"]["registration_id"] = "moved"
    person["person"]["home_municipality_code"] = "205"
    moved = await routing.national.registered({**person, "effective_on": "2021-03-20"})

    async def held(case_system: str, **query: str) -> list[tuple[str, int]]:
        answer = await routing.case_system(case_system).get("/clienthoods", params=query)
        items = answer.json()["items"]
        return [(item["transfer_id"], item["clienthood_version"]) for item in items]

    here = [(decision["transfer"]["transfer_id"], 1)]
    there = [(moved["transfer"]["transfer_id"], 2)]
    assert await held("cs-sotkamo", on="2021-02-28") == []
    assert await held("cs-sotkamo", on="2021-03-19") == here
    assert await held("cs-sotkamo", on="2021-03-20") == []
    assert await held("cs-kajaani", on="2021-03-19") == []
    assert await held("cs-kajaani", on="2021-03-20") == there
    assert await held("cs-kajaani") == there


async def test_a_long_poll_answers_at_once_when_the_service_is_about_to_end(
    routing: Routing,
) -> None:
    case_system = routing.case_system()
    poll = asyncio.create_task(case_system.get("/events", params={"after": "now", "wait": "25"}))
    waiters = routing.app.state.desk.waiters
    await until(lambda: waiters.waiting_count == 1)

    routing.app.state.before_end()

    # Sooner than the poll ends by itself.
    async with asyncio.timeout(15):
        answer = await poll
    assert (answer.status_code, answer.json()) == (200, [])
