from datetime import timedelta
from typing import Any

import pytest

from tests.builders import another_person
from tests.routing_api.service import DAY_ONE, OPERATOR_SCOPES, Routing
from tests.served import Json

ACTING = {"official_id": "operator:u-1", "role": "operator"}
PAUSE = {"reason": "its system is being renewed", "acting_official": ACTING}
RESUME = {"acting_official": ACTING}
UNTIL = (DAY_ONE + timedelta(minutes=2)).isoformat()


async def paused(routing: Routing, recipient: str = "cs-sotkamo", **changes: object) -> Json:
    answer = await routing.operator.post(f"/recipients/{recipient}:pause", {**PAUSE, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def standing(routing: Routing, recipient: str = "cs-sotkamo") -> Json:
    answer = await routing.operator.get("/recipients")
    assert answer.status_code == 200, answer.text
    return next(item for item in answer.json()["items"] if item["recipient"] == recipient)


@pytest.mark.parametrize("act", ["pause", "resume"])
async def test_only_operators_pause_and_resume(refusing: Routing, act: str) -> None:
    caller = refusing.caller("cs-sotkamo", *OPERATOR_SCOPES)
    auditor = {**RESUME, "acting_official": {"official_id": "auditor:u-1", "role": "auditor"}}
    body = auditor if act == "resume" else {**auditor, "reason": "x"}

    kind = await caller.post(f"/recipients/cs-sotkamo:{act}", {})
    nobody = await refusing.operator.post(
        f"/recipients/cs-sotkamo:{act}", {} if act == "resume" else {"reason": "x"}
    )
    role = await refusing.operator.post(f"/recipients/cs-sotkamo:{act}", body)
    unknown = await refusing.operator.post(
        f"/recipients/cs-nowhere:{act}", RESUME if act == "resume" else PAUSE
    )

    answers = (kind, nobody, role, unknown)
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "caller_kind_refused"),
        (400, "acting_official_missing"),
        (403, "official_role_refused"),
        (404, "recipient_not_found"),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"until": DAY_ONE.isoformat()}, "/until", "until_has_passed"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "/until", "instant_out_of_calendar"),
        ({"until": "tomorrow"}, "/until", "instant_malformed"),
        ({"reason": ""}, "/reason", "too_short"),
        ({"reason": "of 240587-921N"}, "/reason", "reference_holds_identity_code"),
        ({"hours": 3}, "/hours", "unknown_field"),
    ],
    ids=["now", "no such day", "no instant", "no reason", "identity code", "unknown field"],
)
async def test_a_pause_with_faults_is_refused(
    refusing: Routing, changes: dict[str, Any], *, pointer: str, code: str
) -> None:
    answer = await refusing.operator.post("/recipients/cs-sotkamo:pause", {**PAUSE, **changes})

    [error] = answer.json()["errors"]
    assert answer.status_code == 422
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_a_paused_recipients_feeds_answer_503_and_those_of_others_go_on(
    routing: Routing,
) -> None:
    await routing.office().registered(another_person())
    told = await paused(routing, until=UNTIL)

    feeds = [await routing.case_system().get(path) for path in ("/events", "/events/restricted")]
    other = await routing.case_system("cs-kajaani").get("/events")

    for feed in feeds:
        assert feed.status_code == 503
        assert feed.json()["code"] == "recipient_paused"
        assert feed.json()["is_retryable"]
        assert feed.headers["Retry-After"] == "120"
    assert other.status_code == 200
    assert told["state"] == "paused"
    assert told["pause"]["until"] == "2021-03-01T06:04:11.004000Z"
    status = (await routing.operator.get("/status")).json()
    assert status["paused_recipients"] == 1
    assert status["held_recipients"] == [
        {
            "recipient": "cs-sotkamo",
            "state": "paused",
            "paused_at": "2021-03-01T06:02:11.004000Z",
            "until": "2021-03-01T06:04:11.004000Z",
        }
    ]


async def test_a_pause_without_an_end_lets_the_reader_ask_again_every_minute(
    routing: Routing,
) -> None:
    await paused(routing)

    feed = await routing.case_system().get("/events", params={"wait": 25})

    assert (feed.status_code, feed.headers["Retry-After"]) == (503, "60")


async def test_a_resumed_recipient_reads_on_where_it_was_and_both_acts_are_on_record(
    routing: Routing,
) -> None:
    await paused(routing)
    await routing.office().registered(another_person())

    resumed = await routing.operator.post("/recipients/cs-sotkamo:resume", RESUME)
    again = await routing.operator.post("/recipients/cs-sotkamo:resume", RESUME)
    events = await routing.case_system().events()

    assert resumed.json() == {"recipient": "cs-sotkamo", "state": "open", "pause": None}
    assert again.json() == resumed.json()
    assert len(events) == 1
    lines = await routing.fetch(
        "SELECT action, official_id FROM audit WHERE action LIKE 'recipient%' ORDER BY audit_id"
    )
    assert [tuple(line) for line in lines] == [
        ("recipient.paused:cs-sotkamo", "operator:u-1"),
        ("recipient.resumed:cs-sotkamo", "operator:u-1"),
        ("recipient.resumed:cs-sotkamo", "operator:u-1"),
    ]


async def test_a_pause_is_over_when_its_end_has_come(routing: Routing) -> None:
    await paused(routing, until=UNTIL)
    routing.clock.now += timedelta(minutes=2)

    feed = await routing.case_system().get("/events")

    assert feed.status_code == 200
    assert (await standing(routing))["state"] == "open"
    assert (await routing.operator.get("/status")).json()["held_recipients"] == []


async def test_a_repeated_pause_sets_reason_and_end_anew(routing: Routing) -> None:
    await paused(routing, until=UNTIL)

    await paused(routing, reason="it takes longer")

    pause = (await standing(routing))["pause"]
    assert (pause["reason"], pause["until"]) == ("it takes longer", None)


async def test_on_the_feed_what_waits_is_counted_from_the_cursor_last_given(
    routing: Routing,
) -> None:
    await routing.office().registered(another_person())
    unknown = await standing(routing)
    first = await routing.case_system().get("/events")
    await routing.case_system().get("/events", params={"after": first.headers["Next-Cursor"]})
    await routing.office().registered(another_person())
    await routing.office().registered(another_person())

    known = await standing(routing)

    assert unknown["state"] == "open"
    assert unknown["common"]["waiting_events"] is None
    assert unknown["common"]["counted_from_position"] is None
    assert known["common"]["waiting_events"] == 2
    assert known["common"]["counted_from_position"] == 2
    assert known["common"]["read_at"] == "2021-03-01T06:02:11.004000Z"
    assert known["restricted"]["newest_position"] is None
    assert (await standing(routing, "internal"))["common"]["newest_position"] == 6


async def test_the_list_has_pages_and_is_the_operators(routing: Routing) -> None:
    await paused(routing)
    await paused(routing, "cs-kajaani")

    page = (await routing.operator.get("/recipients", params={"limit": 1})).json()
    after = {"limit": 1, "after": page["next_cursor"]}
    last = (await routing.operator.get("/recipients", params=after)).json()
    malformed = await routing.operator.get("/recipients", params={"after": "ä"})
    refused = await routing.caller("cs-sotkamo", *OPERATOR_SCOPES).get("/recipients")

    assert [page["items"][0]["recipient"], last["items"][0]["recipient"]] == [
        "cs-kajaani",
        "cs-sotkamo",
    ]
    assert last["next_cursor"] is None
    assert page["transport"] == "feed"
    assert (malformed.status_code, refused.status_code) == (400, 403)
