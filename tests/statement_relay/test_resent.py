"""Items that an operator sends again because their receiver has lost them, under traffic."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.deliveries import Called, Delivery
from statement_relay.rules.digests import digest_of
from tests.served import Json
from tests.statement_relay.deliveries import RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Behaviour, Heard, Server, always, answer, receiving
from tests.statement_relay.saying import receipt_told
from tests.statement_relay.service import NOW, Relay

DAY = "2021-03-24"
WHY = {
    "reason": "The receiver was restored from a backup.",
    "acting_official": {"official_id": "keha:op-1", "role": "operator"},
}
QUEUE = "SELECT is_blocked, next_attempt_at <= clock_timestamp() AS is_due FROM client_queues"


async def deliver(post: Post, *items: Queued) -> None:
    async with post.courier():
        await post.until_settled(items)


async def list_of_day(relay: Relay, *held: Queued) -> Json:
    """Have the receiver tell what it holds of the day."""
    lines = [
        {"information_id": item.information_id, "digest": digest_of(item.body)} for item in held
    ]
    relay.end_day()
    office = relay.caller(RECEIVER, "reconciliations.write", "events.restricted")
    answered = await office.post(
        "/reconciliations",
        b"".join(msgspec.json.encode(line) + b"\n" for line in lines),
        params={"day": DAY, "count": len(lines)},
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answered.status_code == 200, answered.text
    return answered.json()


async def send_again(relay: Relay, *, count: int) -> None:
    operator = relay.caller("operator", "deliveries.write")
    body = {"receiver_id": RECEIVER, "expected_count": count, **WHY}
    answered = await operator.post(f"/reconciliations/{DAY}:resend", body)
    assert answered.json() == {"handled": count}


def ended(delivery: Delivery, answered: Answer, verdict: Verdict) -> Called:
    """Return a call that has ended so."""
    return Called(
        delivery=delivery,
        request_id=delivery.lease_token,
        started_at=NOW,
        ended_at=NOW,
        answer=answered,
        verdict=verdict,
    )


def rejecting(item: Queued) -> Behaviour:
    """Return how a receiver behaves that rejects one item, and takes every other."""

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        is_rejected = heard.path.endswith(item.information_id)
        await (always(answer(422)) if is_rejected else receiving)(heard, writer)

    return behave


async def tell(relay: Relay, item: Queued, **changes: str) -> tuple[int, str]:
    """Have the receiver give a receipt by a call of its own; return what it is answered."""
    body = receipt_told(item, **{"received_at": "2021-03-24T11:30:00Z", **changes})
    answered = await relay.caller(RECEIVER, "receipts.write").post("/receipts", body)
    told = answered.json()
    return answered.status_code, told.get("state") or told["code"]


async def claimed(post: Post) -> Sequence[Delivery]:
    await post.make_known(RECEIVER)
    return (await post.turn()).deliveries


@pytest.mark.parametrize(
    ("status", "verdict", "state"),
    [
        (409, Verdict("human", "rejected", is_receivers_fault=False), "parked"),
        (
            202,
            Verdict("receipt_follows", "receipt_follows", is_receivers_fault=False),
            "awaiting_receipt",
        ),
        (423, Verdict("next_working_day", "client_locked", is_receivers_fault=False), "waiting"),
        (503, Verdict("wait", "receiver_away", is_receivers_fault=True), "waiting"),
    ],
    ids=str,
)
async def test_what_is_sent_again_waits_for_nothing_that_came_of_the_item_behind_it(
    relay: Relay,
    post: Post,
    receiver: Server,
    *,
    status: int,
    verdict: Verdict,
    state: str,
) -> None:
    first = await post.enqueue()
    await deliver(post, first)
    await list_of_day(relay)
    second = await post.enqueue(client_id=first.client_id)
    [under_way] = await claimed(post)

    await send_again(relay, count=1)
    await post.settle([ended(under_way, Answer(status=status), verdict)])
    queue = [tuple(row) for row in await post.rows(QUEUE)]
    [again] = await claimed(post)

    assert under_way.information_id == second.information_id
    assert queue == [(False, True)]
    assert again.information_id == first.information_id
    assert (await post.state_of(second))[0] == state
    assert put_ids(receiver) == [first.information_id]


@pytest.mark.parametrize("status", [409, 202])
async def test_behind_what_was_sent_again_a_queue_stays_blocked_by_its_parked_head(
    relay: Relay, post: Post, receiver: Server, *, status: int
) -> None:
    first = await post.enqueue()
    await deliver(post, first)
    await list_of_day(relay)
    second = await post.enqueue(client_id=first.client_id)
    third = await post.enqueue(client_id=first.client_id)
    receiver.behaviour = always(answer(status))
    await deliver(post, second)
    stuck = await post.state_of(second)

    receiver.behaviour = receiving
    await send_again(relay, count=1)
    await deliver(post, first)

    assert await post.state_of(first) == ("delivered", None)
    assert (await post.state_of(second), await post.state_of(third)) == (stuck, ("waiting", None))
    assert await post.value("SELECT is_blocked FROM client_queues") is True
    assert put_ids(receiver) == [one.information_id for one in (first, second, first)]


async def test_a_rejection_takes_along_what_waits_to_correct_it_and_nothing_beyond(
    relay: Relay, post: Post, receiver: Server
) -> None:
    first = await post.enqueue()
    second = await post.enqueue(client_id=first.client_id, replaces=first)
    await deliver(post, first, second)
    await list_of_day(relay, first)
    third = await post.enqueue(client_id=first.client_id, replaces=second, root=first)
    await deliver(post, third)
    fourth = await post.enqueue(client_id=first.client_id, replaces=third, root=first)

    await send_again(relay, count=1)
    receiver.behaviour = rejecting(second)
    await deliver(post, second, fourth)

    states = [await post.state_of(one) for one in (first, second, third, fourth)]
    assert states == [
        ("delivered", None),
        ("rejected", "rejected"),
        ("delivered", None),
        ("delivered", None),
    ]
    assert put_ids(receiver)[-2:] == [second.information_id, fourth.information_id]


async def test_a_rejection_takes_along_every_correction_that_waits_one_behind_another(
    post: Post, receiver: Server
) -> None:
    first = await post.enqueue()
    second = await post.enqueue(client_id=first.client_id, replaces=first)
    third = await post.enqueue(client_id=first.client_id, replaces=second, root=first)
    other = await post.enqueue(client_id=first.client_id)

    receiver.behaviour = rejecting(first)
    await deliver(post, first, other)

    assert [await post.state_of(one) for one in (second, third)] == [
        ("rejected", "original_rejected")
    ] * 2
    assert put_ids(receiver) == [first.information_id, other.information_id]


async def promised_told_and_lost(relay: Relay, post: Post, receiver: Server) -> Queued:
    """Return an item that is sent again, and whose receipt the receiver had told by a call."""
    item = await post.enqueue()
    receiver.behaviour = always(answer(202))
    await deliver(post, item)
    await tell(relay, item)
    await list_of_day(relay)
    await send_again(relay, count=1)
    return item


LATER = {"receipt_id": "R-8", "received_at": "2021-03-26T12:45:00Z"}


@pytest.mark.parametrize(
    "changes",
    [{}, {"receipt_id": "R-6"}, {"received_at": LATER["received_at"]}],
    ids=["the same", "another of before", "the same with a later time"],
)
@pytest.mark.parametrize("status", [503, 409])
async def test_a_receipt_of_before_ends_nothing_that_is_sent_again(
    relay: Relay, post: Post, receiver: Server, *, status: int, changes: dict[str, str]
) -> None:
    item = await promised_told_and_lost(relay, post, receiver)
    unsent = await tell(relay, item, **changes)
    receiver.behaviour = always(answer(status, headers=["Retry-After: 600"]))
    async with post.courier():
        await post.until_attempted(item, times=2)
    (before, _) = await post.state_of(item)

    failed = await tell(relay, item, **changes)

    assert (unsent, failed) == ((200, "waiting"), (200, before))
    assert (await post.state_of(item))[0] == before != "delivered"
    assert put_ids(receiver) == [item.information_id] * 2
    assert [name for name, _ in await post.events()].count("information.delivered") == 1


@pytest.mark.parametrize("changes", [{}, LATER], ids=["the same", "a later one"])
async def test_a_receipt_that_was_promised_for_what_is_sent_again_proves_it(
    relay: Relay, post: Post, receiver: Server, *, changes: dict[str, str]
) -> None:
    item = await promised_told_and_lost(relay, post, receiver)
    async with post.courier():
        await post.until_attempted(item, times=2)

    assert await tell(relay, item, **changes) == (200, "delivered")
    assert await post.state_of(item) == ("delivered", None)


async def test_a_newer_receipt_proves_what_is_sent_again_before_its_turn(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await promised_told_and_lost(relay, post, receiver)

    assert await tell(relay, item, **LATER) == (200, "delivered")
    assert put_ids(receiver) == [item.information_id]


async def test_a_receipt_of_before_is_no_proof_of_what_was_sent_again_and_given_up(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await promised_told_and_lost(relay, post, receiver)
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:skip", WHY)

    old, new = await tell(relay, item), await tell(relay, item, **LATER)

    assert (old, new) == ((409, "delivery_settled"), (200, "delivered"))


async def test_a_list_is_repaired_once_however_often_it_is_asked_for(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await deliver(post, item)
    await list_of_day(relay)
    for _ in range(2):
        await send_again(relay, count=1)
        await deliver(post, item)
    twice = put_ids(receiver)

    relay.clock.now += timedelta(hours=1)
    await list_of_day(relay)
    await send_again(relay, count=1)
    await deliver(post, item)

    assert twice == [item.information_id] * 2
    assert put_ids(receiver) == [item.information_id] * 3


async def test_what_has_got_a_receipt_of_another_day_is_not_sent_again_for_an_old_list(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    receiver.behaviour = always(answer(202))
    await deliver(post, item)
    await tell(relay, item)
    await list_of_day(relay)
    await post.rows(
        "UPDATE information SET received_at = received_at + interval '1 day'"
        " WHERE information_id = $1",
        item.information_id,
    )

    await send_again(relay, count=1)

    assert await post.state_of(item) == ("delivered", None)


async def test_an_attempt_cut_off_behind_what_is_sent_again_stands_in_the_story(
    relay: Relay, post: Post, receiver: Server
) -> None:
    first = await post.enqueue()
    await deliver(post, first)
    await list_of_day(relay)
    second = await post.enqueue(client_id=first.client_id)
    await post.claim(lease_s=0.001)

    await send_again(relay, count=1)
    await deliver(post, first, second)

    assert await post.outcomes_of(first) == ["delivered", "delivered"]
    assert await post.outcomes_of(second) == ["cut_off", "delivered"]
    assert put_ids(receiver) == [one.information_id for one in (first, first, second)]
