"""Claims that lie ready: they take the places of calls that end, and are handed back otherwise."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from kuntavayla.database import transaction
from statement_relay.operations.delivering import Turn
from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.deliveries import Delivery
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.workers.ready import ReadyClaims
from tests.statement_relay.deliveries import (
    DEADLINE_S,
    OTHER_RECEIVER,
    QUICK,
    RECEIVER,
    Post,
    Queued,
    put_ids,
)
from tests.statement_relay.misbehaving import Heard, Server, answer, receiving, running
from tests.statement_relay.test_never_begun import FAILURES
from tests.statement_relay.test_resent import ended

CONCURRENCY = 3
PATIENT = replace(QUICK, calm_s=DEADLINE_S)
"""A pace in which what lies ready may take a place for as long as a test lasts."""
HASTY = replace(QUICK, calm_s=0.0)
"""A pace in which nothing that lies ready may take a place."""
STANDINGS = "SELECT state, attempts, count(*) FROM information GROUP BY 1, 2 ORDER BY 1"
AWAY, ITS_FAULT = Answer(status=500), Verdict("wait", "receiver_away", is_receivers_fault=True)
TAKEN, NO_FAULT = Answer(status=201), Verdict("delivered", "delivered", is_receivers_fault=False)
HOLD = "SELECT FROM receivers FOR UPDATE"


class Gate:
    """A receiver that answers nothing before it is opened, and counts who waits."""

    def __init__(self, *, answers: bytes | None = None) -> None:
        self._opened = asyncio.Event()
        self._answers = answers
        self.under_way = 0
        self.most = 0

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._opened.wait()
        self.under_way -= 1
        if self._answers is None:
            await receiving(heard, writer)
        else:
            writer.write(self._answers)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
async def items(post: Post, receiver: Server) -> Sequence[Queued]:
    """Items of nine clients for a receiver that bears three calls at once."""
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=CONCURRENCY)
    await post.make_known(RECEIVER)
    return [await post.enqueue() for _ in range(3 * CONCURRENCY)]


async def standings(post: Post) -> list[tuple[str, int, int]]:
    """Return how many items there are by state and attempts."""
    return [tuple(row) for row in await post.rows(STANDINGS)]


async def until_standings(post: Post, *expected: tuple[str, int, int]) -> None:
    async def stand() -> bool:
        return await standings(post) == list(expected)

    await post.until(stand)


async def until_heard(post: Post, server: Server, *, count: int) -> None:
    async def heard() -> bool:
        return len(server.heard) == count

    await post.until(heard)


async def test_as_many_claims_as_calls_may_run_lie_ready(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier():
        await until_standings(post, ("delivering", 1, 2 * CONCURRENCY), ("waiting", 0, CONCURRENCY))
        under_way = gate.under_way
        gate.open()
        await post.until_settled(items)

    assert under_way <= CONCURRENCY
    assert gate.most == CONCURRENCY
    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in items)
    assert await standings(post) == [("delivered", 1, len(items))]


@pytest.mark.usefixtures("items")
async def test_what_lies_ready_takes_the_places_of_calls_that_end_without_a_turn(
    post: Post, receiver: Server
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT):
        await until_standings(post, ("delivering", 1, 2 * CONCURRENCY), ("waiting", 0, CONCURRENCY))
        await until_heard(post, receiver, count=CONCURRENCY)
        async with transaction(post.pool) as connection:
            await connection.execute(HOLD)
            gate.open()
            await until_heard(post, receiver, count=2 * CONCURRENCY)

    assert gate.most == CONCURRENCY


async def test_what_a_turn_long_ago_allowed_is_handed_back_and_delivered_once(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    async with post.courier(pace=HASTY):
        await post.until_settled(items)

    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in items)
    assert await standings(post) == [("delivered", 1, len(items))]


@pytest.mark.usefixtures("items")
async def test_at_a_pause_what_lies_ready_is_handed_back_while_calls_end(
    post: Post, receiver: Server
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, ("delivering", 1, 2 * CONCURRENCY), ("waiting", 0, CONCURRENCY))
        await post.pause(RECEIVER)
        courier.wake()
        await until_standings(post, ("delivering", 1, CONCURRENCY), ("waiting", 0, 2 * CONCURRENCY))
        gate.open()
        await until_standings(post, ("delivered", 1, CONCURRENCY), ("waiting", 0, 2 * CONCURRENCY))

    assert len(receiver.heard) == CONCURRENCY


async def test_where_fewer_calls_may_run_by_now_nothing_takes_the_places_of_those_too_many(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, ("delivering", 1, 2 * CONCURRENCY), ("waiting", 0, CONCURRENCY))
        await until_heard(post, receiver, count=CONCURRENCY)
        await courier.renew(Endpoints(None, {RECEIVER: Endpoint(url=receiver.url, concurrency=1)}))
        courier.wake()
        await until_standings(post, ("delivering", 1, CONCURRENCY), ("waiting", 0, 2 * CONCURRENCY))
        gate.most = 0
        gate.open()
        await post.until_settled(items)

    assert gate.most == 1
    assert len(receiver.heard) == len(items)


@pytest.mark.usefixtures("items")
async def test_after_a_failure_nothing_lies_ready(post: Post) -> None:
    turn = await post.turn(running={RECEIVER: CONCURRENCY})
    failed = [ended(one, AWAY, ITS_FAULT) for one in turn.deliveries[:1]]

    after = await post.turn(failed, ready=turn.ready, running={RECEIVER: CONCURRENCY - 1})

    assert (len(turn.ready), turn.calm) == (CONCURRENCY, {RECEIVER: True})
    assert (len(after.deliveries), after.ready, after.calm) == (1, [], {RECEIVER: False})


async def test_nothing_lies_ready_for_a_receiver_with_a_rate(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    post.endpoints[RECEIVER] = Endpoint(
        url=receiver.url, concurrency=CONCURRENCY, rate_per_s=len(items)
    )

    turn = await post.turn(running={RECEIVER: CONCURRENCY})

    assert (len(turn.deliveries), turn.ready, turn.calm) == (CONCURRENCY, [], {RECEIVER: False})


@pytest.mark.usefixtures("items")
async def test_no_more_lies_ready_than_calls_run_whose_places_it_may_take(post: Post) -> None:
    first = await post.turn(running={RECEIVER: 2})
    second = await post.turn(ready=first.ready, running={RECEIVER: CONCURRENCY})

    assert (len(first.deliveries), len(first.ready)) == (CONCURRENCY, 2)
    assert (len(second.deliveries), len(second.ready)) == (0, 1)


@pytest.mark.usefixtures("items")
async def test_what_lies_ready_elsewhere_counts_as_a_call(post: Post) -> None:
    first = await post.turn(running={RECEIVER: CONCURRENCY})
    second = await post.turn([ended(one, TAKEN, NO_FAULT) for one in first.deliveries])

    # Their places are those of what lies ready with the other courier.
    assert (len(first.ready), len(second.deliveries), len(second.ready)) == (CONCURRENCY, 0, 0)


async def test_two_couriers_with_claims_ready_call_no_more_than_the_receiver_bears(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    more = [await post.enqueue(client_id=item.client_id) for item in items]
    async with post.courier(pace=PATIENT), post.courier(pace=PATIENT):
        await until_heard(post, receiver, count=CONCURRENCY)
        gate.open()
        await post.until_settled([*items, *more])

    assert gate.most == CONCURRENCY
    assert len(receiver.heard) == len(items) + len(more)


@pytest.mark.usefixtures("items")
async def test_a_courier_that_ends_hands_back_what_lies_ready(post: Post, receiver: Server) -> None:
    receiver.behaviour = Gate()
    async with post.courier() as courier:
        await until_standings(post, ("delivering", 1, 2 * CONCURRENCY), ("waiting", 0, CONCURRENCY))
        await until_heard(post, receiver, count=CONCURRENCY)
        courier.cut_off()

    waiting = [row for row in await standings(post) if row[0] == "waiting"]
    assert waiting == [("waiting", 0, 2 * CONCURRENCY)]
    assert len(receiver.heard) == CONCURRENCY


async def test_what_lay_ready_with_a_killed_courier_waits_for_its_lease_and_is_sent_once(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    turn = await post.turn(running={RECEIVER: CONCURRENCY}, lease_s=0.5)
    async with post.courier():
        await post.until_settled(items)

    lost = {one.information_id for one in (*turn.deliveries, *turn.ready)}
    assert len(lost) == 2 * CONCURRENCY
    assert [await post.outcomes_of(item) for item in items if item.information_id in lost] == [
        ["cut_off", "delivered"]
    ] * len(lost)
    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in items)


async def test_a_receiver_that_fails_while_claims_lie_ready_opens_its_breaker_as_ever(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate(answers=answer(500))
    async with post.courier(pace=PATIENT):
        await until_heard(post, receiver, count=CONCURRENCY)
        gate.open()

        async def opened() -> bool:
            return bool(await post.value(FAILURES, RECEIVER) >= QUICK.breaker.failures_max)

        await post.until(opened)
        receiver.behaviour = receiving
        await post.until_settled(items)

    assert [await post.state_of(item) for item in items] == [("delivered", None)] * len(items)


async def test_what_lies_ready_for_one_receiver_takes_no_place_of_another(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    elsewhere = [await post.enqueue(receiver_id=OTHER_RECEIVER) for _ in items]
    async with running(receiving) as well, post.courier(pace=PATIENT) as courier:
        post.endpoints[OTHER_RECEIVER] = Endpoint(url=well.url, concurrency=CONCURRENCY)
        courier.wake()
        await post.until_settled(elsewhere)
        heard_meanwhile = len(receiver.heard)
        gate.open()
        await post.until_settled(items)

    assert heard_meanwhile == CONCURRENCY
    assert (len(receiver.heard), len(well.heard)) == (len(items), len(elsewhere))


@pytest.mark.parametrize(("now_s", "may"), [(7.25, True), (7.26, False)])
def test_a_claim_that_lay_ready_longer_than_its_receiver_is_known_to_be_calm_may_not_begin(
    now_s: float, *, may: bool
) -> None:
    claims = ReadyClaims(calm_s=0.25)
    delivery = delivery_of("a")

    left = claims.take(Turn(ready=[delivery], calm={RECEIVER: True}), claimed_at=7.0)

    assert left == []
    assert claims.next(RECEIVER, now_s=now_s) == (delivery, 7.0, may)
    assert claims.next(RECEIVER, now_s=now_s) is None


def test_claims_of_a_receiver_that_is_not_calm_any_more_are_left() -> None:
    claims = ReadyClaims(calm_s=60.0)
    first, second, other = delivery_of("a"), delivery_of("b"), delivery_of("c", OTHER_RECEIVER)
    claims.take(
        Turn(ready=[first, other], calm={RECEIVER: True, OTHER_RECEIVER: True}), claimed_at=1
    )

    left = claims.take(Turn(ready=[second], calm={RECEIVER: False}), claimed_at=2)

    assert (left, claims.all) == ([first, second], [other])


def test_claims_take_places_in_the_order_in_which_they_were_made() -> None:
    claims = ReadyClaims(calm_s=60.0)
    made = [delivery_of(name) for name in "abc"]
    claims.take(Turn(ready=made, calm={RECEIVER: True}), claimed_at=1.0)

    taken = [claims.next(RECEIVER, now_s=1.0) for _ in made]

    assert taken == [(delivery, 1.0, True) for delivery in made]
    assert claims.clear() == []


def delivery_of(name: str, receiver_id: str = RECEIVER) -> Delivery:
    return Delivery(
        receiver_id=receiver_id,
        client_id=name,
        lease_token=name,
        information_id=name,
        attempt=1,
        body=b"{}",
        digest="",
        official_id="sotkamo:u-1042",
    )
