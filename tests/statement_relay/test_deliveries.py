from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.statement_relay.deliveries import (
    OTHER_RECEIVER,
    RECEIVER,
    Post,
    Queued,
    put_ids,
)
from tests.statement_relay.misbehaving import Server, always, answer, receiving
from tests.statement_relay.service import Caller, Relay

Json = Any
WHY_OFFICIAL = {"acting_official": {"official_id": "keha:op-1", "role": "operator"}}
WHY = {"reason": "Sovittu TE-toimiston kanssa", **WHY_OFFICIAL}


@pytest.fixture
async def operator(relay: Relay) -> Caller:
    return relay.caller("operator", "deliveries.read", "deliveries.write")


async def park(post: Post, receiver: Server, *, count: int = 1) -> list[Queued]:
    """Return items that are parked, each of a client of its own."""
    receiver.behaviour = always(answer(409))
    items = [await post.enqueue() for _ in range(count)]
    async with post.courier():
        await post.until_settled(items)
    return items


async def deliver(post: Post, receiver: Server, items: list[Queued]) -> None:
    receiver.behaviour = receiving
    async with post.courier():
        await post.until_settled(items)


def refusal(answered: httpx.Response) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


def stuck(**more: str) -> Json:
    return {"state": "parked", **more}


async def test_what_is_on_its_way_is_listed_page_by_page(
    post: Post, operator: Caller, receiver: Server
) -> None:
    [parked] = await park(post, receiver)
    behind = await post.enqueue(client_id=parked.client_id)
    elsewhere = await post.enqueue(receiver_id=OTHER_RECEIVER)

    first = (await operator.get("/deliveries?limit=2")).json()
    rest = (await operator.get(f"/deliveries?limit=2&after={first['next_cursor']}")).json()

    listed = [*first["items"], *rest["items"]]
    assert [one["information_id"] for one in listed] == [
        one.information_id for one in (parked, behind, elsewhere)
    ]
    assert [(one["state"], one["code"], one["is_first"]) for one in listed] == [
        ("parked", "other_content", True),
        ("waiting", None, False),
        ("waiting", None, True),
    ]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=parked", 1),
        ("state=delivering", 0),
        (f"receiver={OTHER_RECEIVER}", 1),
        ("code=other_content", 1),
        ("code=rejected", 0),
        ("older_than=2021-03-24T00:00:00Z", 0),
        ("older_than=2031-03-24T00:00:00Z", 2),
    ],
)
async def test_a_filter_narrows_the_list(
    post: Post, operator: Caller, receiver: Server, *, query: str, count: int
) -> None:
    await park(post, receiver)
    await post.enqueue(receiver_id=OTHER_RECEIVER)

    listed = (await operator.get(f"/deliveries?{query}")).json()

    assert len(listed["items"]) == count


@pytest.mark.parametrize(
    "query",
    [
        "state=delivered",
        "receiver=240587-921N",
        "code=A",
        "older_than=yesterday",
        "older_than=2021-03-24T00:00:00",
        "older_than=0001-01-01T00:00:00Z",
        "limit=0",
    ],
)
async def test_a_filter_with_faults_is_refused(operator: Caller, query: str) -> None:
    assert refusal(await operator.get(f"/deliveries?{query}")) == (422, "invalid_content")


async def test_the_summary_counts_by_receiver_state_and_code(
    post: Post, operator: Caller, receiver: Server
) -> None:
    await park(post, receiver, count=3)
    await post.enqueue(receiver_id=OTHER_RECEIVER)

    counted = (await operator.get("/deliveries/summary")).json()["items"]

    assert [(one["receiver_id"], one["state"], one["code"], one["items"]) for one in counted] == [
        (RECEIVER, "parked", "other_content", 3),
        (OTHER_RECEIVER, "waiting", None, 1),
    ]


async def test_a_parked_item_is_sent_again_with_its_bytes_and_frees_its_queue(
    post: Post, operator: Caller, receiver: Server
) -> None:
    [parked] = await park(post, receiver)
    behind = await post.enqueue(client_id=parked.client_id)

    answers = [
        await operator.post(f"/deliveries/{parked.information_id}:retry", WHY) for _ in range(2)
    ]
    await deliver(post, receiver, [parked, behind])

    assert [one.json() for one in answers] == [{"handled": 1}] * 2
    assert [heard.body for heard in receiver.heard] == [parked.body, parked.body, behind.body]
    assert await post.state_of(parked) == ("delivered", None)
    assert await post.state_of(behind) == ("delivered", None)


async def test_an_item_that_waits_for_its_time_is_tried_at_once(
    post: Post, operator: Caller, receiver: Server
) -> None:
    receiver.behaviour = always(answer(423))
    item = await post.enqueue()
    async with post.courier():
        await post.until_attempted(item)
        receiver.behaviour = receiving
        await operator.post(f"/deliveries/{item.information_id}:retry", WHY)
        await post.until_settled([item])

    assert put_ids(receiver) == [item.information_id] * 2


async def test_a_skipped_item_is_rejected_with_what_corrects_it_and_told(
    post: Post, operator: Caller, receiver: Server
) -> None:
    [parked] = await park(post, receiver)
    correction = await post.enqueue(client_id=parked.client_id, replaces=parked)
    behind = await post.enqueue(client_id=parked.client_id)

    answers = [
        await operator.post(f"/deliveries/{parked.information_id}:skip", WHY) for _ in range(2)
    ]
    await deliver(post, receiver, [behind])

    assert [one.status_code for one in answers] == [200, 200]
    assert await post.state_of(parked) == ("rejected", "skipped")
    assert await post.state_of(correction) == ("rejected", "original_rejected")
    assert await post.state_of(behind) == ("delivered", None)
    assert [name for name, _ in await post.events()] == [
        "information.parked",
        "information.rejected",
        "information.rejected",
        "information.delivered",
    ]


async def test_who_repaired_and_why_is_on_record(
    post: Post, operator: Caller, receiver: Server
) -> None:
    [parked] = await park(post, receiver)

    await operator.post(f"/deliveries/{parked.information_id}:skip", WHY)

    [line] = await post.rows("SELECT * FROM audit WHERE action = 'delivery.skipped'")
    [note] = await post.rows("SELECT * FROM delivery_notes")
    assert (line["official_id"], str(line["resource_id"])) == ("keha:op-1", parked.information_id)
    assert (note["action"], note["reason"], note["official_id"]) == (
        "skipped",
        WHY["reason"],
        "keha:op-1",
    )


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_only_the_first_of_a_clients_items_can_be_repaired(
    post: Post, operator: Caller, receiver: Server, *, act: str
) -> None:
    [parked] = await park(post, receiver)
    behind = await post.enqueue(client_id=parked.client_id)

    answered = await operator.post(f"/deliveries/{behind.information_id}:{act}", WHY)

    assert refusal(answered) == (409, "delivery_behind_others")


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_an_item_under_way_is_not_repaired(
    post: Post, operator: Caller, receiver: Server, *, act: str
) -> None:
    item = await post.enqueue()
    await post.claim(lease_s=60)

    answered = await operator.post(f"/deliveries/{item.information_id}:{act}", WHY)

    assert refusal(answered) == (409, "delivery_under_way")
    assert receiver.heard == []


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_what_was_delivered_is_not_repaired(
    post: Post, operator: Caller, receiver: Server, *, act: str
) -> None:
    item = await post.enqueue()
    await deliver(post, receiver, [item])

    answered = await operator.post(f"/deliveries/{item.information_id}:{act}", WHY)

    assert refusal(answered) == (409, "delivery_settled")


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_what_is_not_known_is_not_found(post: Post, operator: Caller, act: str) -> None:
    answered = await operator.post(f"/deliveries/{post.new_id()}:{act}", WHY)

    assert refusal(answered) == (404, "delivery_not_found")


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_many_are_repaired_by_a_filter_after_a_count(
    post: Post, operator: Caller, receiver: Server, *, act: str
) -> None:
    items = await park(post, receiver, count=3)
    asked = {"filter": stuck(receiver_id=RECEIVER, code="other_content")}

    counted = (await operator.post("/deliveries:preview", asked | WHY_OFFICIAL)).json()
    repaired = await operator.post(
        f"/deliveries:{act}", {**asked, **WHY, "expected_count": counted["count"]}
    )

    assert counted == {"count": 3, "items_max": 1_000}
    assert repaired.json() == {"handled": 3}
    states = {(await post.state_of(item))[0] for item in items}
    assert states == ({"waiting"} if act == "retry" else {"rejected"})


async def test_another_count_than_expected_repairs_nothing(
    post: Post, operator: Caller, receiver: Server
) -> None:
    [parked] = await park(post, receiver)

    answered = await operator.post(
        "/deliveries:skip", {"filter": stuck(), "expected_count": 2, **WHY}
    )

    assert refusal(answered) == (409, "delivery_count_differs")
    assert (await post.state_of(parked))[0] == "parked"


async def test_a_filter_by_age_means_what_was_accepted_before(
    post: Post, operator: Caller, receiver: Server
) -> None:
    await park(post, receiver)
    post.now += timedelta(days=1)
    cut = post.now.isoformat()
    await park(post, receiver)

    counted = await operator.post(
        "/deliveries:preview", {"filter": stuck(accepted_before=cut), **WHY_OFFICIAL}
    )

    assert counted.json()["count"] == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (":retry", {"filter": {"state": "waiting"}, "expected_count": 1}, "invalid_content"),
        (":retry", {"filter": {"state": "parked"}}, "invalid_content"),
        (":skip", {"filter": {"state": "parked"}, "expected_count": -1}, "invalid_content"),
        (":preview", {"filter": {}}, "invalid_content"),
    ],
    ids=str,
)
async def test_a_repair_of_many_with_faults_is_refused(
    operator: Caller, *, path: str, body: Json, code: str
) -> None:
    more = WHY_OFFICIAL if path == ":preview" else WHY

    assert refusal(await operator.post(f"/deliveries{path}", {**body, **more})) == (422, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reason": "x"}, 400, "acting_official_missing"),
        ({"reason": "240587-921N", **WHY_OFFICIAL}, 422, "invalid_content"),
        (
            {"reason": "x", "acting_official": {"official_id": "a:1", "role": "auditor"}},
            403,
            "official_role_refused",
        ),
    ],
    ids=str,
)
async def test_a_repair_needs_an_official_and_a_fit_reason(
    post: Post, operator: Caller, *, body: Json, status: int, code: str
) -> None:
    answered = await operator.post(f"/deliveries/{post.new_id()}:skip", body)

    assert refusal(answered) == (status, code)


async def test_only_operators_see_and_repair_deliveries(relay: Relay, post: Post) -> None:
    system = relay.caller("cs-sotkamo", "deliveries.read", "deliveries.write")
    one = f"/deliveries/{post.new_id()}"

    answers = [
        await system.get("/deliveries"),
        await system.get("/deliveries/summary"),
        await system.post(f"{one}:retry", WHY),
        await system.post(f"{one}:skip", WHY),
        await system.post("/deliveries:retry", {"filter": stuck(), "expected_count": 0, **WHY}),
        await system.post("/deliveries:skip", {"filter": stuck(), "expected_count": 0, **WHY}),
        await system.post("/deliveries:preview", {"filter": stuck(), **WHY_OFFICIAL}),
    ]

    assert {one.json()["code"] for one in answers} == {"caller_kind_refused"}


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_items_about_restricted_clients_are_repaired_only_with_their_scope(
    relay: Relay, post: Post, receiver: Server, *, operator: Caller, act: str
) -> None:
    receiver.behaviour = always(answer(409))
    plain, hidden = await post.enqueue(), await post.enqueue(is_restricted=True)
    async with post.courier():
        await post.until_settled([plain, hidden])
    trusted = relay.caller("operator", "deliveries.read", "deliveries.write", "events.restricted")
    many = {"filter": stuck(), **WHY}

    refused = await operator.post(f"/deliveries/{hidden.information_id}:{act}", WHY)
    summed = (await operator.get("/deliveries/summary")).json()["items"]
    counted = await operator.post("/deliveries:preview", {"filter": stuck(), **WHY_OFFICIAL})
    too_many = await operator.post(f"/deliveries:{act}", {**many, "expected_count": 2})
    one = await operator.post(f"/deliveries:{act}", {**many, "expected_count": 1})
    left = (await trusted.get("/deliveries/summary")).json()["items"]
    done = await trusted.post(f"/deliveries/{hidden.information_id}:{act}", WHY)

    assert refusal(refused) == (404, "delivery_not_found")
    assert [each["items"] for each in summed] == [1]
    assert counted.json()["count"] == 1
    assert refusal(too_many) == (409, "delivery_count_differs")
    assert one.json() == done.json() == {"handled": 1}
    assert ("parked", 1) in [(each["state"], each["items"]) for each in left]
    assert await post.state_of(plain) == await post.state_of(hidden)
