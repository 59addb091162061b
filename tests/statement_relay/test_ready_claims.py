"""Claims that lie ready: they take the places of calls that end, and are handed back otherwise."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from kuntavayla.database import transaction
from statement_relay.rules.answers import Answer, Receipt, Verdict
from statement_relay.rules.deliveries import Called, Delivery
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.workers.delivering import Courier
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
from tests.statement_relay.service import NOW
from tests.statement_relay.test_never_begun import FAILURES
from tests.statement_relay.test_resent import ended

CONCURRENCY = 3
PATIENT = replace(QUICK, calm_s=DEADLINE_S, lately_s=DEADLINE_S)
"""A pace in which what lies ready may take a place for as long as a test lasts."""
STANDINGS = "SELECT state, attempts, count(*) FROM information GROUP BY 1, 2 ORDER BY 1"
AWAY, ITS_FAULT = Answer(status=500), Verdict("wait", "receiver_away", is_receivers_fault=True)
NO_FAULT = Verdict("delivered", "delivered", is_receivers_fault=False)
HOLD = "SELECT FROM receivers FOR UPDATE"
ALL_READY = [
    ("delivered", 1, CONCURRENCY),
    ("delivering", 1, 2 * CONCURRENCY),
    ("waiting", 0, CONCURRENCY),
]
"""Some have ended, as many calls wait at the gate, as many claims lie ready, as many items wait."""
HANDED_BACK = [
    ("delivered", 1, CONCURRENCY),
    ("delivering", 1, CONCURRENCY),
    ("waiting", 0, 2 * CONCURRENCY),
]


class Gate:
    """A receiver that answers the first calls, and the others when it is opened."""

    def __init__(self, *, answers: bytes | None = None) -> None:
        self._opened = asyncio.Event()
        self._answers = answers
        self._passing = CONCURRENCY
        self.under_way = 0
        self.most = 0

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if self._passing > 0:
            self._passing -= 1
            await receiving(heard, writer)
            return
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
    """Items of twelve clients for a receiver that bears three calls at once."""
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=CONCURRENCY)
    await post.make_known(RECEIVER)
    return [await post.enqueue() for _ in range(4 * CONCURRENCY)]


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


async def until_none_runs(post: Post, courier: Courier) -> None:
    async def none_runs() -> bool:
        return courier._running[RECEIVER] == 0

    await post.until(none_runs)


async def test_as_many_claims_as_calls_may_run_lie_ready(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT):
        await until_standings(post, *ALL_READY)
        gate.open()
        await post.until_settled(items)

    assert gate.most == CONCURRENCY
    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in items)
    assert await standings(post) == [("delivered", 1, len(items))]


@pytest.mark.usefixtures("items")
async def test_what_lies_ready_takes_the_places_of_calls_that_end_without_a_turn(
    post: Post, receiver: Server
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT):
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        async with transaction(post.pool) as connection:
            await connection.execute(HOLD)
            gate.open()
            await until_heard(post, receiver, count=3 * CONCURRENCY)

    assert gate.most == CONCURRENCY


@pytest.mark.parametrize("reason", ["the last turn was long ago", "settling is behind"])
async def test_what_lies_ready_takes_no_place_without_a_turn_where(
    post: Post, receiver: Server, items: Sequence[Queued], *, reason: str
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        async with transaction(post.pool) as connection:
            await connection.execute(HOLD)
            if reason == "settling is behind":
                courier._settler._has_failed = True
            else:
                courier._ready._calm_s = 0.0
            gate.open()
            await until_none_runs(post, courier)
            heard = len(receiver.heard)
            courier._settler._has_failed = False
        await post.until_settled(items)

    assert heard == 2 * CONCURRENCY
    assert sorted(put_ids(receiver)) == sorted(item.information_id for item in items)
    assert await standings(post) == [("delivered", 1, len(items))]


@pytest.mark.usefixtures("items")
async def test_at_a_pause_what_lies_ready_is_handed_back_while_calls_end(
    post: Post, receiver: Server
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, *ALL_READY)
        await post.pause(RECEIVER)
        courier.wake()
        await until_standings(post, *HANDED_BACK)
        gate.open()
        await until_standings(
            post, ("delivered", 1, 2 * CONCURRENCY), ("waiting", 0, 2 * CONCURRENCY)
        )

    assert len(receiver.heard) == 2 * CONCURRENCY


async def test_where_fewer_calls_may_run_by_now_nothing_takes_the_places_of_those_too_many(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        await courier.renew(Endpoints(None, {RECEIVER: Endpoint(url=receiver.url, concurrency=1)}))
        courier.wake()
        await until_standings(post, *HANDED_BACK)
        gate.most = 0
        gate.open()
        await post.until_settled(items)

    assert gate.most == 1
    assert len(receiver.heard) == len(items)


@pytest.mark.usefixtures("items")
async def test_of_a_receiver_with_too_many_calls_by_now_nothing_is_claimed(
    post: Post, receiver: Server
) -> None:
    await post.turn()
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=CONCURRENCY - 1)

    turn = await post.turn(running={RECEIVER: CONCURRENCY})

    assert (len(turn.deliveries), turn.calm) == (0, {RECEIVER: False})


@pytest.mark.usefixtures("items")
async def test_after_an_answer_that_asks_for_time_nothing_that_lay_ready_is_sent(
    post: Post, receiver: Server
) -> None:
    gate = receiver.behaviour = Gate(answers=answer(429, headers=["Retry-After: 3600"]))
    async with post.courier(pace=PATIENT):
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        gate.open()
        await until_standings(
            post,
            ("delivered", 1, CONCURRENCY),
            ("waiting", 0, 2 * CONCURRENCY),
            ("waiting", 1, CONCURRENCY),
        )

    assert len(receiver.heard) == 2 * CONCURRENCY


async def test_places_that_others_leave_are_told_where_nothing_else_is_due(
    post: Post, receiver: Server
) -> None:
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=CONCURRENCY)
    await post.make_known(RECEIVER)
    for _ in range(CONCURRENCY - 1):
        await post.enqueue()
    elsewhere = await post.turn()
    for _ in range(2):
        await post.enqueue()
    mine = await post.turn(running={RECEIVER: 1})
    await post.settle([taken(one) for one in elsewhere.deliveries])

    then = await post.turn(ready=mine.deliveries[1:], running={RECEIVER: 1})

    assert (len(mine.deliveries), mine.places) == (2, {RECEIVER: 1})
    assert (len(then.deliveries), then.places) == (0, {RECEIVER: 2})


@pytest.mark.usefixtures("items")
async def test_after_a_failure_nothing_lies_ready(post: Post) -> None:
    turn = await post.turn(running={RECEIVER: CONCURRENCY})
    failed = [ended(one, AWAY, ITS_FAULT) for one in turn.deliveries[:1]]

    ready = turn.deliveries[CONCURRENCY:]
    after = await post.turn(failed, ready=ready, running={RECEIVER: CONCURRENCY - 1})

    assert (len(turn.deliveries), turn.calm) == (2 * CONCURRENCY, {RECEIVER: True})
    assert (len(after.deliveries), after.calm) == (1, {RECEIVER: False})


async def test_nothing_lies_ready_for_a_receiver_with_a_rate(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    post.endpoints[RECEIVER] = Endpoint(
        url=receiver.url, concurrency=CONCURRENCY, rate_per_s=len(items)
    )

    turn = await post.turn(running={RECEIVER: CONCURRENCY})

    assert (len(turn.deliveries), turn.calm) == (CONCURRENCY, {RECEIVER: False})


@pytest.mark.usefixtures("items")
async def test_no_more_lies_ready_than_calls_run_whose_places_it_may_take(post: Post) -> None:
    first = await post.turn(running={RECEIVER: 2})
    ready = first.deliveries[CONCURRENCY:]
    second = await post.turn(ready=ready, running={RECEIVER: CONCURRENCY})

    assert (first.places, len(ready)) == ({RECEIVER: CONCURRENCY}, 2)
    assert (second.places, len(second.deliveries)) == ({RECEIVER: 0}, 1)


@pytest.mark.usefixtures("items")
async def test_what_lies_ready_elsewhere_counts_as_a_call(post: Post) -> None:
    first = await post.turn(running={RECEIVER: CONCURRENCY})
    calls, ready = first.deliveries[:CONCURRENCY], first.deliveries[CONCURRENCY:]
    second = await post.turn([taken(one) for one in calls])

    # Their places are those of what lies ready with the other courier.
    assert (len(ready), len(second.deliveries)) == (CONCURRENCY, 0)
    assert second.places == {RECEIVER: 0}


async def test_two_couriers_with_claims_ready_call_no_more_than_the_receiver_bears(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    gate = receiver.behaviour = Gate()
    more = [await post.enqueue(client_id=item.client_id) for item in items]
    async with post.courier(pace=PATIENT), post.courier(pace=PATIENT):
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        gate.open()
        await post.until_settled([*items, *more])

    assert gate.most == CONCURRENCY
    assert len(receiver.heard) == len(items) + len(more)


@pytest.mark.usefixtures("items")
async def test_a_courier_that_ends_hands_back_what_lies_ready(post: Post, receiver: Server) -> None:
    receiver.behaviour = Gate()
    async with post.courier(pace=PATIENT) as courier:
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        courier.cut_off()

    waiting = [row for row in await standings(post) if row[0] == "waiting"]
    assert waiting == [("waiting", 0, 2 * CONCURRENCY)]
    assert len(receiver.heard) == 2 * CONCURRENCY


async def test_what_lay_ready_with_a_killed_courier_waits_for_its_lease_and_is_sent_once(
    post: Post, receiver: Server, items: Sequence[Queued]
) -> None:
    turn = await post.turn(running={RECEIVER: CONCURRENCY}, lease_s=0.5)
    async with post.courier():
        await post.until_settled(items)

    lost = {one.information_id for one in turn.deliveries}
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
        await until_standings(post, *ALL_READY)
        await until_heard(post, receiver, count=2 * CONCURRENCY)
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
        await until_heard(post, receiver, count=2 * CONCURRENCY)
        gate.open()
        await post.until_settled(items)

    assert (len(receiver.heard), len(well.heard)) == (len(items), len(elsewhere))


def taken(delivery: Delivery) -> Called:
    """Return a call by which an item was delivered."""
    receipt = Receipt("R-1", NOW, delivery.digest)
    return ended(delivery, Answer(status=201, receipt=receipt), NO_FAULT)
