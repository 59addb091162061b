"""Every call that was begun stands in its item's story, also where its courier was killed.

A courier that is killed in a call is a claim that nobody settles: what follows goes by the
database alone.
"""

from collections.abc import Callable

import pytest

from kuntavayla.database import transaction
from kuntavayla.service.moments import Call
from kuntavayla.service.routes.desk import moment_at
from statement_relay.events import SOURCE
from statement_relay.operations import receipts
from statement_relay.rules.answers import Answer, Verdict
from statement_relay.rules.deliveries import LateReceipt
from statement_relay.rules.digests import digest_of
from tests.served import Json
from tests.statement_relay.asking import asker_of
from tests.statement_relay.deliveries import RECEIVER, Post, Queued, put_ids
from tests.statement_relay.misbehaving import Server
from tests.statement_relay.saying import WHY, receipt_told
from tests.statement_relay.service import TRACE, Relay
from tests.statement_relay.test_delivering_turns import RUN_OUT
from tests.statement_relay.test_receipts import rejection_of
from tests.statement_relay.test_relay_asking import DAY, holding, line
from tests.statement_relay.test_resent import claimed, ended, list_of_day, send_again, tell

REST = """
SELECT next_attempt_at IS NULL AND lease_token IS NULL AS is_at_rest, is_blocked FROM client_queues
"""
CALLS = """
SELECT information_id::text, attempt, outcome, request_id, status, started_at <= ended_at AS ended
FROM delivery_attempts ORDER BY information_id, attempt
"""
OTHER_DIGEST = digest_of(b"other bytes")
FAILED = Verdict("wait", "receiver_failed", is_receivers_fault=True)


async def lease_ends(post: Post) -> None:
    """Let the leases run out, and somebody look for what is due."""
    await post.rows(RUN_OUT)
    await post.turn()


async def told_by_list(post: Post, receiver: Server, item: Queued) -> None:
    """Have the receiver's own list prove an item."""
    receiver.behaviour = holding(line(item))
    call = Call(organisation="operator", request_id=post.new_id(), traceparent=TRACE)
    await asker_of(post).ask(RECEIVER, DAY, call=call)


@pytest.mark.parametrize("is_by_list", [False, True], ids=["by_receipt", "by_list"])
async def test_a_call_of_a_killed_courier_stands_in_the_story_though_a_receipt_came(
    relay: Relay, post: Post, receiver: Server, *, is_by_list: bool
) -> None:
    item = await post.enqueue()
    [killed] = await claimed(post)

    if is_by_list:
        await told_by_list(post, receiver, item)
    else:
        await tell(relay, item)
    meanwhile = await post.outcomes_of(item)
    await lease_ends(post)

    assert await post.state_of(item) == ("delivered", None)
    assert meanwhile == []
    assert [dict(row) for row in await post.rows(CALLS)] == [
        {
            "information_id": item.information_id,
            "attempt": 1,
            "outcome": "cut_off",
            "request_id": killed.lease_token,
            "status": None,
            "ended": True,
        }
    ]
    assert [tuple(row) for row in await post.rows(REST)] == [(True, False)]


@pytest.mark.parametrize(
    ("of_item", "state"), [(receipt_told, "delivered"), (rejection_of, "rejected")]
)
async def test_the_row_is_that_of_the_call_and_not_of_what_stands_behind_it(
    relay: Relay, post: Post, receiver: Server, *, of_item: Callable[[Queued], Json], state: str
) -> None:
    item = await post.enqueue()
    behind = await post.enqueue(client_id=item.client_id)
    await claimed(post)

    told = await relay.caller(RECEIVER, "receipts.write").post("/receipts", of_item(item))
    await post.rows(RUN_OUT)
    async with post.courier():
        await post.until_settled([behind])

    assert told.json()["state"] == state
    assert await post.outcomes_of(item) == ["cut_off"]
    assert await post.outcomes_of(behind) == ["delivered"]
    assert put_ids(receiver) == [behind.information_id]


async def test_the_call_of_what_a_receipt_parked_stands_in_the_story_before_a_human_comes(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await claimed(post)

    parked = await tell(relay, item, digest=OTHER_DIGEST)
    await lease_ends(post)
    rest = [tuple(row) for row in await post.rows(REST)]
    before_repair = await post.outcomes_of(item)
    operator = relay.caller("operator", "deliveries.write")
    await operator.post(f"/deliveries/{item.information_id}:retry", WHY)
    async with post.courier():
        await post.until_settled([item])

    assert parked == (200, "parked")
    assert rest == [(True, True)]
    assert before_repair == ["cut_off"]
    assert await post.outcomes_of(item) == ["cut_off", "delivered"]
    assert put_ids(receiver) == [item.information_id]


@pytest.mark.usefixtures("receiver")
async def test_a_call_behind_what_is_sent_again_stands_in_the_story_when_its_lease_ends(
    relay: Relay, post: Post
) -> None:
    first = await post.enqueue()
    async with post.courier():
        await post.until_settled([first])
    await list_of_day(relay)
    second = await post.enqueue(client_id=first.client_id)
    await claimed(post)

    await send_again(relay, count=1)
    await tell(relay, second)
    await lease_ends(post)

    assert await post.outcomes_of(first) == ["delivered"]
    assert await post.outcomes_of(second) == ["cut_off"]


@pytest.mark.usefixtures("receiver")
async def test_a_courier_that_lives_says_itself_how_its_call_ended(
    relay: Relay, post: Post
) -> None:
    item = await post.enqueue()
    [under_way] = await claimed(post)

    await tell(relay, item)
    await post.settle([ended(under_way, Answer(status=500), FAILED)])
    await lease_ends(post)

    [row] = await post.rows(CALLS)
    assert await post.state_of(item) == ("delivered", None)
    assert (row["outcome"], row["status"]) == ("receiver_failed", 500)
    assert [tuple(row) for row in await post.rows(REST)] == [(True, False)]


@pytest.mark.usefixtures("receiver")
async def test_a_courier_that_settles_too_late_doubles_no_row(relay: Relay, post: Post) -> None:
    item = await post.enqueue()
    [under_way] = await claimed(post)

    await tell(relay, item)
    await lease_ends(post)
    await post.settle([ended(under_way, Answer(status=500), FAILED)])

    assert await post.state_of(item) == ("delivered", None)
    assert await post.outcomes_of(item) == ["cut_off"]


@pytest.mark.usefixtures("receiver")
async def test_a_lease_that_runs_out_while_a_receipt_is_taken_leaves_the_row(post: Post) -> None:
    item = await post.enqueue()
    await claimed(post)

    async with transaction(post.pool) as connection:
        await connection.execute(RUN_OUT)
        await receipts.take(
            connection,
            LateReceipt(
                information_id=item.information_id,
                digest=digest_of(item.body),
                receipt=None,
                code="X",
            ),
            receiver_ids=[RECEIVER],
            call=Call(organisation=RECEIVER, request_id=post.new_id(), traceparent=TRACE),
            moment=moment_at(post.clock, source=SOURCE),
        )
    await post.turn()

    assert await post.state_of(item) == ("rejected", "receipt_rejected")
    assert await post.outcomes_of(item) == ["cut_off"]
