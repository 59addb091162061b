from datetime import timedelta
from typing import Any

import pytest

from statement_relay.rules.endpoints import Endpoint
from tests.statement_relay.deliveries import RECEIVER, Post, put_ids
from tests.statement_relay.misbehaving import Server, always, answer
from tests.statement_relay.service import Caller, Relay

Json = Any
OFFICIAL = {"official_id": "keha:op-1", "role": "operator"}


@pytest.fixture
async def operator(relay: Relay) -> Caller:
    return relay.caller("operator", "receivers.read", "receivers.write")


async def standing(operator: Caller, receiver_id: str = RECEIVER) -> Json:
    listed = (await operator.get("/receivers")).json()["items"]
    [found] = [one for one in listed if one["receiver_id"] == receiver_id]
    return found


async def test_receivers_are_listed_with_what_is_on_its_way(post: Post, operator: Caller) -> None:
    await post.make_known(RECEIVER)
    for _ in range(2):
        await post.enqueue()

    found = await standing(operator)

    assert (found["state"], found["waiting_items"], found["parked_items"]) == ("open", 2, 0)
    assert found["address_known"] is False


async def test_a_paused_receiver_is_sent_nothing_until_it_is_resumed(
    post: Post, operator: Caller, receiver: Server
) -> None:
    await post.make_known(RECEIVER)
    async with post.courier():
        path = f"/receivers/{RECEIVER}"
        paused = await operator.post(
            f"{path}:pause", {"reason": "Huolto", "acting_official": OFFICIAL}
        )
        item = await post.enqueue()
        resting = await standing(operator)
        sent_while_paused = put_ids(receiver)
        resumed = await operator.post(f"{path}:resume", {"acting_official": OFFICIAL})
        await post.until_settled([item])

    assert (paused.status_code, resting["state"], resting["waiting_items"]) == (200, "paused", 1)
    assert resting["pause"] == {"reason": "Huolto", "official_id": "keha:op-1", "until": None}
    assert (resumed.json()["state"], resumed.json()["pause"]) == ("open", None)
    assert sent_while_paused == []
    actions = await post.rows("SELECT action FROM audit WHERE action LIKE 'receiver.%ed:%'")
    assert [row["action"] for row in actions] == [
        f"receiver.paused:{RECEIVER}",
        f"receiver.resumed:{RECEIVER}",
    ]


async def test_a_pause_ends_by_itself_when_its_time_has_come(
    post: Post, operator: Caller, receiver: Server
) -> None:
    until = (post.now + timedelta(hours=1)).isoformat()
    await post.make_known(RECEIVER)
    async with post.courier() as courier:
        body = {"reason": "Huolto", "until": until, "acting_official": OFFICIAL}
        await operator.post(f"/receivers/{RECEIVER}:pause", body)
        item = await post.enqueue()
        post.now += timedelta(hours=1)
        courier.wake()
        await post.until_settled([item])

    assert put_ids(receiver) == [item.information_id]


async def test_a_receiver_that_fails_is_shown_at_rest(
    post: Post, operator: Caller, receiver: Server
) -> None:
    receiver.behaviour = always(answer(503, headers=["Retry-After: 600"]))
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url)
    item = await post.enqueue()
    async with post.courier():
        await post.until_attempted(item)

    found = await standing(operator)

    assert (found["state"], found["rests_until"] is not None) == ("resting", True)


@pytest.mark.parametrize("act", ["pause", "resume"])
async def test_a_receiver_that_is_not_known_is_not_found(operator: Caller, act: str) -> None:
    body = {"acting_official": OFFICIAL} | ({"reason": "Huolto"} if act == "pause" else {})

    answered = await operator.post(f"/receivers/nowhere:{act}", body)

    assert (answered.status_code, answered.json()["code"]) == (404, "receiver_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reason": "Huolto"}, 400, "acting_official_missing"),
        ({"reason": "", "acting_official": OFFICIAL}, 422, "invalid_content"),
        ({"reason": "240587-921N", "acting_official": OFFICIAL}, 422, "invalid_content"),
        (
            {"reason": "x", "until": "2020-01-01T00:00:00Z", "acting_official": OFFICIAL},
            422,
            "invalid_content",
        ),
        (
            {"reason": "x", "until": "0001-01-01T00:00:00Z", "acting_official": OFFICIAL},
            422,
            "invalid_content",
        ),
        (
            {"reason": "x", "acting_official": {"official_id": "a:1", "role": "auditor"}},
            403,
            "official_role_refused",
        ),
    ],
    ids=str,
)
async def test_a_pause_with_faults_is_refused(
    operator: Caller, *, body: Json, status: int, code: str
) -> None:
    answered = await operator.post(f"/receivers/{RECEIVER}:pause", body)

    assert (answered.status_code, answered.json()["code"]) == (status, code)


async def test_only_operators_see_and_hold_receivers(relay: Relay) -> None:
    system = relay.caller("cs-sotkamo", "receivers.read", "receivers.write")
    body = {"reason": "Huolto", "acting_official": OFFICIAL}

    answers = [
        await system.get("/receivers"),
        await system.post(f"/receivers/{RECEIVER}:pause", body),
        await system.post(f"/receivers/{RECEIVER}:resume", {"acting_official": OFFICIAL}),
    ]

    assert {one.json()["code"] for one in answers} == {"caller_kind_refused"}
