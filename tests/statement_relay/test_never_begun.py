"""Claims whose calls never begin: nobody was called, so nothing is told or held against it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest
from msgspec.structs import replace

from kuntavayla.database import Connection, transaction
from statement_relay.operations import delivering
from statement_relay.rules.deliveries import Delivery
from statement_relay.rules.endpoints import Endpoints
from tests.statement_relay.deliveries import QUICK, RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Server
from tests.statement_relay.service import Relay
from tests.statement_relay.test_delivering_turns import RUN_OUT
from tests.statement_relay.test_resent import claimed, tell

SLOW = replace(QUICK, lease_s=4.0)
"""A lease of which half, the time of a call, is over soon."""
ALL_ITS_TIME = timedelta(seconds=SLOW.lease_s / 2)
HOLD = "SELECT FROM information WHERE information_id = $1 FOR UPDATE"
HELD_UP = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
  AND clock_timestamp() - query_start > $1
"""
FAILURES = "SELECT breaker_failures FROM receivers WHERE receiver_id = $1"
STANDING = "SELECT state, attempts FROM information WHERE information_id = $1"


@pytest.fixture
async def holder(post: Post) -> AsyncIterator[Connection]:
    """The connection of somebody else, who holds an item while a courier claims it."""
    connection = await asyncpg.connect(post.database.url)
    yield connection
    await connection.close()


async def until_held_up(post: Post, *, by: timedelta) -> None:
    async def is_held_up() -> bool:
        return bool(await post.value(HELD_UP, by))

    await post.until(is_held_up)


async def until_given_back(post: Post, item: Queued) -> None:
    async def is_given_back() -> bool:
        return await standing_of(post, item) == ("waiting", 0)

    await post.until(is_given_back)


async def standing_of(post: Post, item: Queued) -> tuple[str, int]:
    """Return the state of an item and how many attempts it counts."""
    [row] = await post.rows(STANDING, item.information_id)
    return row["state"], row["attempts"]


async def give_back(post: Post, given: Sequence[Delivery]) -> None:
    async with transaction(post.pool) as connection:
        await delivering.give_back(connection, given)


async def test_a_claim_that_took_all_the_time_of_its_call_counts_nowhere(
    post: Post, receiver: Server, holder: Connection
) -> None:
    item = await post.enqueue()
    held = holder.transaction()
    await held.start()
    await holder.fetch(HOLD, item.information_id)

    async with post.courier(pace=SLOW):
        await until_held_up(post, by=ALL_ITS_TIME)
        await held.rollback()
        await post.until_settled([item])

    assert await post.outcomes_of(item) == ["delivered"]
    assert await standing_of(post, item) == ("delivered", 1)
    assert await post.value(FAILURES, RECEIVER) == 0
    assert put_ids(receiver) == [item.information_id]


async def test_what_was_cut_off_before_a_claim_without_a_call_is_told_once(
    post: Post, receiver: Server, holder: Connection
) -> None:
    item = await post.enqueue()
    await post.claim(lease_s=0.001)
    held = holder.transaction()
    await held.start()
    await holder.fetch(HOLD, item.information_id)

    async with post.courier(pace=SLOW):
        await until_held_up(post, by=ALL_ITS_TIME)
        await held.rollback()
        await post.until_settled([item])

    assert await post.outcomes_of(item) == ["cut_off", "delivered"]
    assert await standing_of(post, item) == ("delivered", 2)
    assert put_ids(receiver) == [item.information_id]


async def test_a_claim_for_a_receiver_whose_address_has_gone_leaves_no_attempt(
    post: Post, receiver: Server, holder: Connection
) -> None:
    item = await post.enqueue()
    held = holder.transaction()
    await held.start()
    await holder.fetch(HOLD, item.information_id)

    async with post.courier() as courier:
        await until_held_up(post, by=timedelta())
        await courier.renew(Endpoints(None, {}))
        await held.rollback()
        await until_given_back(post, item)
        await courier.renew(Endpoints(None, dict(post.endpoints)))
        courier.wake()
        await post.until_settled([item])

    assert await post.outcomes_of(item) == ["delivered"]
    assert put_ids(receiver) == [item.information_id]


@pytest.mark.usefixtures("receiver")
async def test_a_claim_that_has_gone_to_somebody_else_is_not_given_back(post: Post) -> None:
    item = await post.enqueue()
    await post.make_known(RECEIVER)
    first = await post.turn()
    await post.rows(RUN_OUT)
    second = await post.turn()

    await give_back(post, first.deliveries)

    assert [one.attempt for one in second.deliveries] == [2]
    assert await standing_of(post, item) == ("delivering", 2)
    assert await post.value("SELECT lease_until > clock_timestamp() FROM client_queues")


@pytest.mark.usefixtures("receiver")
async def test_what_a_receipt_has_settled_stays_so_when_its_claim_is_given_back(
    relay: Relay, post: Post
) -> None:
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    given = await claimed(post)
    answered = await tell(relay, item)

    await give_back(post, given)

    assert answered == (200, "delivered")
    assert await standing_of(post, item) == ("delivered", 0)
    assert [one.information_id for one in await claimed(post)] == [behind.information_id]
