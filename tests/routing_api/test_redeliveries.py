import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from kuntavayla.feed import parse_cursor
from tests.builders import a_registration, another_person
from tests.routing_api.service import CASE_SYSTEM_SCOPES, Caller, Routing

ACTING = {"official_id": "operator:u-1", "role": "operator"}
WHOLE = {"recipient": "cs-sotkamo", "after": "earliest", "reason": "lost by the reader"}
BODY = {**WHOLE, "acting_official": ACTING}
UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"


async def redelivered(caller: Caller, *, key: str = "key-1", **changes: object) -> httpx.Response:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    return await caller.post("/redeliveries", body, headers={"Idempotency-Key": key})


async def previewed(caller: Caller, **body: object) -> httpx.Response:
    return await caller.post(
        "/redeliveries:preview", {"recipient": "cs-sotkamo", "after": "earliest", **body}
    )


async def register(routing: Routing, count: int = 3) -> None:
    for _ in range(count):
        routing.clock.tick()
        await routing.office().registered(another_person())


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"after": "nonsense"}, 400, "cursor_malformed"),
        ({"until": "nonsense"}, 400, "cursor_malformed"),
        ({"after": "MDAwMDAxLjAwMDAwMDAwMDAwMDAwMDAwOQ=="}, 410, "cursor_expired"),
        ({"recipient": "cs-nowhere"}, 404, "recipient_not_found"),
        ({"after": None}, 422, "after_or_event_ids"),
        ({"event_ids": [UNKNOWN]}, 422, "after_or_event_ids"),
        ({"after": None, "event_ids": [UNKNOWN], "until": "now"}, 422, "until_without_after"),
        ({"after": None, "event_ids": []}, 422, "too_few_items"),
        ({"after": None, "event_ids": ["x"]}, 422, "id_malformed"),
        ({"recipient": "Cs Sotkamo"}, 422, "recipient_malformed"),
        ({"reason": "of 240587-921N"}, 422, "reference_holds_identity_code"),
        ({"expected_count": -1}, 422, "too_small"),
        ({"expected_count": 1}, 409, "event_count_differs"),
        ({"acting_official": None}, 400, "acting_official_missing"),
        (
            {"acting_official": {"official_id": "a:u-1", "role": "auditor"}},
            403,
            "official_role_refused",
        ),
    ],
)
async def test_what_can_not_be_sent_again_is_refused(
    refusing: Routing, changes: dict[str, Any], status: int, *, code: str
) -> None:
    answer = await redelivered(refusing.operator, **changes)

    problem = answer.json()
    codes = [problem["code"], *(error["code"] for error in problem.get("errors", ()))]
    assert answer.status_code == status
    assert code in codes
    assert await refusing.count("outbox_redeliveries") == 0


async def test_without_a_key_nothing_is_sent(refusing: Routing) -> None:
    answer = await refusing.operator.post("/redeliveries", BODY)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_the_same_events_come_once_more_with_their_ids_and_bytes(routing: Routing) -> None:
    await register(routing)
    before = await routing.case_system().events()

    preview = await previewed(routing.operator)
    answer = await redelivered(routing.operator, expected_count=3)
    replay = await redelivered(routing.operator, expected_count=3)
    reused = await redelivered(routing.operator, reason="another")

    after = await routing.case_system().events()
    told = answer.json()
    again = await routing.case_system().events(after=told["after"])
    assert preview.json() == {"recipient": "cs-sotkamo", "event_count": 3, "events_max": 10_000}
    assert answer.status_code == 201
    assert told["event_count"] == 3
    assert (replay.status_code, replay.json()) == (201, told)
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert reused.json()["code"] == "idempotency_key_reused"
    assert after[:3] == before
    assert after[3:] == again
    assert [event.pop("redeliveryid") for event in again] == [told["redelivery_id"]] * 3
    assert again == before


async def test_the_bytes_are_those_of_the_first_time_but_for_the_last_member(
    routing: Routing,
) -> None:
    await register(routing, 1)
    told = (await redelivered(routing.operator)).json()

    [first, again] = await routing.fetch(
        "SELECT body FROM outbox WHERE recipient = 'cs-sotkamo' ORDER BY position"
    )

    mark = b',"redeliveryid":"%s"}' % told["redelivery_id"].encode()
    assert again["body"] == first["body"][:-1] + mark


async def test_events_are_chosen_by_cursors_or_by_ids_and_never_twice(routing: Routing) -> None:
    await register(routing, 1)
    page = await routing.case_system().get("/events")
    middle = page.headers["Next-Cursor"]
    await register(routing, 2)
    events = await routing.case_system().events()
    ids = [event["id"] for event in events]
    await redelivered(routing.operator, key="key-0")

    counts = [
        (await previewed(routing.operator, **chosen)).json()["event_count"]
        for chosen in (
            {},
            {"after": middle},
            {"until": middle},
            {"after": middle, "until": middle},
        )
    ]
    by_id = {"recipient": "cs-sotkamo", "event_ids": [ids[0], ids[2], UNKNOWN]}
    some = await routing.operator.post("/redeliveries:preview", by_id)
    await redelivered(routing.operator, after=None, event_ids=by_id["event_ids"])

    after = await routing.case_system().events()
    assert counts == [3, 2, 1, 0]
    assert some.json()["event_count"] == 2
    assert [event["id"] for event in after] == [*ids, *ids, ids[0], ids[2]]


async def test_a_recipient_asks_for_itself_alone(routing: Routing) -> None:
    await register(routing)
    caseworker = {"official_id": "u-1", "role": "caseworker", "municipality_code": "765"}

    own = await redelivered(routing.case_system(), acting_official=caseworker)
    other = await redelivered(
        routing.case_system(), recipient="cs-kajaani", acting_official=caseworker
    )
    nobody = await routing.caller("auditor", *CASE_SYSTEM_SCOPES).post(
        "/redeliveries:preview", {"recipient": "cs-sotkamo", "after": "earliest"}
    )

    assert (own.status_code, own.json()["event_count"]) == (201, 3)
    assert (other.status_code, other.json()["code"]) == (404, "recipient_not_found")
    assert (nobody.status_code, nobody.json()["code"]) == (403, "caller_kind_refused")


async def test_restricted_events_stay_in_their_feed_and_need_the_scope(routing: Routing) -> None:
    await routing.office().registered(a_registration(person__has_security_ban=True))
    scopes = [scope for scope in CASE_SYSTEM_SCOPES if scope != "events.restricted"]
    before = await routing.case_system().events(channel="restricted")

    without = await previewed(routing.caller("cs-sotkamo", *scopes))
    await redelivered(routing.operator)

    restricted = await routing.case_system().events(channel="restricted")
    assert without.json()["event_count"] == 0
    assert [event["id"] for event in restricted] == [before[0]["id"]] * 2
    assert await routing.case_system().events() == []


async def test_more_than_one_redelivery_sends_is_refused_and_counted_no_further(
    routing: Routing,
) -> None:
    await routing.fetch(
        "INSERT INTO outbox (position, epoch, event_id, recipient, channel, subject, body)"
        " SELECT n, 1, gen_random_uuid(), 'cs-sotkamo', 'common', gen_random_uuid(), '{}'"
        " FROM generate_series(1, 10002) AS n"
    )
    await routing.fetch("UPDATE outbox_head SET position = 10002")

    preview = await previewed(routing.operator)
    answer = await redelivered(routing.operator)

    assert preview.json()["event_count"] == 10_001
    assert (answer.status_code, answer.json()["code"]) == (409, "redelivery_too_large")
    assert await routing.count("outbox") == 10_002


async def test_a_redelivery_is_on_record_with_its_reason(routing: Routing) -> None:
    await register(routing, 1)
    told = (await redelivered(routing.operator)).json()
    await previewed(routing.operator)

    lines = await routing.fetch(
        "SELECT action, resource_id::text, official_id FROM audit"
        " WHERE action LIKE 'redelivery%' ORDER BY audit_id"
    )
    [row] = await routing.fetch("SELECT * FROM outbox_redeliveries")

    assert [tuple(line) for line in lines] == [
        ("redelivery.requested:cs-sotkamo", told["redelivery_id"], "operator:u-1"),
        ("redelivery.previewed", None, None),
    ]
    assert row["reason"] == WHOLE["reason"]
    assert row["behind_position"] == parse_cursor(told["after"]).position


async def test_a_redelivered_event_wakes_a_waiting_reader(routing: Routing) -> None:
    await register(routing, 1)
    page = await routing.case_system().get("/events")
    waiting = routing.case_system().get(
        "/events", params={"after": page.headers["Next-Cursor"], "wait": 25}
    )

    _, answer = await asyncio.gather(redelivered(routing.operator), waiting)

    [event] = msgspec.json.decode(answer.content)
    assert event["redeliveryid"]
