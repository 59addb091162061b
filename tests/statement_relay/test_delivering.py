import asyncio

import pytest

from tests.statement_relay.deliveries import Post, Queued, put_ids
from tests.statement_relay.misbehaving import Heard, Server, always, answer, receiving


async def test_an_item_is_delivered_and_its_proof_kept(post: Post, receiver: Server) -> None:
    item = await post.enqueue()

    async with post.courier():
        await post.until_settled([item])

    [row] = await post.rows("SELECT * FROM information")
    [queue] = await post.rows("SELECT * FROM client_queues")
    [attempt] = await post.rows("SELECT * FROM delivery_attempts")
    assert [heard.body for heard in receiver.heard] == [item.body]
    assert (row["state"], row["attempts"], row["settled_at"]) == ("delivered", 1, post.now)
    assert (row["receipt_id"], row["receipt_digest"]) == ("R-1", row["digest"])
    assert row["delivered_request_id"] == attempt["request_id"]
    assert attempt["request_id"] == receiver.heard[0].headers["x-request-id"]
    assert (attempt["status"], attempt["outcome"]) == (201, "delivered")
    assert (queue["next_attempt_at"], queue["lease_token"], queue["is_blocked"]) == (
        None,
        None,
        False,
    )
    assert await post.events() == [("information.delivered", "common")]


async def test_what_is_told_of_a_restricted_client_goes_by_the_restricted_channel(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue(is_restricted=True)

    async with post.courier():
        await post.until_settled([item])

    assert put_ids(receiver) == [item.information_id]
    assert await post.events() == [("information.delivered", "restricted")]


async def test_items_of_a_client_are_put_one_after_another_in_their_order(
    post: Post, receiver: Server
) -> None:
    under_way: dict[str, int] = {}
    together: list[int] = []

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        client = clients[heard.path.rpartition("/")[2]]
        under_way[client] = under_way.get(client, 0) + 1
        together.append(under_way[client])
        await asyncio.sleep(0)
        under_way[client] -= 1
        await receiving(heard, writer)

    receiver.behaviour = behave
    items: list[Queued] = []
    for client_id in [post.new_id() for _ in range(6)]:
        items += [await post.enqueue(client_id=client_id) for _ in range(5)]
    clients = {item.information_id: item.client_id for item in items}

    async with post.courier(), post.courier():
        await post.until_settled(items)

    by_client: dict[str, list[str]] = {}
    for information_id in put_ids(receiver):
        by_client.setdefault(clients[information_id], []).append(information_id)
    assert all(ids == sorted(ids) and len(ids) == 5 for ids in by_client.values())
    assert set(together) == {1}


async def test_a_rejected_item_in_the_middle_lets_those_behind_it_pass(
    post: Post, receiver: Server
) -> None:
    client_id = post.new_id()
    items = [await post.enqueue(client_id=client_id) for _ in range(3)]
    poison = items[1].information_id

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.path.endswith(poison):
            writer.write(answer(422, b'{"code":"facts_contradict"}'))
        else:
            await receiving(heard, writer)

    receiver.behaviour = behave
    async with post.courier():
        await post.until_settled(items)

    assert [await post.state_of(item) for item in items] == [
        ("delivered", None),
        ("rejected", "rejected"),
        ("delivered", None),
    ]
    assert put_ids(receiver) == [item.information_id for item in items]
    assert await post.events() == [
        ("information.delivered", "common"),
        ("information.rejected", "common"),
        ("information.delivered", "common"),
    ]


async def test_what_corrects_a_rejected_item_is_rejected_with_it_and_not_sent(
    post: Post, receiver: Server
) -> None:
    receiver.behaviour = always(answer(422))
    original = await post.enqueue()
    correction = await post.enqueue(client_id=original.client_id, replaces=original)
    other = await post.enqueue(client_id=original.client_id)

    async with post.courier():
        await post.until_settled([original, correction, other])

    assert put_ids(receiver) == [original.information_id, other.information_id]
    assert await post.state_of(correction) == ("rejected", "original_rejected")
    assert len(await post.events()) == 3


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(answer(409), "other_content", id="409"),
        pytest.param(
            answer(422, b'{"code":"original_unknown"}'),
            "original_unknown_to_receiver",
            id="422 original_unknown",
        ),
        pytest.param(
            answer(
                200,
                b'{"receipt_id":"R-1","received_at":"2021-03-24T11:40:05Z","digest":'
                b'"sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"}',
            ),
            "receipt_digest_differs",
            id="other digest",
        ),
    ],
)
async def test_a_parked_item_holds_up_its_own_client_and_nobody_else(
    post: Post, receiver: Server, *, sent: bytes, reason: str
) -> None:
    parked = await post.enqueue()
    behind = await post.enqueue(client_id=parked.client_id)
    others = [await post.enqueue() for _ in range(3)]

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.path.endswith(parked.information_id):
            writer.write(sent)
        else:
            await receiving(heard, writer)

    receiver.behaviour = behave
    async with post.courier():
        await post.until_settled([parked, *others])

    assert await post.state_of(parked) == ("parked", reason)
    assert await post.state_of(behind) == ("waiting", None)
    assert behind.information_id not in put_ids(receiver)
    assert [await post.state_of(item) for item in others] == [("delivered", None)] * 3
    assert ("information.parked", "common") in await post.events()


async def test_after_202_the_queue_waits_for_the_receipt(post: Post, receiver: Server) -> None:
    receiver.behaviour = always(answer(202))
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)

    async with post.courier():
        await post.until_settled([item])

    assert await post.state_of(item) == ("awaiting_receipt", "receipt_follows")
    assert await post.state_of(behind) == ("waiting", None)
    assert put_ids(receiver) == [item.information_id]
    assert await post.value("SELECT is_blocked FROM client_queues")


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(answer(500), "receiver_failed", id="500"),
        pytest.param(answer(500, headers=["X-Road-Error: x"]), "outcome_unknown", id="bus"),
        pytest.param(answer(200), "answer_not_json", id="200 without receipt"),
        pytest.param(answer(200, b"<html>", media_type="text/html"), "answer_not_json", id="HTML"),
        pytest.param(answer(200, b" " * 10_485_760), "answer_too_large", id="10 MiB"),
        pytest.param(answer(307, headers=["Location: /"]), "redirected", id="redirect"),
        pytest.param(answer(429), "too_fast", id="429"),
        pytest.param(b"", "connection_lost", id="hangs up"),
    ],
)
async def test_what_may_pass_is_tried_again_with_the_very_bytes(
    post: Post, receiver: Server, *, sent: bytes, outcome: str
) -> None:
    item = await post.enqueue()

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(receiver.heard) > 1:
            await receiving(heard, writer)
            return
        writer.write(sent)
        if not sent:
            writer.close()

    receiver.behaviour = behave
    async with post.courier():
        await post.until_settled([item])

    assert {heard.body for heard in receiver.heard} == {item.body}
    keys = {heard.headers["idempotency-key"] for heard in receiver.heard}
    assert keys == {f'"{item.information_id}"'}
    assert (await post.outcomes_of(item))[-1] == "delivered"
    assert set((await post.outcomes_of(item))[:-1]) <= {outcome}
    assert await post.state_of(item) == ("delivered", None)
