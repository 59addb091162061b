import asyncio
from datetime import date
from typing import Any

import pytest

from kuntavayla.values.responsibilities import Responsibility
from tests.statement_relay.clients import CLIENT_ID, a_responsibility, know
from tests.statement_relay.questions import (
    DUE_AT,
    ENDS_FIRST,
    OF_MUNICIPALITY,
    OF_OFFICE,
    ask,
    asked,
    events,
    office_of,
    question,
    system_of,
)
from tests.statement_relay.service import Relay


async def test_a_question_goes_to_who_was_responsible_on_the_first_day_of_its_period(
    relay: Relay,
) -> None:
    moved = a_responsibility(version=2, municipality="205", since=date(2021, 3, 22))
    await know(relay, a_responsibility(), moved)

    answered = await ask(relay)

    body = answered.json()
    assert answered.status_code == 201
    assert answered.headers["Location"].endswith(body["information_request_id"])
    assert (body["case_system_id"], body["municipality_code"]) == ("cs-sotkamo", "765")
    assert (body["state"], body["due_at"], body["is_overdue"]) == ("open", DUE_AT, False)
    data = {
        "information_request_id": body["information_request_id"],
        "client_id": CLIENT_ID,
        "municipality_code": "765",
        "due_at": DUE_AT,
    }
    assert await events(system_of(relay)) == [("information-request.received", data)]
    assert await events(system_of(relay, "cs-kajaani")) == []


async def test_an_office_may_give_another_number_of_working_days(relay: Relay) -> None:
    await know(relay, a_responsibility())

    answered = await ask(relay, working_days=1)

    assert answered.json()["due_at"] == "2021-03-25T14:15:00Z"
    assert answered.json()["remind_at"] == answered.json()["asked_at"]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"period": {"starts_on": "2021-03-08", "ends_on": "2021-03-07"}}, *ENDS_FIRST),
        ({"question": "Kuka on 240587-921N?"}, "/question", "text_holds_identity_code"),
        ({"reference": "TE-240587-921N"}, "/reference", "text_holds_identity_code"),
        ({"question": ""}, "/question", "too_short"),
        ({"kind": "HOLIDAY"}, "/kind", "value_not_listed"),
        ({"working_days": 0}, "/working_days", "too_small"),
        ({"working_days": 31}, "/working_days", "too_large"),
        ({"client_id": "240587-921N"}, "/client_id", "id_malformed"),
        ({"receiver": "cs-sotkamo"}, "/receiver", "unknown_field"),
    ],
    ids=str,
)
async def test_a_question_with_a_fault_is_refused_and_nothing_stored(
    relay: Relay, changes: dict[str, Any], *, pointer: str, code: str
) -> None:
    await know(relay, a_responsibility())

    refused = await ask(relay, **changes)

    assert refused.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [
        (pointer, code)
    ]
    assert await relay.count("information_requests") == 0
    assert await relay.count("outbox") == 0


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        pytest.param(None, 404, "client_not_found", id="unknown client"),
        pytest.param(
            a_responsibility(office="te-lappi"), 404, "client_not_found", id="another office's"
        ),
        pytest.param(
            a_responsibility(is_restricted=True), 404, "client_not_found", id="restricted"
        ),
        pytest.param(
            a_responsibility(municipality=None), 409, "responsible_other", id="the office's own"
        ),
        pytest.param(
            a_responsibility(since=date(2021, 3, 9)), 409, "responsible_other", id="came later"
        ),
    ],
)
async def test_a_question_that_nobody_is_to_answer_is_refused(
    relay: Relay, version: Responsibility | None, *, status: int, code: str
) -> None:
    if version is not None:
        await know(relay, version)

    refused = await ask(relay)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert await relay.count("information_requests") == 0
    assert await relay.count("idempotency_keys") == 0


async def test_a_repeated_question_is_answered_as_before_by_key_and_by_reference(
    relay: Relay,
) -> None:
    request_id = await asked(relay)

    by_key, by_reference = await ask(relay), await ask(relay, key="k2")
    later = await ask(relay, key="k2")

    for again in (by_key, by_reference, later):
        assert again.status_code == 201
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json()["information_request_id"] == request_id
    assert await relay.count("information_requests") == 1
    assert len(await events(system_of(relay))) == 1


async def test_another_question_under_the_same_key_or_reference_is_refused(relay: Relay) -> None:
    await asked(relay)

    by_key = await ask(relay, question="Oliko hän paikalla?")
    by_reference = await ask(relay, key="k2", question="Oliko hän paikalla?")

    assert (by_key.status_code, by_key.json()["code"]) == (422, "idempotency_key_reused")
    assert (by_reference.status_code, by_reference.json()["code"]) == (409, "reference_reused")


async def test_the_same_question_asked_at_once_is_one_question(relay: Relay) -> None:
    await know(relay, a_responsibility())

    answers = await asyncio.gather(*(ask(relay, key=f"k{number}") for number in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["information_request_id"] for answer in answers}) == 1
    assert await relay.count("information_requests") == 1
    assert len(await events(system_of(relay))) == 1


async def test_a_call_without_key_or_official_is_refused(relay: Relay) -> None:
    office = office_of(relay)

    without_key = await office.post("/information-requests", question(), headers=OF_OFFICE)
    without_official = await office.post(
        "/information-requests", question(), headers={"Idempotency-Key": "k1"}
    )
    unnamed = await office.get("/information-requests")

    assert without_key.json()["code"] == "idempotency_key_missing"
    assert without_official.json()["code"] == "acting_official_missing"
    assert unnamed.json()["code"] == "acting_official_missing"


async def test_only_te_offices_ask_and_only_case_systems_answer(relay: Relay) -> None:
    request_id = await asked(relay)
    path = f"/information-requests/{request_id}:answer"
    key = {"Idempotency-Key": "x1"}

    by_system = await system_of(relay).post(
        "/information-requests", question(), headers={**OF_MUNICIPALITY, **key}
    )
    by_office = await office_of(relay).post(
        path, {"answer_code": "nothing_to_tell"}, headers={**OF_OFFICE, **key}
    )

    assert (by_system.status_code, by_system.json()["code"]) == (403, "caller_kind_refused")
    assert (by_office.status_code, by_office.json()["code"]) == (403, "caller_kind_refused")
