import asyncio
from collections.abc import Sequence

from statement_relay.operations.delivering import Decided
from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.deliveries import Called, Delivery
from statement_relay.rules.endpoints import Endpoint
from statement_relay.workers.settling import UNSETTLED_MAX, Settler
from tests.statement_relay.deliveries import DEADLINE_S, RECEIVER, Post
from tests.statement_relay.service import NOW

RUN_OUT = """
UPDATE client_queues SET lease_until = clock_timestamp(), next_attempt_at = clock_timestamp()
WHERE lease_token IS NOT NULL
"""


def ended(delivery: Delivery) -> Called:
    return Called(
        delivery=delivery,
        request_id=delivery.lease_token,
        started_at=NOW,
        ended_at=NOW,
        answer=Answer(status=500),
        verdict=Verdict("wait", "receiver_failed", is_receivers_fault=True),
    )


async def test_a_call_that_is_over_holds_no_slot_though_it_is_not_settled(post: Post) -> None:
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9", concurrency=1)
    await post.make_known(RECEIVER)
    first, second = [await post.enqueue() for _ in range(2)]

    began = await post.turn()
    full = await post.turn()
    over = await post.turn([ended(one) for one in began.deliveries])
    full_again = await post.turn(unsettled=over.decided)

    assert [one.information_id for one in began.deliveries] == [first.information_id]
    assert [one.information_id for one in over.deliveries] == [second.information_id]
    assert [len(turn.deliveries) for turn in (full, full_again)] == [0, 0]
    assert await post.value("SELECT breaker_failures FROM receivers") == 1


async def test_what_is_not_settled_is_not_claimed_again_by_whoever_called(post: Post) -> None:
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9")
    await post.make_known(RECEIVER)
    item = await post.enqueue()

    began = await post.turn()
    over = await post.turn([ended(one) for one in began.deliveries])
    await post.rows(RUN_OUT)
    later = await post.turn(unsettled=over.decided)
    elsewhere = await post.turn()

    assert len(later.deliveries) == 0
    assert [one.attempt for one in elsewhere.deliveries] == [2]
    assert await post.outcomes_of(item) == ["cut_off"]


async def test_each_lease_has_a_token_of_its_own(post: Post) -> None:
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9")
    await post.make_known(RECEIVER)
    for _ in range(10):
        await post.enqueue()

    began = await post.turn()

    assert len({one.lease_token for one in began.deliveries}) == 10


async def test_no_call_begins_while_settling_fails_or_is_far_behind(post: Post) -> None:
    post.endpoints[RECEIVER] = Endpoint(url="http://127.0.0.1:9")
    await post.make_known(RECEIVER)
    await post.enqueue()
    began = await post.turn()
    [decided] = (await post.turn([ended(one) for one in began.deliveries])).decided
    faults = [OSError()]
    behind: list[bool] = []
    settled = asyncio.Event()

    async def settle(part: Sequence[Decided]) -> Sequence[Decided]:
        behind.append(settler.is_behind)
        if faults:
            raise faults.pop()
        return part

    settler = Settler(settle, settled=lambda _: settled.set())
    settler.add([decided])
    async with asyncio.timeout(DEADLINE_S):
        await settled.wait()
    assert (behind, settler.is_behind, settler.unsettled) == ([False, True], False, ())

    settler.add([decided] * (UNSETTLED_MAX + 1))
    assert settler.is_behind
    await settler.end()
    assert not settler.is_behind
