"""docs/states.md names every change of an item's state, who brings it about, and what tells of it.

Every row of its table is brought about here; what the database then has recorded is the table.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from kuntavayla.service.routes.desk import moment_at
from statement_relay.events import SOURCE
from statement_relay.rules.deliveries import Patience
from statement_relay.rules.states import SETTLED, InformationState
from statement_relay.workers.due import look_for_late
from tests.served import Json
from tests.statement_relay.changes import Change, Recorder, recording
from tests.statement_relay.deliveries import RECEIVER, Post, Queued
from tests.statement_relay.items import STARTED, another_item, responsible
from tests.statement_relay.misbehaving import Behaviour, Server, always, answer, receiving
from tests.statement_relay.service import Relay

STATES = Path(__file__).parents[2] / "docs" / "states.md"
MUNICIPAL_SINCE = datetime(2021, 10, 5, 8, 0, tzinfo=UTC)
PATIENCE = Patience(unknown=timedelta(hours=24), receipt_working_days=3, receipt_at=time(8))
OTHER_DIGEST = "sha-256=:sYeJEFtmTMiW0M0w44BXBdRqcuFyjaZ6ZJc63a3b8Y0=:"
OFFICIAL = {"official_id": "keha:op-1", "role": "operator"}
WHY = {"reason": "Sovittu TE-toimiston kanssa", "acting_official": OFFICIAL}
PROMISING, PARKING, WAITING, REJECTING = (always(answer(status)) for status in (202, 409, 423, 422))
DIGEST = "SELECT digest FROM information WHERE information_id = $1"
DAY = """
SELECT (received_at AT TIME ZONE 'Europe/Helsinki')::date::text FROM information
WHERE information_id = $1
"""
NEVER = "-"


class Stage:
    """A relay, its receiver, and everybody who changes the state of an item."""

    def __init__(self, relay: Relay, post: Post, *, receiver: Server, recorder: Recorder) -> None:
        self.relay = relay
        self.post = post
        self.receiver = receiver
        self.by = recorder.by
        self.recorded = recorder.recorded

    async def sent(self, *, client_id: str | None = None, **changes: Json) -> Queued:
        """Have a case system send an item about a client who is known."""
        known = client_id or self.post.new_id()
        await self.relay.learn(responsible(known))
        return await self.sent_unknown(known, **changes)

    async def sent_unknown(self, client_id: str | None = None, **changes: Json) -> Queued:
        """Have a case system send an item about a client of whom nobody has said anything."""
        client_id = client_id or self.post.new_id()
        async with self.by("case system"):
            told = await self.relay.case_system().sent(another_item(client_id=client_id, **changes))
        return Queued(told["information_id"], client_id, b"")

    async def withdrawn(self, item: Queued) -> None:
        async with self.by("case system"):
            answered = await self.relay.case_system().withdraw(
                item.information_id, self.post.new_id()
            )
        assert answered.status_code == httpx.codes.CREATED, answered.text

    async def corrected(self, item: Queued) -> Queued:
        correction = another_item(client_id=item.client_id)
        async with self.by("case system"):
            answered = await self.relay.case_system().correct(item.information_id, correction)
        assert answered.status_code == httpx.codes.CREATED, answered.text
        return Queued(answered.json()["information_id"], item.client_id, b"")

    async def learned(self, client_id: str, **changes: Json) -> None:
        async with self.by("routing-api"):
            await self.relay.learn(responsible(client_id, **changes))

    async def called(self, item: Queued, behaviour: Behaviour) -> None:
        """Have a courier put an item to a receiver that behaves so."""
        self.receiver.behaviour = behaviour
        async with self.by("courier"), self.post.courier():
            await self.post.until_attempted(item)

    async def settled(self, items: Sequence[Queued], behaviour: Behaviour) -> None:
        """Have a courier put items to a receiver that behaves so, until it need not any more."""
        self.receiver.behaviour = behaviour
        async with self.by("courier"), self.post.courier():
            await self.post.until_settled(items)

    async def held(self, *, lease_s: float = 60.0) -> Queued:
        """Return an item that a courier has taken, and then went away."""
        item = await self.sent()
        async with self.by("courier"):
            await self.post.claim(lease_s=lease_s)
        return item

    async def time_passed(self, by: timedelta) -> None:
        """Let the clock look for what is late by then."""
        at = self.post.clock() + by
        async with self.by("clock"):
            await look_for_late(
                self.post.pool,
                patience=PATIENCE,
                moment=lambda: moment_at(lambda: at, source=SOURCE),
            )

    async def told(self, item: Queued, **changes: Json) -> None:
        """Have the TE office tell by a call of its own that it has an item."""
        told = {
            "information_id": item.information_id,
            "digest": await self.post.value(DIGEST, item.information_id),
            "result": "received",
            "receipt_id": "R-7",
            "received_at": "2021-10-05T08:00:00Z",
        }
        office = self.relay.caller(RECEIVER, "receipts.write")
        async with self.by("TE office"):
            answered = await office.post("/receipts", {**told, **changes})
        assert answered.status_code == httpx.codes.OK, answered.text

    async def told_rejected(self, item: Queued) -> None:
        digest = await self.post.value(DIGEST, item.information_id)
        told = {"result": "rejected", "code": "facts_contradict", "digest": digest}
        office = self.relay.caller(RECEIVER, "receipts.write")
        async with self.by("TE office"):
            answered = await office.post(
                "/receipts", {"information_id": item.information_id, **told}
            )
        assert answered.status_code == httpx.codes.OK, answered.text

    async def repaired(self, item: Queued, verb: str) -> None:
        operator = self.relay.caller("operator", "deliveries.read", "deliveries.write")
        async with self.by("operator"):
            answered = await operator.post(f"/deliveries/{item.information_id}:{verb}", WHY)
        assert answered.status_code == httpx.codes.OK, answered.text

    async def lost(self, item: Queued) -> None:
        """Have a receiver list nothing of the day of an item, and an operator send that again."""
        day = await self.post.value(DAY, item.information_id)
        scopes = ("reconciliations.write", "reconciliations.read")
        self.relay.end_day()
        listed = await self.relay.caller(RECEIVER, *scopes).post(
            "/reconciliations",
            b"",
            params={"day": day, "count": 0},
            headers={"Content-Type": "application/x-ndjson"},
        )
        body = {"receiver_id": RECEIVER, "expected_count": len(listed.json()["differences"]), **WHY}
        operator = self.relay.caller("operator", "deliveries.write")
        async with self.by("operator"):
            answered = await operator.post(f"/reconciliations/{day}:resend", body)
        assert answered.status_code == httpx.codes.OK, answered.text


@pytest.fixture
async def stage(relay: Relay, post: Post, receiver: Server) -> AsyncIterator[Stage]:
    relay.clock.now = post.now = MUNICIPAL_SINCE
    async with recording(relay.database) as recorder:
        yield Stage(relay, post, receiver=receiver, recorder=recorder)


async def accept_and_withdraw(stage: Stage) -> None:
    await stage.sent(**STARTED)
    await stage.sent_unknown(**STARTED)
    await stage.withdrawn(await stage.sent())
    await stage.withdrawn(await stage.sent_unknown())


async def let_clients_become_known(stage: Stage) -> None:
    await stage.learned((await stage.sent_unknown()).client_id)
    await stage.learned((await stage.sent_unknown()).client_id, authority="te_office")
    await stage.sent_unknown()
    await stage.time_passed(timedelta(hours=25))


async def answer_in_every_way(stage: Stage) -> None:
    for behaviour in (receiving, WAITING, REJECTING):
        await stage.called(await stage.sent(), behaviour)
    original = await stage.sent()
    await stage.corrected(original)
    await stage.called(original, REJECTING)
    for behaviour in (PARKING, PROMISING):
        await stage.called(await stage.sent(), behaviour)
    await stage.time_passed(timedelta(days=7))


async def tell_later_in_every_state(stage: Stage) -> None:
    tellings: list[Callable[[Queued], Awaitable[None]]] = [
        stage.told,
        stage.told_rejected,
        lambda item: stage.told(item, digest=OTHER_DIGEST),
    ]
    for tell in tellings:
        await tell(await stage.held())
        for behaviour in (WAITING, PROMISING, PARKING):
            item = await stage.sent()
            await stage.called(item, behaviour)
            await tell(item)


async def repair_in_every_state(stage: Stage) -> None:
    for verb in ("retry", "skip"):
        await stage.repaired(await stage.held(lease_s=0.001), verb)
        for behaviour in (PROMISING, PARKING):
            item = await stage.sent()
            await stage.called(item, behaviour)
            await stage.repaired(item, verb)
    await stage.repaired(await stage.sent(), "skip")
    skipped = await stage.sent()
    await stage.called(skipped, PARKING)
    await stage.repaired(skipped, "skip")
    await stage.told(skipped)


async def send_again_what_was_lost(stage: Stage) -> None:
    """Have a receiver lose what it has, with a correction waiting behind it, each way it may end.

    What is sent again may be rejected with its correction, or be taken and the correction after it.
    """
    for behaviour in (REJECTING, receiving):
        item = await stage.sent()
        await stage.called(item, receiving)
        correction = await stage.corrected(item)
        await stage.lost(item)
        await stage.settled([item, correction], behaviour)
        rejected = "original_rejected" if behaviour is REJECTING else None
        assert (await stage.post.state_of(correction))[1] == rejected


def documented() -> dict[Change, set[tuple[str, ...]]]:
    """Return the table: each change, and the events that tell of it."""
    section = STATES.read_text(encoding="utf-8").split("## Item of information", 1)[1]
    table = section[section.index("| from |") :].split("\n\n", 1)[0]
    lines = table.splitlines()[2:]
    changes: dict[Change, set[tuple[str, ...]]] = {}
    for line in lines:
        was, is_now, who, _, told = (cell.strip() for cell in line.strip("|").split("|"))
        events = () if told == NEVER else tuple(re.findall(r"`(.+?)`", told))
        for state in was.replace("`", "").split(", "):
            change = Change(state, is_now.strip("`"), who)
            assert changes.setdefault(change, {events}) == {events}, f"{change} is told twice"
    return changes


async def test_every_change_of_state_is_brought_about_told_and_documented(stage: Stage) -> None:
    await accept_and_withdraw(stage)
    await let_clients_become_known(stage)
    await answer_in_every_way(stage)
    await tell_later_in_every_state(stage)
    await repair_in_every_state(stage)
    await send_again_what_was_lost(stage)

    assert await stage.recorded() == documented()


def test_every_state_is_documented_and_those_are_final_that_nothing_comes_after() -> None:
    changes: dict[Change, Any] = documented()
    final = {change.is_now for change in changes} - {change.was for change in changes}

    assert {change.is_now for change in changes} == set(get_args(InformationState))
    assert final == SETTLED - {"delivered", "rejected"}
