from datetime import timedelta
from typing import Any

import pytest

from kuntavayla.events import Channel
from kuntavayla.feed import Cursor
from tests.statement_relay.announcing import announced
from tests.statement_relay.service import NOW, Relay

ACTING = {"official_id": "operator:u-1", "role": "operator"}
PAUSE = {"reason": "its system is being renewed", "acting_official": ACTING}
REDELIVERY = {
    "recipient": "cs-sotkamo",
    "after": "earliest",
    "reason": "lost by the reader",
    "acting_official": ACTING,
}


@pytest.mark.parametrize(
    ("after", "status", "code"),
    [("nonsense", 400, "cursor_malformed"), (Cursor(1, 9).text(), 410, "cursor_expired")],
    ids=["no cursor", "beyond the head"],
)
async def test_a_cursor_that_leads_nowhere_is_refused_with_a_way_on(
    relay: Relay, after: str, status: int, *, code: str
) -> None:
    answer = await relay.case_system().get("/events", params={"after": after})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert code == "cursor_malformed" or "/relay/v1/events?after=now" in problem["detail"]


async def test_everybody_reads_their_own_events_and_the_restricted_ones_apart(
    relay: Relay,
) -> None:
    await announced(relay, 2)
    await announced(relay, 1, channel=Channel.RESTRICTED)
    await announced(relay, 1, recipient="cs-kajaani")

    common = await relay.case_system().get("/events")
    restricted = await relay.case_system().get("/events/restricted")
    without = await relay.caller("cs-sotkamo", "events.read").get("/events/restricted")

    assert [event["type"] for event in common.json()] == [
        "fi.kuntavayla.information.overdue.v1"
    ] * 2
    assert {event["source"] for event in common.json()} == {"/kuntavayla/statement-relay"}
    assert len(restricted.json()) == 1
    assert (without.status_code, without.json()["code"]) == (403, "scope_missing")


async def test_our_own_services_read_what_is_internal(relay: Relay) -> None:
    await announced(relay, 1, recipient="internal")

    ledger = await relay.caller("quota-ledger", "events.read").get("/events")

    assert [event["recipient"] for event in ledger.json()] == ["internal"]


async def test_a_paused_recipient_is_answered_503_until_it_is_resumed(relay: Relay) -> None:
    await announced(relay)
    until = (NOW + timedelta(minutes=2)).isoformat()

    paused = await relay.operator.post("/recipients/cs-sotkamo:pause", {**PAUSE, "until": until})
    held = await relay.case_system().get("/events")
    listed = await relay.operator.get("/recipients")
    await relay.operator.post("/recipients/cs-sotkamo:resume", {"acting_official": ACTING})
    read = await relay.case_system().get("/events")

    assert paused.json()["state"] == "paused"
    assert (held.status_code, held.json()["code"]) == (503, "recipient_paused")
    assert held.headers["Retry-After"] == "120"
    assert [item["state"] for item in listed.json()["items"]] == ["paused"]
    assert len(read.json()) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"recipient": "cs-nowhere"}, 404, "recipient_not_found"),
        ({"after": Cursor(1, 9).text()}, 410, "cursor_expired"),
        ({"expected_count": 7}, 409, "event_count_differs"),
        ({"acting_official": None}, 400, "acting_official_missing"),
    ],
    ids=["unknown recipient", "expired", "another count", "no official"],
)
async def test_what_can_not_be_sent_again_is_refused(
    relay: Relay, changes: dict[str, Any], status: int, *, code: str
) -> None:
    headers = {"Idempotency-Key": "key-1"}

    answer = await relay.operator.post("/redeliveries", {**REDELIVERY, **changes}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await relay.count("outbox_redeliveries") == 0


async def test_the_same_events_come_once_more_with_their_ids(relay: Relay) -> None:
    await announced(relay, 3)
    before = (await relay.case_system().get("/events")).json()
    wanted = {"recipient": "cs-sotkamo", "after": "earliest"}
    headers = {"Idempotency-Key": "key-1"}

    counted = await relay.operator.post("/redeliveries:preview", wanted)
    first = await relay.operator.post("/redeliveries", REDELIVERY, headers=headers)
    repeat = await relay.operator.post("/redeliveries", REDELIVERY, headers=headers)
    after = (await relay.case_system().get("/events")).json()

    assert counted.json()["event_count"] == 3
    assert (first.status_code, repeat.json()) == (201, first.json())
    assert repeat.headers["Idempotent-Replayed"] == "true"
    assert [event["id"] for event in after] == [event["id"] for event in before] * 2
