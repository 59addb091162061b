"""Items that are put back into their queue after they were delivered."""

from datetime import UTC, datetime, timedelta

from kuntavayla.database import transaction
from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.breakers import CLOSED
from statement_relay.rules.deliveries import Called, Delivery, Pace, breaker_after
from statement_relay.store import deliveries
from tests.statement_relay.deliveries import Post, Queued, put_ids
from tests.statement_relay.misbehaving import Server, always, answer

NOW = datetime(2021, 3, 24, 10, tzinfo=UTC)
PUT_BACK = """
WITH back AS (
    UPDATE information SET state = 'waiting', settled_at = NULL WHERE information_id = $1
    RETURNING receiver_id, client_id
)
UPDATE client_queues q SET next_attempt_at = clock_timestamp() FROM back b
WHERE q.receiver_id = b.receiver_id AND q.client_id = b.client_id RETURNING 1
"""
RECEIPT = "SELECT receipt_id FROM information WHERE information_id = $1"


async def delivered(post: Post, item: Queued) -> None:
    async with post.courier():
        await post.until_settled([item])


async def test_an_item_is_not_rejected_with_the_correction_behind_it(
    post: Post, receiver: Server
) -> None:
    original = await post.enqueue()
    await delivered(post, original)
    correction = await post.enqueue(client_id=original.client_id, replaces=original)
    await post.rows(PUT_BACK, original.information_id)

    async with transaction(post.pool) as connection:
        found = await deliveries.reject_successors(
            connection, [correction.information_id], code="original_rejected", at=NOW
        )

    assert found == []
    assert await post.state_of(original) == ("waiting", None)
    assert put_ids(receiver) == [original.information_id]


async def test_what_a_killed_courier_left_behind_it_is_sent_after_it(
    post: Post, receiver: Server
) -> None:
    first = await post.enqueue()
    await delivered(post, first)
    second = await post.enqueue(client_id=first.client_id)
    await post.claim(lease_s=0.001)
    await post.rows(PUT_BACK, first.information_id)

    async with post.courier():
        await post.until_settled([first, second])

    assert put_ids(receiver) == [item.information_id for item in (first, first, second)]


async def test_its_receipt_stands_until_there_is_another(post: Post, receiver: Server) -> None:
    item = await post.enqueue()
    await delivered(post, item)
    before = await post.value(RECEIPT, item.information_id)
    receiver.behaviour = always(answer(503, headers=["Retry-After: 3600"]))
    await post.rows(PUT_BACK, item.information_id)

    async with post.courier():
        await post.until_attempted(item, times=2)

    assert (await post.state_of(item))[0] == "waiting"
    assert await post.value(RECEIPT, item.information_id) == before is not None


def called(status: int, *, retry_after_s: int | None = None) -> Called:
    return Called(
        delivery=Delivery(
            receiver_id="te-kainuu",
            client_id="c",
            lease_token="t",
            information_id="i",
            attempt=1,
            body=b"",
            digest="",
            official_id="o",
        ),
        request_id="r",
        started_at=NOW,
        ended_at=NOW,
        answer=Answer(status=status, retry_after_s=retry_after_s),
        verdict=Verdict("wait", "later", is_receivers_fault=False),
    )


def test_a_receiver_that_wants_to_be_left_alone_is_so_whatever_ends_meanwhile() -> None:
    ended = [called(429, retry_after_s=60), called(201), called(201)]

    breaker = breaker_after(CLOSED, ended, now=NOW, pace=Pace())

    assert (breaker.state, breaker.until) == ("open", NOW + timedelta(seconds=60))
