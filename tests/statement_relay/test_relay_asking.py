"""The relay asks receivers what they took: real receivers over HTTP, however they answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kuntavayla.service.moments import Call
from kuntavayla.testing import TestDatabase
from statement_relay.errors import ReceiverListMissing, ReceiverNotFound
from statement_relay.rules.clocks import days_to_compare
from statement_relay.rules.digests import digest_of
from statement_relay.rules.reconciliations import Reconciliation
from tests.statement_relay.asking import asker_of
from tests.statement_relay.deliveries import (
    RECEIVER,
    Post,
    Queued,
    put_ids,
)
from tests.statement_relay.misbehaving import (
    Behaviour,
    Heard,
    Server,
    always,
    answer,
    cutting_off,
    endless_body,
    receipt_of,
    running,
)
from tests.statement_relay.service import TRACE, Relay, running_relay

DAY = date(2021, 3, 24)
NEXT_MORNING = datetime(2021, 3, 25, 7, 0, tzinfo=UTC)
RECEIVED_AT = "2021-03-24T11:40:05Z"
Line = dict[str, Any]


def line(item: Queued, *, digest: str | None = None, receipt_id: str = "R-1") -> Line:
    return {
        "information_id": item.information_id,
        "receipt_id": receipt_id,
        "received_at": RECEIVED_AT,
        "digest": digest or digest_of(item.body),
    }


def page(lines: Sequence[Line], *, cursor: str | None = None) -> bytes:
    return answer(200, msgspec.json.encode({"items": lines, "next_cursor": cursor}))


def holding(*lines: Line, put: bytes | None = None) -> Behaviour:
    """Take what is put, and list these lines, one a page."""

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.method == "PUT":
            writer.write(put or answer(201, receipt_of(heard)))
        else:
            place = int(heard.path.partition("after=")[2] or "0")
            more = str(place + 1) if place + 1 < len(lines) else None
            writer.write(page(lines[place : place + 1], cursor=more))
        await writer.drain()

    return behave


async def ask(post: Post, *, receiver_id: str = RECEIVER) -> Reconciliation:
    call = Call(organisation="operator", request_id=post.new_id(), traceparent=TRACE)
    return await asker_of(post).ask(receiver_id, DAY, call=call)


async def deliver(post: Post, *items: Queued) -> None:
    async with post.courier():
        await post.until_settled(items)


async def test_a_list_is_read_page_by_page_and_each_difference_found(
    post: Post, receiver: Server
) -> None:
    kept, lost, changed = [await post.enqueue() for _ in range(3)]
    await deliver(post, kept, lost, changed)
    receiver.behaviour = holding(line(kept), line(changed, digest=digest_of(b"other")))

    result = await ask(post)

    assert (result.their_count, result.our_count) == (2, 3)
    assert [(each.kind, each.information_id) for each in result.differences] == [
        ("digest_differs", changed.information_id),
        ("missing", lost.information_id),
    ]
    asked = [heard.path for heard in receiver.heard if heard.method == "GET"]
    assert asked == [
        "/statement-information?received_on=2021-03-24&limit=200",
        "/statement-information?received_on=2021-03-24&limit=200&after=1",
    ]


def spaced(length: int) -> Behaviour:
    """Answer an empty list of so many bytes: what stands between is white space."""
    first, last = page([]).partition(b"\r\n\r\n")[2].split(b":", 1)
    return always(answer(200, first + b":" + b" " * (length - len(first + last) - 1) + last))


@pytest.mark.parametrize(("length", "is_read"), [(1_048_576, True), (1_048_577, False)])
async def test_a_page_is_read_up_to_the_bound_that_the_contract_names(
    post: Post, receiver: Server, *, length: int, is_read: bool
) -> None:
    await deliver(post, await post.enqueue())
    receiver.behaviour = spaced(length)

    with contextlib.nullcontext() if is_read else pytest.raises(ReceiverListMissing):
        await ask(post)

    assert await post.value("SELECT count(*) FROM reconciliations") == int(is_read)


async def test_what_a_receiver_holds_while_we_wait_becomes_delivered_with_that_proof(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    receiver.behaviour = holding(line(item, receipt_id="R-9"), put=answer(202))
    await deliver(post, item)
    waiting = await post.state_of(item)

    first, again = await ask(post), await ask(post)

    assert waiting[0] == "awaiting_receipt"
    assert first.is_equal
    assert again.is_equal
    [row] = await post.rows("SELECT state, receipt_id, receipt_digest FROM information")
    assert tuple(row) == ("delivered", "R-9", digest_of(item.body))
    assert [kind for kind, _ in await post.events()] == ["information.delivered"]


async def test_what_was_skipped_becomes_delivered_by_the_receivers_own_list(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    receiver.behaviour = holding(line(item, receipt_id="R-9"), put=answer(409))
    await deliver(post, item)
    await post.rows(
        "UPDATE information SET state = 'rejected', state_reason = 'skipped', settled_at = now()"
    )

    result = await ask(post)

    assert result.is_equal
    [row] = await post.rows("SELECT state, receipt_id, receipt_digest FROM information")
    assert tuple(row) == ("delivered", "R-9", digest_of(item.body))


async def test_a_list_of_an_item_never_sent_proves_nothing(post: Post, receiver: Server) -> None:
    sent = await post.enqueue()
    await deliver(post, sent)
    item = await post.enqueue()
    receiver.behaviour = holding(line(sent), line(item))

    result = await ask(post)

    assert [each.kind for each in result.differences] == ["unproven"]
    assert (await post.state_of(item))[0] == "waiting"


@pytest.mark.parametrize(
    "behaviour",
    [
        cutting_off,
        endless_body,
        always(answer(503)),
        always(answer(200, b"<html>", media_type="text/html")),
        always(answer(200, b'{"items":[]}')),
        always(answer(200, b"[")),
        always(answer(302, headers=["Location: /elsewhere"])),
        always(page([], cursor="1")),
        always(
            page(
                [
                    {
                        "information_id": "01786408-ce50-7160-8999-50d836f675cc",
                        "receipt_id": "R-1",
                        "received_at": RECEIVED_AT,
                        "digest": digest_of(b"x"),
                    }
                ],
                cursor="1",
            )
        ),
    ],
    ids=[
        "cut_off",
        "too_large",
        "away",
        "html",
        "no_cursor",
        "no_json",
        "redirect",
        "empty_page_with_cursor",
        "the_same_page_for_ever",
    ],
)
async def test_what_is_no_whole_list_is_never_compared(
    post: Post, receiver: Server, behaviour: Behaviour
) -> None:
    await deliver(post, await post.enqueue())
    receiver.behaviour = behaviour

    with pytest.raises(ReceiverListMissing):
        await ask(post)

    assert await post.value("SELECT count(*) FROM reconciliations") == 0


async def test_a_receiver_that_nobody_knows_is_not_asked(post: Post, receiver: Server) -> None:
    with pytest.raises(ReceiverNotFound):
        await ask(post, receiver_id="te-nowhere")

    assert receiver.heard == []


async def test_each_day_that_is_over_is_asked_for_once_in_business_hours(
    post: Post, receiver: Server
) -> None:
    item = await post.enqueue()
    await deliver(post, item)
    receiver.behaviour = holding(line(item))
    asker = asker_of(post)

    post.now = datetime(2021, 3, 25, 5, 59, tzinfo=UTC)
    before = await asker.ask_all()
    post.now = NEXT_MORNING
    asked = [await asker.ask_all(), await asker.ask_all()]

    assert (before, asked) == (0, [1, 0])
    assert await post.value("SELECT day FROM reconciliations") == DAY
    assert put_ids(receiver)[0] == item.information_id


async def test_a_partial_list_of_the_office_does_not_keep_the_relay_from_asking(
    post: Post, receiver: Server, relay: Relay
) -> None:
    plain, restricted = await post.enqueue(), await post.enqueue(is_restricted=True)
    await deliver(post, plain, restricted)
    receiver.behaviour = holding(line(plain))
    asker = asker_of(post)
    office = relay.caller(RECEIVER, "reconciliations.write")
    sent = {"information_id": plain.information_id, "digest": digest_of(plain.body)}
    headers = {"Content-Type": "application/x-ndjson"}

    async def send_partial() -> Any:  # noqa: ANN401 - an answer in JSON
        lines, asked = msgspec.json.encode(sent), {"day": DAY.isoformat(), "count": 1}
        return (await office.post("/reconciliations", lines, params=asked, headers=headers)).json()

    relay.end_day()
    before = await send_partial()
    post.now = NEXT_MORNING
    asked = await asker.ask_all()
    after = await send_partial()
    again = await asker.ask_all()

    assert (before["is_partial"], before["is_equal"], after["is_partial"]) == (True, True, True)
    assert (asked, again) == (1, 0)
    [row] = await post.rows("SELECT is_partial, our_count, counts FROM reconciliations")
    assert (row["is_partial"], row["our_count"]) == (False, 2)
    assert msgspec.json.decode(row["counts"])["missing"] == 1


async def test_a_paused_receiver_is_left_alone_and_one_that_is_away_asked_again(
    post: Post, receiver: Server
) -> None:
    await deliver(post, await post.enqueue())
    post.now, asker = NEXT_MORNING, asker_of(post)

    await post.rows("UPDATE receivers SET is_paused = true, pause_reason = 'r', paused_by = 'op-1'")
    paused = await asker.ask_all()
    await post.rows("UPDATE receivers SET is_paused = false")
    receiver.behaviour = always(answer(503))
    away = await asker.ask_all()
    receiver.behaviour = holding()
    back = await asker.ask_all()

    assert (paused, away, back) == (0, 0, 1)


def test_after_a_weekend_the_days_since_the_last_working_day_are_compared() -> None:
    monday = datetime(2021, 3, 29, 7, 0, tzinfo=UTC)

    assert days_to_compare(monday) == [date(2021, 3, day) for day in (26, 27, 28)]
    assert days_to_compare(NEXT_MORNING) == [DAY]


@pytest.fixture
async def placed(relay_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Relay]:
    """A relay that knows where one receiver is, which holds nothing."""
    async with running(holding()) as server:
        file = tmp_path / "receivers.toml"
        file.write_text(f'[receivers.{RECEIVER}]\nurl = "{server.url}"\n', encoding="utf-8")
        async with running_relay(relay_database, receivers_file=str(file)) as relay:
            yield relay


async def test_the_operator_asks_for_a_day_that_is_over(placed: Relay) -> None:
    operator = placed.caller("operator", "reconciliations.write")
    path = f"/receivers/{RECEIVER}:reconcile"

    done = await operator.post(path, {"day": "2021-03-23"})
    today = await operator.post(path, {"day": "2021-03-24"})
    unknown = await operator.post("/receivers/te-nowhere:reconcile", {"day": "2021-03-23"})
    away = await operator.post("/receivers/te-lappi:reconcile", {"day": "2021-03-23"})
    office = placed.caller(RECEIVER, "reconciliations.write")
    by_office = await office.post(path, {"day": "2021-03-23"})

    assert (done.status_code, done.json()["is_equal"]) == (200, True)
    assert (today.status_code, today.json()["errors"][0]["code"]) == (422, "day_not_over")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "receiver_not_found")
    assert (away.status_code, away.json()["code"]) == (503, "receiver_list_missing")
    assert (by_office.status_code, by_office.json()["code"]) == (403, "caller_kind_refused")
