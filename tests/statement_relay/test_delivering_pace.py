import asyncio
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

from statement_relay.rules.clocks import BusinessHours
from statement_relay.rules.endpoints import Endpoint
from tests.statement_relay.deliveries import OTHER_RECEIVER, RECEIVER, Post, put_ids
from tests.statement_relay.misbehaving import (
    Heard,
    Server,
    always,
    answer,
    never,
    receipt_of,
    receiving,
    running,
)


async def test_a_receiver_that_asks_for_an_hour_is_left_alone_for_it(
    post: Post, receiver: Server
) -> None:
    receiver.behaviour = always(answer(503, headers=["Retry-After: 3600"]))
    first = await post.enqueue()

    async with post.courier():
        await post.until_attempted(first)
        second = await post.enqueue()
        third = await post.enqueue(receiver_id=OTHER_RECEIVER)
        async with running(receiving) as well:
            post.endpoints[OTHER_RECEIVER] = Endpoint(url=well.url)
            await post.until_settled([third])

    [standing] = await post.rows(
        "SELECT breaker_state, breaker_until - clock_timestamp() AS left_for FROM receivers"
        " WHERE receiver_id = $1",
        RECEIVER,
    )
    assert put_ids(receiver) == [first.information_id]
    assert standing["breaker_state"] == "open"
    assert timedelta(minutes=55) < standing["left_for"] <= timedelta(hours=1)
    assert await post.state_of(second) == ("waiting", None)


async def test_of_a_receiver_that_is_away_only_probes_are_made_and_nothing_is_lost(
    post: Post, receiver: Server
) -> None:
    items = [await post.enqueue() for _ in range(40)]
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=4)
    receiver.behaviour = always(answer(500))

    async with post.courier():

        async def probed() -> bool:
            failures = await post.value(
                "SELECT breaker_failures FROM receivers WHERE receiver_id = $1", RECEIVER
            )
            return failures is not None and failures >= 8

        await post.until(probed)
        calls_while_away = len(receiver.heard)
        receiver.behaviour = receiving
        await post.until_settled(items)

    # Five failures open the breaker while up to three more calls are under way; then one by one.
    assert calls_while_away <= 5 + 3 + 4
    assert [await post.state_of(item) for item in items] == [("delivered", None)] * 40


async def test_a_receiver_that_hangs_holds_up_no_other_receiver(
    post: Post, receiver: Server
) -> None:
    receiver.behaviour = never
    stuck = [await post.enqueue() for _ in range(40)]
    async with running(receiving) as well:
        post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=4)
        post.endpoints[OTHER_RECEIVER] = Endpoint(url=well.url)
        items = [await post.enqueue(receiver_id=OTHER_RECEIVER) for _ in range(40)]

        async with post.courier() as courier:
            await post.until_settled(items)
            held = await post.value("SELECT count(*) FROM information WHERE state = 'delivering'")
            courier.cut_off()

    assert len(well.heard) == 40
    # Nothing lies ready for the places of calls that do not end.
    assert (held, receiver.connections_open_most) == (4, 4)
    assert len(stuck) == 40


async def test_a_client_whose_call_hangs_holds_up_no_other_client(
    post: Post, receiver: Server
) -> None:
    stuck = await post.enqueue()
    items = [await post.enqueue() for _ in range(20)]

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await (never if heard.path.endswith(stuck.information_id) else receiving)(heard, writer)

    receiver.behaviour = behave
    async with post.courier() as courier:
        await post.until_settled(items)
        courier.cut_off()

    assert (await post.state_of(stuck))[0] == "delivering"


async def test_a_receiver_is_called_only_in_its_hours(post: Post, receiver: Server) -> None:
    hours = BusinessHours(clock_time(8), clock_time(16, 15))
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, hours=hours)
    post.now = datetime(2021, 4, 1, 13, 20, tzinfo=UTC)
    item = await post.enqueue()
    elsewhere = await post.enqueue(receiver_id=OTHER_RECEIVER)
    async with running(receiving) as well, post.courier() as courier:
        post.endpoints[OTHER_RECEIVER] = Endpoint(url=well.url)
        courier.wake()
        await post.until_settled([elsewhere])
        sent_after_hours = put_ids(receiver)
        post.now = datetime(2021, 4, 6, 5, 1, tzinfo=UTC)
        courier.wake()
        await post.until_settled([item])

    assert sent_after_hours == []
    assert put_ids(receiver) == [item.information_id]


async def test_a_receiver_that_is_locked_today_is_called_on_the_next_working_day(
    post: Post, receiver: Server
) -> None:
    receiver.behaviour = always(answer(423))
    post.now = datetime(2021, 4, 1, 10, 0, tzinfo=UTC)
    item = await post.enqueue()

    async with post.courier():
        await post.until_attempted(item)

    left = await post.value("SELECT next_attempt_at - clock_timestamp() FROM client_queues")
    until = datetime(2021, 4, 6, 5, 0, tzinfo=UTC) - post.now
    assert until - timedelta(minutes=1) < left <= until
    assert await post.state_of(item) == ("waiting", "client_locked")


async def test_no_more_calls_begin_in_a_second_than_the_rate_allows(
    post: Post, receiver: Server
) -> None:
    begun: list[float] = []

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        begun.append(time.monotonic())
        await receiving(heard, writer)

    receiver.behaviour = behave
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, rate_per_s=4)
    items = [await post.enqueue() for _ in range(9)]

    started = time.monotonic()  # Not the first call's arrival, which a busy machine may hold up.
    async with post.courier(), post.courier():
        await post.until_settled(items)

    assert len(begun) == 9
    assert begun[8] - started > 1.8


async def test_no_more_calls_are_under_way_than_the_receiver_bears_whoever_makes_them(
    post: Post, receiver: Server
) -> None:
    under_way, most = 0, 0

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        await receiving(heard, writer)

    receiver.behaviour = behave
    post.endpoints[RECEIVER] = Endpoint(url=receiver.url, concurrency=3)
    items = [await post.enqueue() for _ in range(40)]

    async with post.courier(), post.courier():
        await post.until_settled(items)

    assert most == 3


async def test_what_nobody_said_where_to_send_waits(post: Post, receiver: Server) -> None:
    nowhere = await post.enqueue(receiver_id=OTHER_RECEIVER)
    item = await post.enqueue()

    async with post.courier():
        await post.until_settled([item])

    assert put_ids(receiver) == [item.information_id]
    assert await post.state_of(nowhere) == ("waiting", None)


async def test_a_lease_that_ran_out_during_a_slow_answer_settles_nothing(
    post: Post, receiver: Server
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(receiver.heard) == 1:
            asked.set()
            await go_on.wait()
            writer.write(answer(201, receipt_of(heard, receipt_id="R-slow")))
        else:
            await receiving(heard, writer)

    receiver.behaviour = behave
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    async with post.courier():
        await asked.wait()
        await post.rows(
            "UPDATE client_queues SET lease_until = clock_timestamp(),"
            " next_attempt_at = clock_timestamp()"
        )
        async with post.courier():
            await post.until_settled([item, behind])
        go_on.set()

    receipts = await post.rows("SELECT receipt_id FROM information ORDER BY number")
    assert [row["receipt_id"] for row in receipts] == ["R-1", "R-1"]
    assert await post.outcomes_of(item) == ["cut_off", "delivered"]
    assert len(await post.events()) == 2


async def test_a_pause_during_a_call_lets_it_end_and_no_other_begin(
    post: Post, receiver: Server
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        await receiving(heard, writer)

    receiver.behaviour = behave
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    async with post.courier() as courier:
        await asked.wait()
        await post.pause(RECEIVER)
        later = await post.enqueue()
        go_on.set()
        await post.until_settled([item])
        elsewhere = await post.enqueue(receiver_id=OTHER_RECEIVER)
        async with running(receiving) as well:
            post.endpoints[OTHER_RECEIVER] = Endpoint(url=well.url)
            await post.until_settled([elsewhere])
        sent_while_paused = put_ids(receiver)
        await post.resume(RECEIVER)
        courier.wake()
        await post.until_settled([behind, later])

    assert sent_while_paused == [item.information_id]
    assert sorted(put_ids(receiver)) == sorted(one.information_id for one in (item, behind, later))
