import asyncio
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from statement_relay.rules.digests import digest_of
from statement_relay.rules.receivers import ReceiverTable
from tests.statement_relay.deliveries import RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Heard, Server, always, answer, receiving
from tests.statement_relay.saying import receipt_told
from tests.statement_relay.service import Caller, Relay

Json = Any
OTHER_DIGEST = digest_of(b"something else")


@pytest.fixture
async def office(relay: Relay) -> Caller:
    return relay.caller(RECEIVER, "receipts.write")


@pytest.fixture
async def promised(post: Post, receiver: Server) -> Queued:
    """An item that the receiver has taken with the promise of a receipt."""
    receiver.behaviour = always(answer(202))
    item = await post.enqueue()
    async with post.courier():
        await post.until_settled([item])
    return item


def rejection_of(item: Queued, **changes: Json) -> Json:
    told = {"result": "rejected", "code": "facts_contradict"}
    return receipt_told(item, receipt_id=None, received_at=None, **{**told, **changes})


async def test_a_promised_receipt_proves_the_delivery_and_frees_the_queue(
    post: Post, office: Caller, *, promised: Queued, receiver: Server
) -> None:
    behind = await post.enqueue(client_id=promised.client_id)

    taken = await office.post("/receipts", receipt_told(promised))
    receiver.behaviour = receiving
    async with post.courier():
        await post.until_settled([behind])

    [row] = await post.rows(
        "SELECT * FROM information WHERE information_id = $1", promised.information_id
    )
    assert taken.json() == {"information_id": promised.information_id, "state": "delivered"}
    assert (row["state"], row["receipt_id"], row["receipt_digest"]) == (
        "delivered",
        "R-7",
        digest_of(promised.body),
    )
    assert await post.state_of(behind) == ("delivered", None)
    assert await post.events() == [("information.delivered", "common")] * 2


async def test_the_same_receipt_again_answers_as_before_and_changes_nothing(
    post: Post, office: Caller, promised: Queued
) -> None:
    answers = [await office.post("/receipts", receipt_told(promised)) for _ in range(2)]

    assert [one.json()["state"] for one in answers] == ["delivered", "delivered"]
    assert len(await post.events()) == 1


async def test_a_receipt_of_other_bytes_parks_the_item_for_a_human(
    post: Post, office: Caller, promised: Queued
) -> None:
    other = receipt_told(promised, digest=OTHER_DIGEST)
    answers = [await office.post("/receipts", other) for _ in range(2)]

    [row] = await post.rows("SELECT * FROM information")
    assert [one.json()["state"] for one in answers] == ["parked", "parked"]
    assert (row["state"], row["state_reason"]) == ("parked", "receipt_digest_differs")
    assert row["receipt_digest"] == OTHER_DIGEST
    assert await post.value("SELECT is_blocked FROM client_queues")
    assert await post.events() == [("information.parked", "common")]


async def test_the_right_receipt_after_a_wrong_one_proves_the_delivery(
    post: Post, office: Caller, promised: Queued
) -> None:
    await office.post("/receipts", receipt_told(promised, digest=OTHER_DIGEST))

    right = await office.post("/receipts", receipt_told(promised))

    assert right.json()["state"] == "delivered"
    assert not await post.value("SELECT is_blocked FROM client_queues")


async def test_a_later_rejection_rejects_what_corrects_the_item_too(
    post: Post, office: Caller, *, promised: Queued, receiver: Server
) -> None:
    correction = await post.enqueue(client_id=promised.client_id, replaces=promised)
    other = await post.enqueue(client_id=promised.client_id)
    receiver.behaviour = receiving

    answers = [await office.post("/receipts", rejection_of(promised)) for _ in range(2)]
    async with post.courier():
        await post.until_settled([other])

    assert [one.json()["state"] for one in answers] == ["rejected", "rejected"]
    assert await post.state_of(promised) == ("rejected", "receipt_rejected")
    assert await post.state_of(correction) == ("rejected", "original_rejected")
    assert put_ids(receiver) == [promised.information_id, other.information_id]


async def test_a_receipt_that_comes_before_the_answer_of_the_call_counts(
    post: Post, office: Caller, receiver: Server
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def behave(_: Heard, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        writer.write(answer(202))

    receiver.behaviour = behave
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    async with post.courier():
        await asked.wait()
        taken = await office.post("/receipts", receipt_told(item))
        receiver.behaviour = receiving
        go_on.set()
        await post.until_settled([item, behind])

    assert taken.json()["state"] == "delivered"
    assert await post.state_of(item) == ("delivered", None)
    assert await post.state_of(behind) == ("delivered", None)


async def test_a_receipt_after_a_lost_answer_saves_the_repeat(
    post: Post, office: Caller, receiver: Server
) -> None:
    receiver.behaviour = always(answer(503, headers=["Retry-After: 600"]))
    item = await post.enqueue()
    async with post.courier():
        await post.until_attempted(item)

        taken = await office.post("/receipts", receipt_told(item))

    assert taken.json()["state"] == "delivered"
    assert await post.value("SELECT next_attempt_at IS NULL FROM client_queues")
    assert put_ids(receiver) == [item.information_id]


async def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_what_was_never_sent_has_no_receipt(post: Post, office: Caller) -> None:
    item = await post.enqueue()

    assert await refused(await office.post("/receipts", receipt_told(item))) == (
        404,
        "information_not_found",
    )


async def test_an_item_of_another_receiver_is_answered_as_none(
    relay: Relay, promised: Queued
) -> None:
    other = relay.caller("te-lappi", "receipts.write")

    assert await refused(await other.post("/receipts", receipt_told(promised))) == (
        404,
        "information_not_found",
    )


async def test_an_office_gives_receipts_for_the_receiver_that_takes_its_information(
    relay: Relay, promised: Queued
) -> None:
    desk = relay.desk
    [row] = [one for one in desk.law.tables.receivers.rows if one.receiver_id == RECEIVER]
    shared = replace(row, te_office_code="te-lappi")
    tables = replace(desk.law.tables, receivers=ReceiverTable((row, shared)))
    relay.app.state.desk = replace(desk, law=replace(desk.law, tables=tables))

    by_other = await relay.caller("te-uusimaa", "receipts.write").post(
        "/receipts", receipt_told(promised)
    )
    by_served = await relay.caller("te-lappi", "receipts.write").post(
        "/receipts", receipt_told(promised)
    )

    assert await refused(by_other) == (404, "information_not_found")
    assert by_served.json() == {"information_id": promised.information_id, "state": "delivered"}


async def test_a_national_centre_gives_receipts_for_itself_alone(
    relay: Relay, post: Post, receiver: Server
) -> None:
    post.endpoints["te-national"] = post.endpoints[RECEIVER]
    receiver.behaviour = always(answer(202))
    own, others = await post.enqueue(receiver_id="te-national"), await post.enqueue()
    async with post.courier():
        await post.until_settled([own, others])
    centre = relay.caller("te-national", "receipts.write")

    answers = [await centre.post("/receipts", receipt_told(item)) for item in (own, others)]

    assert answers[0].json()["state"] == "delivered"
    assert await refused(answers[1]) == (404, "information_not_found")


async def test_what_was_delivered_is_not_rejected_any_more(
    office: Caller, promised: Queued
) -> None:
    await office.post("/receipts", receipt_told(promised))

    assert await refused(await office.post("/receipts", rejection_of(promised))) == (
        409,
        "delivery_settled",
    )


async def test_a_case_system_gives_no_receipts(relay: Relay, promised: Queued) -> None:
    system = relay.caller("cs-sotkamo", "receipts.write")

    assert await refused(await system.post("/receipts", receipt_told(promised))) == (
        403,
        "caller_kind_refused",
    )


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"receipt_id": None}, "/receipt_id"),
        ({"received_at": None}, "/received_at"),
        ({"received_at": "0001-01-01T00:00:00Z"}, "/received_at"),
        ({"result": "rejected"}, "/code"),
        ({"result": "perhaps"}, "/result"),
        ({"digest": "md5=:x:"}, "/digest"),
        ({"information_id": "12"}, "/information_id"),
        ({"code": "240587-921N"}, "/code"),
        ({"more": 1}, "/more"),
    ],
    ids=str,
)
async def test_a_receipt_with_faults_says_where(
    office: Caller, promised: Queued, *, changes: dict[str, Json], pointer: str
) -> None:
    answered = await office.post("/receipts", receipt_told(promised, **changes))

    assert answered.status_code == 422
    assert [fault["pointer"] for fault in answered.json()["errors"]] == [pointer]
