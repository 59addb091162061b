"""Items that an operator gave up, and that their receiver holds in truth."""

from typing import Any

import msgspec
import pytest

from statement_relay.rules.answers import Answer, Receipt, Verdict
from statement_relay.rules.deliveries import Called, Delivery
from statement_relay.rules.digests import digest_of
from statement_relay.rules.endpoints import Endpoint
from tests.statement_relay.deliveries import RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Server, always, answer, receiving
from tests.statement_relay.saying import WHY, receipt_told
from tests.statement_relay.service import NOW, Caller, Relay

Json = Any


@pytest.fixture
async def office(relay: Relay) -> Caller:
    return relay.caller(RECEIVER, "receipts.write", "reconciliations.write")


async def skipped(
    relay: Relay, post: Post, receiver: Server, *, replaces: Queued | None = None
) -> Queued:
    """Return an item that was tried and parked, and given up."""
    item = await post.enqueue(
        replaces=replaces, client_id=replaces.client_id if replaces is not None else None
    )
    await park_and_skip(relay, post, receiver, item=item)
    return item


async def park_and_skip(relay: Relay, post: Post, receiver: Server, *, item: Queued) -> None:
    receiver.behaviour = always(answer(409))
    async with post.courier():
        await post.until_settled([item])
    receiver.behaviour = receiving
    operator = relay.caller("operator", "deliveries.write")
    done = await operator.post(f"/deliveries/{item.information_id}:skip", WHY)
    assert done.json() == {"handled": 1}


async def list_of_day(relay: Relay, office: Caller, *items: Queued) -> Json:
    lines = [
        {"information_id": item.information_id, "digest": digest_of(item.body)} for item in items
    ]
    relay.end_day()
    answered = await office.post(
        "/reconciliations",
        b"".join(msgspec.json.encode(line) + b"\n" for line in lines),
        params={"day": "2021-03-24", "count": len(lines)},
        headers={"Content-Type": "application/x-ndjson"},
    )
    return answered.json()


async def test_what_a_receiver_holds_of_skipped_items_is_a_difference_of_its_own_kind(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    item = await skipped(relay, post, receiver)

    told = await list_of_day(relay, office, item)

    assert (told["is_equal"], told["skipped"], told["unproven"]) == (False, 1, 0)
    [difference] = told["differences"]
    assert difference == {
        "kind": "skipped",
        "information_id": item.information_id,
        "repaired_by": "operator",
    }


async def test_what_a_receiver_holds_though_it_rejected_it_is_told_apart(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    receiver.behaviour = always(answer(422))
    item = await post.enqueue()
    async with post.courier():
        await post.until_settled([item])

    told = await list_of_day(relay, office, item)
    late = await office.post("/receipts", receipt_told(item))

    assert [(one["kind"], one["repaired_by"]) for one in told["differences"]] == [
        ("rejected", "te_office")
    ]
    assert (late.status_code, late.json()["code"]) == (409, "delivery_settled")


async def test_the_late_receipt_of_a_skipped_item_delivers_it_and_the_day_is_equal(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    item = await skipped(relay, post, receiver)

    answers = [await office.post("/receipts", receipt_told(item)) for _ in range(2)]

    assert [one.json()["state"] for one in answers] == ["delivered", "delivered"]
    [row] = await post.rows("SELECT * FROM information")
    assert (row["state"], row["state_reason"], row["receipt_id"]) == ("delivered", None, "R-7")
    assert [name for name, _ in await post.events()] == [
        "information.parked",
        "information.rejected",
        "information.delivered",
    ]
    assert (await list_of_day(relay, office, item))["is_equal"] is True


async def test_a_receipt_of_other_bytes_or_a_rejection_changes_nothing_of_a_skipped_item(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    item = await skipped(relay, post, receiver)
    rejection = {
        "information_id": item.information_id,
        "digest": digest_of(item.body),
        "result": "rejected",
        "code": "facts_contradict",
    }

    other = await office.post("/receipts", receipt_told(item, digest=digest_of(b"other")))
    rejected = await office.post("/receipts", rejection)

    assert (other.status_code, other.json()["code"]) == (409, "delivery_settled")
    assert rejected.json()["state"] == "rejected"
    assert await post.state_of(item) == ("rejected", "skipped")


async def test_a_skipped_item_that_was_never_sent_has_no_receipt(
    relay: Relay, post: Post, office: Caller
) -> None:
    item = await post.enqueue()
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:skip", WHY)

    late = await office.post("/receipts", receipt_told(item))

    assert (late.status_code, late.json()["code"]) == (404, "information_not_found")


async def test_what_was_rejected_with_a_skipped_item_stays_so_and_the_queue_goes_on(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    item = await post.enqueue()
    correction = await post.enqueue(client_id=item.client_id, replaces=item)
    await park_and_skip(relay, post, receiver, item=item)
    behind = await post.enqueue(client_id=item.client_id)

    await office.post("/receipts", receipt_told(item))
    async with post.courier():
        await post.until_settled([behind])

    assert await post.state_of(item) == ("delivered", None)
    assert await post.state_of(correction) == ("rejected", "original_rejected")
    assert put_ids(receiver) == [item.information_id, behind.information_id]


async def test_a_skipped_correction_is_not_brought_back_beside_a_newer_one(
    relay: Relay, post: Post, receiver: Server, *, office: Caller
) -> None:
    original = await post.enqueue()
    async with post.courier():
        await post.until_settled([original])
    first = await skipped(relay, post, receiver, replaces=original)
    second = await post.enqueue(client_id=original.client_id, replaces=original)

    late = await office.post("/receipts", receipt_told(first))
    async with post.courier():
        await post.until_settled([second])
    told = await list_of_day(relay, office, original, first, second)

    assert (late.status_code, late.json()["code"]) == (409, "successor_overtaken")
    assert await post.state_of(first) == ("rejected", "skipped")
    assert await post.state_of(second) == ("delivered", None)
    assert [(one["kind"], one["information_id"]) for one in told["differences"]] == [
        ("skipped", first.information_id)
    ]


RECEIPTS_WITNESSED = """
SELECT array_agg(outcome) FROM audit WHERE action = 'receipt.received' AND resource_id = $1
"""


def answered_later(delivery: Delivery, *, receipt_id: str) -> Called:
    """Return a call that ended with a receipt of what was sent."""
    return Called(
        delivery=delivery,
        request_id=delivery.lease_token,
        started_at=NOW,
        ended_at=NOW,
        answer=Answer(status=201, is_json=True, receipt=Receipt(receipt_id, NOW, delivery.digest)),
        verdict=Verdict("delivered", "delivered", is_receivers_fault=False),
    )


async def test_the_answer_to_a_call_beside_which_its_item_was_skipped_delivers_it(
    relay: Relay, post: Post, office: Caller
) -> None:
    item = await post.enqueue()
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9")
    await post.make_known(RECEIVER)
    [under_way] = (await post.turn(lease_s=0.001)).deliveries
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:skip", WHY)

    for _ in range(2):
        await post.settle([answered_later(under_way, receipt_id="R-1")])

    [row] = await post.rows("SELECT * FROM information")
    assert (row["state"], row["state_reason"], row["receipt_id"]) == ("delivered", None, "R-1")
    names = [name for name, _ in await post.events()]
    assert names == ["information.rejected", "information.delivered"]
    notes = await post.rows("SELECT action FROM delivery_notes ORDER BY ctid")
    assert [note["action"] for note in notes] == ["skipped", "received"]
    assert await post.value(RECEIPTS_WITNESSED, item.information_id) == ["delivered"]
    assert (await list_of_day(relay, office, item))["is_equal"] is True


async def test_the_answer_to_a_call_whose_item_is_put_again_meanwhile_delivers_it_once(
    relay: Relay, post: Post
) -> None:
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9")
    await post.make_known(RECEIVER)
    [first] = (await post.turn(lease_s=0.001)).deliveries
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:retry", WHY)
    [second] = (await post.turn()).deliveries

    await post.settle([answered_later(first, receipt_id="R-1")])
    await post.settle([answered_later(second, receipt_id="R-2")])
    [third] = (await post.turn()).deliveries

    assert (first.attempt, second.attempt) == (1, 2)
    assert await post.value("SELECT receipt_id FROM information WHERE state = 'delivered'") == "R-1"
    assert await post.outcomes_of(item) == ["cut_off", "delivered"]
    assert await post.events() == [("information.delivered", "common")]
    assert third.information_id == behind.information_id


async def test_the_answer_to_a_call_about_an_overtaken_item_leaves_it_skipped(
    relay: Relay, post: Post, receiver: Server
) -> None:
    original = await post.enqueue()
    async with post.courier():
        await post.until_settled([original])
    item = await post.enqueue(client_id=original.client_id, replaces=original)
    [under_way] = (await post.turn(lease_s=0.001)).deliveries
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:skip", WHY)
    await post.enqueue(client_id=original.client_id, replaces=original)

    await post.settle([answered_later(under_way, receipt_id="R-1")])

    assert await post.state_of(item) == ("rejected", "skipped")
    assert put_ids(receiver) == [original.information_id]
