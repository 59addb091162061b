"""What operators and receivers did to a delivery, in its story: to its sender and to operators."""

from typing import Any

import pytest

from tests.statement_relay.deliveries import RECEIVER, Post, Queued
from tests.statement_relay.items import another_item, responsible
from tests.statement_relay.misbehaving import Server, always, answer, receiving
from tests.statement_relay.saying import receipt_told
from tests.statement_relay.service import Caller, Relay

Json = Any
OFFICIAL = {"acting_official": {"official_id": "keha:op-1", "role": "operator"}}
RETRIED = "Vastaanottaja korjasi vian."
SKIPPED = "Sovittu TE-toimiston kanssa."
RESENT = "Palautettu varmuuskopiosta."
IDENTITY_CODE = "240587-921N"


@pytest.fixture
async def operator(relay: Relay) -> Caller:
    return relay.caller("operator", "information.read", "deliveries.write")


async def sent(relay: Relay, *, is_restricted: bool = False) -> Queued:
    """Return an item that Sotkamo has sent."""
    await relay.learn(responsible(is_restricted=is_restricted))
    told = await relay.case_system().sent(another_item())
    [row] = await relay.fetch("SELECT client_id::text, body FROM information")
    return Queued(told["information_id"], row["client_id"], row["body"])


async def settle(post: Post, receiver: Server, item: Queued, *, status: int) -> None:
    receiver.behaviour = receiving if status == 201 else always(answer(status))
    async with post.courier():
        await post.until_settled([item])


async def notes_of(caller: Caller, item: Queued) -> list[Json]:
    told = await caller.get(f"/information/{item.information_id}")
    assert told.status_code == 200, told.text
    notes: list[Json] = told.json()["notes"]
    return notes


async def test_the_story_tells_what_was_done_by_whom_and_why_in_order(
    relay: Relay, post: Post, receiver: Server, *, operator: Caller
) -> None:
    item = await sent(relay)
    path = f"/deliveries/{item.information_id}"
    await settle(post, receiver, item, status=409)
    await operator.post(f"{path}:retry", {"reason": RETRIED, **OFFICIAL})
    relay.clock.pass_hours(1)
    await settle(post, receiver, item, status=409)
    await operator.post(f"{path}:skip", {"reason": SKIPPED, **OFFICIAL})
    relay.clock.pass_hours(1)
    office = relay.caller(RECEIVER, "receipts.write")
    await office.post("/receipts", receipt_told(item))

    to_sender = await notes_of(relay.case_system(), item)
    to_operator = await notes_of(operator, item)

    assert [
        (one["action"], one["code"], one["reason"], one["organisation"], one["role"])
        for one in to_sender
    ] == [
        ("retried", "other_content", RETRIED, "operator", "operator"),
        ("skipped", "other_content", SKIPPED, "operator", "operator"),
        ("received", None, None, RECEIVER, "receiver"),
    ]
    assert to_operator == to_sender
    assert "keha:op-1" not in str(to_sender)
    assert [one["noted_at"][:13] for one in to_sender] == [
        "2021-03-24T11",
        "2021-03-24T12",
        "2021-03-24T13",
    ]


async def test_the_reason_of_what_is_sent_again_stands_in_the_story_once(
    relay: Relay, post: Post, receiver: Server, *, operator: Caller
) -> None:
    item = await sent(relay)
    await settle(post, receiver, item, status=201)
    relay.end_day()
    await relay.caller(RECEIVER, "reconciliations.write").post(
        "/reconciliations",
        b"",
        params={"day": "2021-03-24", "count": 0},
        headers={"Content-Type": "application/x-ndjson"},
    )
    asked = {"receiver_id": RECEIVER, "expected_count": 1, "reason": RESENT, **OFFICIAL}

    for _ in range(2):
        await operator.post("/reconciliations/2021-03-24:resend", asked)

    [note] = await notes_of(relay.case_system(), item)
    assert (note["action"], note["reason"], note["role"]) == ("resent", RESENT, "operator")


@pytest.mark.parametrize("act", ["retry", "skip"])
async def test_a_reason_with_an_identity_code_is_refused_and_nothing_is_done(
    relay: Relay, post: Post, receiver: Server, *, operator: Caller, act: str
) -> None:
    item = await sent(relay)
    await settle(post, receiver, item, status=409)

    refused = await operator.post(
        f"/deliveries/{item.information_id}:{act}",
        {"reason": f"Asiakas {IDENTITY_CODE} soitti.", **OFFICIAL},
    )

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert IDENTITY_CODE not in refused.text
    assert await post.value("SELECT count(*) FROM delivery_notes") == 0


async def test_a_reason_to_send_again_with_an_identity_code_is_refused(
    post: Post, operator: Caller
) -> None:
    asked = {"receiver_id": RECEIVER, "expected_count": 1, "reason": IDENTITY_CODE, **OFFICIAL}

    refused = await operator.post("/reconciliations/2021-03-24:resend", asked)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert await post.value("SELECT count(*) FROM delivery_notes") == 0


async def test_another_s_story_and_its_notes_are_told_to_nobody_else(
    relay: Relay, post: Post, receiver: Server, *, operator: Caller
) -> None:
    item = await sent(relay, is_restricted=True)
    await settle(post, receiver, item, status=409)
    path = f"/deliveries/{item.information_id}"
    await operator.post(f"{path}:skip", {"reason": SKIPPED, **OFFICIAL})

    other = await relay.case_system("cs-kajaani").get(f"/information/{item.information_id}")
    without = await operator.get(f"/information/{item.information_id}")

    assert (other.status_code, without.status_code) == (404, 404)
    assert SKIPPED not in other.text + without.text
