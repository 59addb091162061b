import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest

from statement_relay.workers.reminding import remind_of_all
from tests.statement_relay.clients import CLIENT_ID, OTHER_CLIENT_ID, a_responsibility, know
from tests.statement_relay.items import another_item
from tests.statement_relay.questions import (
    OF_MUNICIPALITY,
    OF_OFFICE,
    RESTRICTED,
    SCOPES,
    UNKNOWN_ID,
    answer,
    ask,
    asked,
    events,
    office_of,
    question,
    system_of,
)
from tests.statement_relay.service import Relay


async def test_an_answer_is_told_to_the_office_that_asked(relay: Relay) -> None:
    request_id = await asked(relay)
    relay.clock.pass_hours(20)

    answered = await answer(relay, request_id)

    body = answered.json()
    assert answered.status_code == 200
    assert (body["state"], body["answer_code"]) == ("answered", "nothing_to_tell")
    assert body["answered_at"] == "2021-03-25T07:40:02Z"
    data = {
        "information_request_id": request_id,
        "client_id": CLIENT_ID,
        "answered_at": body["answered_at"],
    }
    assert await events(office_of(relay)) == [("information-request.answered", data)]


async def test_an_answer_is_told_to_the_national_sender_that_asked_and_to_the_office(
    relay: Relay,
) -> None:
    await know(relay, a_responsibility())
    national = office_of(relay, "te-national")
    question_id = (
        await national.post(
            "/information-requests",
            question(),
            headers={**OF_OFFICE, "Idempotency-Key": "k1"},
        )
    ).json()["information_request_id"]

    await answer(relay, question_id)

    for caller in (national, office_of(relay)):
        [(kind, data)] = await events(caller)
        assert (kind, data["information_request_id"]) == (
            "information-request.answered",
            question_id,
        )


async def test_an_answer_names_items_that_the_case_system_has_sent_about_the_client(
    relay: Relay,
) -> None:
    await relay.learn(a_responsibility(), a_responsibility(client_id=OTHER_CLIENT_ID))
    own = await relay.case_system().sent(another_item())
    others = await relay.case_system().sent(another_item(client_id=OTHER_CLIENT_ID))
    request_id = await asked(relay)

    refused = await answer(
        relay,
        request_id,
        answer_code="information_sent",
        information_ids=[own["information_id"], others["information_id"]],
    )
    answered = await answer(
        relay, request_id, answer_code="information_sent", information_ids=[own["information_id"]]
    )

    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/information_ids/1"]
    assert answered.json()["information_ids"] == [own["information_id"]]


async def test_the_same_answer_again_changes_nothing_and_another_is_refused(relay: Relay) -> None:
    request_id = await asked(relay)
    first = await answer(relay, request_id)
    relay.clock.tick()

    by_key = await answer(relay, request_id)
    by_content = await answer(relay, request_id, key="a2")
    other = await answer(relay, request_id, key="a3", answer_code="another_authority")

    assert by_key.json() == by_content.json() == first.json()
    assert by_key.headers["Idempotent-Replayed"] == "true"
    assert by_content.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "already_answered")
    assert len(await events(office_of(relay))) == 1


async def test_two_different_answers_at_once_are_one_answer(relay: Relay) -> None:
    request_id = await asked(relay)

    answers = await asyncio.gather(
        answer(relay, request_id, key="a1"),
        answer(relay, request_id, key="a2", answer_code="another_authority"),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await events(office_of(relay))) == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"answer_code": "information_sent"}, "/information_ids", "needed_in_answer"),
        ({"information_ids": [UNKNOWN_ID]}, "/information_ids", "not_expected_in_answer"),
        (
            {"answer_code": "information_sent", "information_ids": [UNKNOWN_ID, UNKNOWN_ID]},
            "/information_ids",
            "id_repeated",
        ),
        (
            {"answer_code": "information_sent", "information_ids": [UNKNOWN_ID]},
            "/information_ids/0",
            "information_unknown",
        ),
        ({"answer_code": "perhaps"}, "/answer_code", "value_not_listed"),
    ],
    ids=str,
)
async def test_an_answer_with_a_fault_is_refused_and_the_question_stays_open(
    relay: Relay, body: dict[str, Any], *, pointer: str, code: str
) -> None:
    request_id = await asked(relay)

    refused = await answer(relay, request_id, **body)

    assert refused.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [
        (pointer, code)
    ]
    [row] = await relay.fetch("SELECT state FROM information_requests")
    assert row["state"] == "open"
    good = await answer(relay, request_id)
    assert good.status_code == 200


@pytest.mark.parametrize("organisation", ["cs-kajaani", "te-lappi"])
async def test_a_question_of_others_is_answered_like_one_that_does_not_exist(
    relay: Relay, organisation: str
) -> None:
    request_id = await asked(relay)
    official = {
        "cs-kajaani": "kajaani:u-1; role=caseworker; municipality=205",
        "te-lappi": "lappi:v-1; role=caseworker; office=te-lappi",
    }[organisation]
    caller = relay.caller(organisation, *SCOPES)
    headers = {"Acting-Official": official}

    theirs = await caller.get(f"/information-requests/{request_id}", headers=headers)
    unknown = await caller.get(f"/information-requests/{UNKNOWN_ID}", headers=headers)
    listed = await caller.get("/information-requests", headers=headers)

    for refused in (theirs, unknown):
        assert (refused.status_code, refused.json()["code"]) == (
            404,
            "information_request_not_found",
        )
    assert listed.json() == {"items": [], "next_cursor": None}
    rows = await relay.fetch(
        "SELECT outcome, client_id::text FROM audit WHERE action = 'information-request.read'"
        " ORDER BY audit_id"
    )
    assert [tuple(row) for row in rows] == [("refused", CLIENT_ID), ("refused", None)]


async def test_a_question_of_others_is_not_answered(relay: Relay) -> None:
    request_id = await asked(relay)
    headers = {
        "Acting-Official": "kajaani:u-1; role=caseworker; municipality=205",
        "Idempotency-Key": "a1",
    }

    refused = await system_of(relay, "cs-kajaani").post(
        f"/information-requests/{request_id}:answer",
        {"answer_code": "nothing_to_tell"},
        headers=headers,
    )

    assert (refused.status_code, refused.json()["code"]) == (404, "information_request_not_found")


async def test_questions_are_listed_page_by_page_to_both_sides(relay: Relay) -> None:
    first = await asked(relay)
    relay.clock.tick()
    second = await asked(relay, key="k2", reference="TE-KAI-2021-0045")
    await answer(relay, first)

    for caller, headers in (
        (office_of(relay), OF_OFFICE),
        (system_of(relay), OF_MUNICIPALITY),
        (relay.caller("operator", *SCOPES), {"Acting-Official": "op-1; role=operator"}),
    ):
        page = (
            await caller.get("/information-requests", params={"limit": 1}, headers=headers)
        ).json()
        rest = await caller.get(
            "/information-requests", params={"after": page["next_cursor"]}, headers=headers
        )
        still_open = await caller.get(
            "/information-requests", params={"state": "open"}, headers=headers
        )
        assert [item["information_request_id"] for item in page["items"]] == [first]
        assert [item["information_request_id"] for item in rest.json()["items"]] == [second]
        assert [item["information_request_id"] for item in still_open.json()["items"]] == [second]


async def test_a_question_is_reminded_of_and_overdue_each_once(relay: Relay) -> None:
    request_id = await asked(relay)
    moment = relay.app.state.desk.moment
    pool = relay.app.state.desk.pool

    relay.clock.now = datetime(2021, 3, 26, 14, 14, 59, tzinfo=UTC)
    assert await remind_of_all(pool, moment=moment) == 0
    relay.clock.now = datetime(2021, 3, 26, 14, 15, tzinfo=UTC)
    assert await remind_of_all(pool, moment=moment) == 1
    assert await remind_of_all(pool, moment=moment) == 0
    relay.clock.now = datetime(2021, 3, 29, 13, 15, tzinfo=UTC)
    assert await remind_of_all(pool, moment=moment) == 1
    assert await remind_of_all(pool, moment=moment) == 0

    told = await events(system_of(relay))
    assert [name for name, _ in told] == [
        "information-request.received",
        "information-request.reminded",
        "information-request.overdue",
    ]
    assert all(data["information_request_id"] == request_id for _, data in told)
    overdue = await office_of(relay).get(
        "/information-requests", params={"flag": "overdue"}, headers=OF_OFFICE
    )
    [item] = overdue.json()["items"]
    assert (item["information_request_id"], item["is_overdue"]) == (request_id, True)
    assert item["reminded_at"] == "2021-03-26T14:15:00Z"


async def test_an_answered_question_is_not_reminded_of(relay: Relay) -> None:
    request_id = await asked(relay)
    await answer(relay, request_id)
    relay.clock.now = datetime(2021, 4, 30, 12, 0, tzinfo=UTC)

    desk = relay.app.state.desk
    assert await remind_of_all(desk.pool, moment=desk.moment) == 0
    overdue = await office_of(relay).get(
        "/information-requests", params={"flag": "overdue"}, headers=OF_OFFICE
    )
    assert overdue.json()["items"] == []


async def test_after_a_long_silence_only_the_overdue_is_told(relay: Relay) -> None:
    await asked(relay)
    relay.clock.now = datetime(2021, 4, 30, 12, 0, tzinfo=UTC)
    desk = relay.app.state.desk

    await asyncio.gather(*(remind_of_all(desk.pool, moment=desk.moment) for _ in range(4)))

    assert [name for name, _ in await events(system_of(relay))] == [
        "information-request.received",
        "information-request.overdue",
    ]


async def test_a_security_ban_set_later_hides_the_question_from_the_common_feed_and_lists(
    relay: Relay,
) -> None:
    request_id = await asked(relay)
    banned = a_responsibility(version=2, since=date(2021, 3, 24), is_restricted=True)
    await know(relay, banned)
    desk = relay.app.state.desk
    relay.clock.now = datetime(2021, 3, 26, 14, 15, tzinfo=UTC)
    await remind_of_all(desk.pool, moment=desk.moment)

    plain = await system_of(relay).get("/information-requests", headers=OF_MUNICIPALITY)
    hidden = await system_of(relay).get(
        f"/information-requests/{request_id}", headers=OF_MUNICIPALITY
    )
    trusted = system_of(relay, scopes=RESTRICTED)
    seen = await trusted.get("/information-requests", headers=OF_MUNICIPALITY)

    assert plain.json()["items"] == []
    assert hidden.status_code == 404
    assert [item["information_request_id"] for item in seen.json()["items"]] == [request_id]
    assert [name for name, _ in await events(trusted)] == ["information-request.received"]
    restricted = await events(trusted, "/events/restricted")
    assert [name for name, _ in restricted] == ["information-request.reminded"]


async def test_no_event_holds_the_question(relay: Relay) -> None:
    request_id = await asked(relay)
    await answer(relay, request_id)

    for caller in (system_of(relay), office_of(relay)):
        feed = await caller.get("/events", params={"after": "earliest"})
        assert request_id in feed.text
        assert not any(word in feed.text for word in ("keskeytyi", "SERVICE", "nothing_to_tell"))


async def test_what_is_known_of_another_client_answers_nothing(relay: Relay) -> None:
    await know(relay, a_responsibility(client_id=OTHER_CLIENT_ID))

    refused = await ask(relay)

    assert refused.json()["code"] == "client_not_found"
