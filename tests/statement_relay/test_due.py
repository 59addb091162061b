from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

import pytest

from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import moment_at
from statement_relay.events import SOURCE
from statement_relay.rules.deliveries import Patience
from statement_relay.workers.due import look_for_late
from tests.statement_relay.deliveries import Post
from tests.statement_relay.misbehaving import Server, always, answer, receiving

PATIENCE = Patience(unknown=timedelta(hours=24), receipt_working_days=3, receipt_at=time_of_day(8))
DUE_AT = datetime(2021, 3, 26, 14, 15, tzinfo=UTC)
Look = Callable[[], Awaitable[int]]


@pytest.fixture
def look(post: Post) -> Look:
    def moment() -> Moment:
        return moment_at(post.clock, source=SOURCE)

    async def look() -> int:
        return await look_for_late(post.pool, patience=PATIENCE, moment=moment)

    return look


async def test_an_item_is_told_delayed_and_then_overdue_each_once(post: Post, look: Look) -> None:
    await post.enqueue(deliver_by_at=DUE_AT)

    post.now = DUE_AT - timedelta(days=1, minutes=1)
    before = await look()
    post.now = DUE_AT - timedelta(days=1)
    delayed = [await look(), await look()]
    post.now = DUE_AT
    overdue = [await look(), await look()]

    assert (before, delayed, overdue) == (0, [1, 0], [1, 0])
    assert await post.events() == [
        ("information.delayed", "common"),
        ("information.overdue", "common"),
    ]


async def test_what_was_delivered_is_never_late(post: Post, receiver: Server, look: Look) -> None:
    item = await post.enqueue(deliver_by_at=DUE_AT)
    async with post.courier():
        await post.until_settled([item])

    post.now = DUE_AT + timedelta(days=1)

    assert await look() == 0
    assert len(receiver.heard) == 1


async def test_lateness_of_a_restricted_client_is_told_by_the_restricted_channel(
    post: Post, look: Look
) -> None:
    await post.enqueue(deliver_by_at=DUE_AT, is_restricted=True)

    post.now = DUE_AT
    await look()

    assert {channel for _, channel in await post.events()} == {"restricted"}


async def test_a_client_that_stays_unknown_for_a_day_has_its_item_refused(
    post: Post, look: Look
) -> None:
    item = await post.wait_for_client()

    post.now += timedelta(hours=24, seconds=-1)
    before = await look()
    post.now += timedelta(seconds=1)
    refused = [await look(), await look()]

    assert (before, refused) == (0, [1, 0])
    assert await post.state_of(item) == ("refused", "client_unknown")
    assert await post.events() == [("information.refused", "common")]


async def test_a_promised_receipt_that_does_not_come_parks_its_item(
    post: Post, receiver: Server, look: Look
) -> None:
    receiver.behaviour = always(answer(202))
    post.now = datetime(2021, 4, 1, 10, 0, tzinfo=UTC)
    item = await post.enqueue(deliver_by_at=datetime(2021, 5, 1, tzinfo=UTC))
    async with post.courier():
        await post.until_settled([item])

    # Good Friday and Easter Monday are no working days: the third one is Thursday the 8th.
    post.now = datetime(2021, 4, 8, 4, 59, tzinfo=UTC)
    before = await look()
    post.now = datetime(2021, 4, 8, 5, 0, tzinfo=UTC)
    parked = [await look(), await look()]

    assert (before, parked) == (0, [1, 0])
    assert await post.state_of(item) == ("parked", "receipt_late")
    assert await post.value("SELECT is_blocked FROM client_queues")
    assert await post.events() == [("information.parked", "common")]


async def test_many_items_are_told_in_batches(post: Post, look: Look) -> None:
    client_id = post.new_id()
    await post.enqueue_many(client_id, count=1_201, deliver_by_at=DUE_AT)

    post.now = DUE_AT

    assert await look() == 2 * 1_201
    assert await look() == 0


async def test_late_items_go_on_being_delivered(post: Post, receiver: Server, look: Look) -> None:
    receiver.behaviour = always(answer(500))
    item = await post.enqueue(deliver_by_at=DUE_AT)
    async with post.courier():
        await post.until_attempted(item)
        post.now = DUE_AT
        await look()
        receiver.behaviour = receiving
        await post.until_settled([item])

    assert await post.state_of(item) == ("delivered", None)
