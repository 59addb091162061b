"""What may follow an item whose correction or withdrawal the receiver has not taken."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kuntavayla.testing import TestDatabase
from tests.served import Json
from tests.statement_relay.deliveries import RECEIVER, Post, put_ids
from tests.statement_relay.items import an_item, another_item, responsible
from tests.statement_relay.misbehaving import Server, always, answer, receiving
from tests.statement_relay.saying import WHY
from tests.statement_relay.service import Caller, Relay, running_relay


@pytest.fixture
async def sotkamo(relay: Relay) -> Caller:
    await relay.learn(responsible())
    return relay.case_system()


async def settle(post: Post) -> None:
    """Run a courier until nothing waits or is being delivered."""

    async def settled() -> bool:
        left = await post.value(
            "SELECT count(*) FROM information WHERE state IN ('waiting', 'delivering')"
        )
        return bool(left == 0)

    async with post.courier():
        await post.until(settled)


async def delivered(post: Post, receiver: Server, sotkamo: Caller) -> str:
    """Return an item that the receiver has taken."""
    receiver.behaviour = receiving
    sent = await sotkamo.sent(another_item())
    await settle(post)
    return str(sent["information_id"])


async def rejected_correction(
    post: Post, receiver: Server, sotkamo: Caller, *, of: str, version: int = 1
) -> str:
    """Return a correction that the receiver has rejected."""
    corrected = await sotkamo.correct(of, another_item(), version=version)
    receiver.behaviour = always(answer(422))
    await settle(post)
    receiver.behaviour = receiving
    information_id = str(corrected.json()["information_id"])
    assert (await story_of(sotkamo, information_id))["state"] == "rejected"
    return information_id


async def story_of(caller: Caller, information_id: str) -> Json:
    return (await caller.get(f"/information/{information_id}")).json()


async def etag_of(caller: Caller, information_id: str) -> str:
    return (await caller.get(f"/information/{information_id}")).headers["ETag"]


def refusal(told: Json) -> tuple[int, str]:
    return told.status_code, told.json()["code"]


async def test_after_a_rejected_correction_the_original_is_corrected_again(
    post: Post, receiver: Server, sotkamo: Caller
) -> None:
    original = await delivered(post, receiver, sotkamo)
    rejected = await rejected_correction(post, receiver, sotkamo, of=original)

    between = await story_of(sotkamo, original)
    of_rejected = await sotkamo.correct(rejected, another_item())
    second = await sotkamo.correct(original, another_item(), version=3)
    await settle(post)

    assert between["replaced_by"] is None
    assert refusal(of_rejected) == (409, "information_ended")
    assert second.status_code == 201
    accepted = second.json()["information_id"]
    assert (await story_of(sotkamo, accepted))["state"] == "delivered"
    assert (await story_of(sotkamo, original))["replaced_by"] == accepted
    assert put_ids(receiver) == [original, rejected, accepted]


async def test_after_a_rejected_correction_the_original_is_withdrawn(
    post: Post, receiver: Server, sotkamo: Caller
) -> None:
    original = await delivered(post, receiver, sotkamo)
    await rejected_correction(post, receiver, sotkamo, of=original)

    withdrawal = await sotkamo.withdraw(original, "SOT-W-1", version=3)
    await settle(post)

    assert withdrawal.status_code == 201
    withdrawn = await story_of(sotkamo, withdrawal.json()["information_id"])
    assert (withdrawn["state"], withdrawn["action"]) == ("delivered", "withdraw")


async def test_every_successor_that_comes_or_falls_makes_a_version_of_its_own(
    post: Post, receiver: Server, sotkamo: Caller
) -> None:
    original = await delivered(post, receiver, sotkamo)
    versions = [await etag_of(sotkamo, original)]
    corrected = await sotkamo.correct(original, another_item())
    versions.append(await etag_of(sotkamo, original))
    receiver.behaviour = always(answer(422))
    await settle(post)
    versions.append(await etag_of(sotkamo, original))

    stale = [await sotkamo.correct(original, another_item(), version=one) for one in (1, 2)]
    taken = await sotkamo.correct(original, another_item(), version=3)
    versions.append(await etag_of(sotkamo, original))

    assert (corrected.status_code, taken.status_code) == (201, 201)
    assert versions == ['"1"', '"2"', '"3"', '"4"']
    assert [refusal(one) for one in stale] == [(412, "version_differs")] * 2


async def test_a_skipped_correction_that_comes_back_by_its_receipt_makes_another_version(
    post: Post, receiver: Server, sotkamo: Caller, *, relay: Relay
) -> None:
    original = await delivered(post, receiver, sotkamo)
    correction = (await sotkamo.correct(original, another_item())).json()["information_id"]
    receiver.behaviour = always(answer(409))
    await settle(post)
    versions = [await etag_of(sotkamo, original)]
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{correction}:skip", WHY)
    versions.append(await etag_of(sotkamo, original))
    receipt = {
        "information_id": correction,
        "digest": (await story_of(sotkamo, correction))["digest"],
        "result": "received",
        "receipt_id": "R-7",
        "received_at": "2021-03-24T11:45:00Z",
    }

    taken = await relay.caller(RECEIVER, "receipts.write").post("/receipts", receipt)
    versions.append(await etag_of(sotkamo, original))
    stale = await sotkamo.correct(original, another_item(), version=2)

    assert taken.json()["state"] == "delivered"
    assert versions == ['"2"', '"3"', '"4"']
    assert refusal(stale) == (412, "version_differs")


async def test_a_rejected_new_item_has_nothing_to_correct_and_is_sent_anew(
    post: Post, receiver: Server, sotkamo: Caller
) -> None:
    receiver.behaviour = always(answer(422))
    sent = await sotkamo.sent(an_item())
    await settle(post)
    receiver.behaviour = receiving

    correction = await sotkamo.correct(sent["information_id"], another_item())
    anew = await sotkamo.sent(another_item())
    await settle(post)

    assert refusal(correction) == (409, "information_ended")
    assert (await story_of(sotkamo, anew["information_id"]))["state"] == "delivered"


async def test_a_correction_refused_while_its_client_was_unknown_leaves_its_original_free(
    relay: Relay,
) -> None:
    sotkamo = relay.case_system()
    original = (await sotkamo.sent(another_item()))["information_id"]
    elsewhere = another_item(
        occurred_at="2021-03-02T10:00:00+02:00",
        period={"starts_on": "2021-03-02", "ends_on": "2021-03-02"},
        facts__offered_on="2021-03-01",
        facts__apply_by_on="2021-03-02",
    )
    refused = (await sotkamo.correct(original, elsewhere)).json()["information_id"]

    await relay.learn(
        responsible(municipality_code="091", case_system_id="cs-helsinki"),
        responsible(clienthood_version=2, valid_from=responsible().valid_from.replace(day=10)),
    )
    states = [(await story_of(sotkamo, one))["state"] for one in (original, refused)]
    second = await sotkamo.correct(original, another_item(), version=3)

    assert states == ["waiting", "refused"]
    assert second.status_code == 201


@pytest.fixture
async def other(relay_database: TestDatabase) -> AsyncIterator[Relay]:
    """A second process on the same database."""
    async with running_relay(relay_database) as relay:
        yield relay


async def test_of_new_corrections_at_once_after_a_rejection_one_is_taken(
    post: Post, receiver: Server, sotkamo: Caller, *, other: Relay
) -> None:
    original = await delivered(post, receiver, sotkamo)
    await rejected_correction(post, receiver, sotkamo, of=original)

    answers = await asyncio.gather(
        *(
            caller.correct(original, another_item(), version=3)
            for caller in (sotkamo, other.case_system())
            for _ in range(4)
        )
    )
    late = await sotkamo.correct(original, another_item(), version=4)

    assert sorted(one.status_code for one in answers) == [201, *[412] * 7]
    assert refusal(late) == (409, "already_replaced")
    assert await post.value("SELECT count(*) FROM information WHERE state <> 'rejected'") == 2


async def test_a_rejected_correction_comes_back_by_no_repair(
    post: Post, receiver: Server, sotkamo: Caller, *, relay: Relay
) -> None:
    original = await delivered(post, receiver, sotkamo)
    rejected = await rejected_correction(post, receiver, sotkamo, of=original)
    second = (await sotkamo.correct(original, another_item(), version=3)).json()["information_id"]
    operator = relay.caller("operator", "deliveries.write")

    retried = await operator.post(f"/deliveries/{rejected}:retry", WHY)
    await settle(post)

    assert refusal(retried) == (409, "delivery_settled")
    assert put_ids(receiver) == [original, rejected, second]
    assert (await story_of(sotkamo, rejected))["state"] == "rejected"
    assert (await story_of(sotkamo, original))["replaced_by"] == second


async def test_a_rejected_correction_that_has_a_standing_successor_replaces_its_original(
    post: Post, receiver: Server, sotkamo: Caller, *, relay: Relay
) -> None:
    original = await delivered(post, receiver, sotkamo)
    first = (await sotkamo.correct(original, another_item())).json()["information_id"]
    second = (await sotkamo.correct(first, another_item())).json()["information_id"]
    await settle(post)
    office = relay.caller(RECEIVER, "reconciliations.write")
    kept = [await story_of(sotkamo, one) for one in (original, second)]
    lines = "\n".join(
        f'{{"information_id":"{one["information_id"]}","digest":"{one["digest"]}"}}' for one in kept
    )
    relay.end_day()
    await office.post(
        "/reconciliations",
        lines.encode(),
        params={"day": "2021-03-24", "count": 2},
        headers={"Content-Type": "application/x-ndjson"},
    )
    operator = relay.caller("operator", "deliveries.write")
    asked = {"receiver_id": RECEIVER, "expected_count": 1, **WHY}
    await operator.post("/reconciliations/2021-03-24:resend", asked)
    receiver.behaviour = always(answer(422))
    await settle(post)

    third = await sotkamo.correct(original, another_item(), version=3)

    assert [(await story_of(sotkamo, one))["state"] for one in (first, second)] == [
        "rejected",
        "delivered",
    ]
    assert refusal(third) == (409, "already_replaced")
    assert (await story_of(sotkamo, original))["replaced_by"] == first
