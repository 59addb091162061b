"""Every proof of an item stands in its story, and the first delivery is what figures go by."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from kuntavayla.service.routes.desk import moment_at
from kuntavayla.testing import TestDatabase
from statement_relay.events import SOURCE
from statement_relay.rules.digests import digest_of
from statement_relay.workers.due import look_for_late
from tests.statement_relay.deliveries import Post, Queued
from tests.statement_relay.misbehaving import Server, always, answer, receipt_of, receiving
from tests.statement_relay.service import Relay, running_relay
from tests.statement_relay.test_due import PATIENCE
from tests.statement_relay.test_notes import sent
from tests.statement_relay.test_resent import deliver, list_of_day, send_again, tell

Json = Any
OTHER_DIGEST = "sha-256=:sYeJEFtmTMiW0M0w44BXBdRqcuFyjaZ6ZJc63a3b8Y0=:"
RECEIVED_AT = "2021-03-24T11:40:05Z"
LATER_AT = "2021-03-24T12:40:05Z"
DUE_AT = "SELECT deliver_by_at FROM information"


async def story_of(relay: Relay, item: Queued) -> Json:
    told = await relay.case_system().get(f"/information/{item.information_id}")
    assert told.status_code == 200, told.text
    return told.json()


async def deliver_again(relay: Relay, post: Post, item: Queued, *, at: datetime) -> None:
    """Have the receiver lose an item, and take it again at an instant."""
    await list_of_day(relay)
    relay.clock.now = post.now = at
    await send_again(relay, count=1)
    await deliver(post, item)


async def look(post: Post) -> int:
    return await look_for_late(
        post.pool, patience=PATIENCE, moment=lambda: moment_at(post.clock, source=SOURCE)
    )


async def test_a_second_receipt_stands_beside_the_first(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    await deliver(post, item)
    digest = digest_of(item.body)
    heard = receiver.heard[0]
    again = receipt_of(heard, receipt_id="R-2", received_at=LATER_AT)
    receiver.behaviour = always(answer(201, again))
    await deliver_again(relay, post, item, at=post.now + timedelta(hours=1))

    story = await story_of(relay, item)

    assert [one["receipt"] for one in story["attempts"]] == [
        {"receipt_id": "R-1", "received_at": RECEIVED_AT, "digest": digest},
        {"receipt_id": "R-2", "received_at": LATER_AT, "digest": digest},
    ]
    assert story["receipt"]["receipt_id"] == "R-2"
    assert story["receipt"]["request_id"] == story["attempts"][1]["request_id"]


async def test_a_receipt_of_other_bytes_stands_beside_its_attempt(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    foreign = b'{"receipt_id":"R-9","received_at":"%s","digest":"%s"}'
    told = foreign % (RECEIVED_AT.encode(), OTHER_DIGEST.encode())
    receiver.behaviour = always(answer(201, told))
    await deliver(post, item)

    [attempt] = (await story_of(relay, item))["attempts"]

    assert attempt["outcome"] == "receipt_digest_differs"
    assert attempt["receipt"] == {
        "receipt_id": "R-9",
        "received_at": RECEIVED_AT,
        "digest": OTHER_DIGEST,
    }


async def test_later_receipts_stand_in_the_notes_and_an_attempt_without_one_has_none(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    receiver.behaviour = always(answer(409))
    await deliver(post, item)
    await tell(relay, item, receipt_id="R-8", digest=OTHER_DIGEST)
    relay.clock.pass_hours(1)
    await tell(relay, item)

    story = await story_of(relay, item)

    assert [one["receipt"] for one in story["attempts"]] == [None]
    assert [(one["action"], one["receipt"]["receipt_id"]) for one in story["notes"]] == [
        ("parked", "R-8"),
        ("received", "R-7"),
    ]
    assert story["notes"][0]["receipt"]["digest"] == OTHER_DIGEST


async def test_a_later_receipt_of_what_was_sent_again_is_of_no_call(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    await deliver(post, item)
    receiver.behaviour = always(answer(202))
    await deliver_again(relay, post, item, at=post.now + timedelta(hours=1))
    await tell(relay, item, received_at=LATER_AT)

    story = await story_of(relay, item)

    assert (story["receipt"]["receipt_id"], story["receipt"]["request_id"]) == ("R-7", None)
    assert story["attempts"][0]["receipt"]["receipt_id"] == "R-1"


@pytest.mark.parametrize("is_late_at_first", [False, True], ids=["in_time", "late"])
async def test_figures_go_by_the_first_delivery_of_what_was_sent_again(
    relay_database: TestDatabase, post: Post, receiver: Server, *, is_late_at_first: bool
) -> None:
    receiver.behaviour = receiving
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        item = await sent(relay)
        due_at = await post.value(DUE_AT)
        post.now = relay.clock.now + timedelta(minutes=3)
        if is_late_at_first:
            post.now = due_at + timedelta(minutes=1)
        await deliver(post, item)
        before = await figures(relay)
        for days in (4, 5):
            await deliver_again(relay, post, item, at=due_at + timedelta(days=days))

        after = await figures(relay)

    assert after == before
    assert (after["delivered_on_time"], after["delivered_late"]) == (
        not is_late_at_first,
        is_late_at_first,
    )


async def figures(relay: Relay) -> Json:
    """Return what is told of March without its shares and times, which few items do not have."""
    caller = relay.caller("ely-14", "statistics.read")
    told = await caller.get("/statistics/information", params={"month": "2021-03"})
    return told.json()["items"][0]


async def test_what_was_delivered_in_time_is_not_told_late_when_it_is_sent_again(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    await deliver(post, item)
    due_at = await post.value(DUE_AT)
    receiver.behaviour = always(answer(409))
    await deliver_again(relay, post, item, at=due_at + timedelta(days=1))

    assert await post.state_of(item) == ("parked", "other_content")
    assert await look(post) == 0
    assert (await story_of(relay, item))["flags"] == []


async def test_what_was_never_delivered_is_told_late(
    relay: Relay, post: Post, receiver: Server
) -> None:
    item = await sent(relay)
    receiver.behaviour = always(answer(409))
    await deliver(post, item)
    post.now = await post.value(DUE_AT) + timedelta(days=1)

    assert await look(post) == 2
    assert (await story_of(relay, item))["flags"] == ["delayed", "overdue"]
