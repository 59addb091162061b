import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest
from httpx import Response

from kuntavayla.values.responsibilities import Responsibility
from tests.served import Json
from tests.statement_relay.clients import CLIENT_ID, a_responsibility, know
from tests.statement_relay.items import another_item
from tests.statement_relay.service import Caller, Relay

UNKNOWN_ID = "01786408-ce50-7160-8999-50d836f675cc"
OF_OFFICE = {"Acting-Official": "kainuu:v-17; role=decider; office=te-kainuu"}
OF_SOTKAMO = {"Acting-Official": "sotkamo:u-1042; role=caseworker; municipality=765"}
OF_KAJAANI = {"Acting-Official": "kajaani:u-1; role=caseworker; municipality=205"}
READING = ("statements.read", "events.read")


def statement(**changes: Json) -> dict[str, Any]:
    return {
        "reference": "TE-LAU-2021-1188",
        "client_id": CLIENT_ID,
        "kind": "JOB_OFFER_NOT_APPLIED",
        "period": {"starts_on": "2021-03-22", "ends_on": "2021-06-19"},
        "outcome_code": "waiting_period",
        "given_on": "2021-03-24",
        **changes,
    }


async def give(relay: Relay, *, key: str = "k1", **changes: Json) -> Response:
    headers = {**OF_OFFICE, "Idempotency-Key": key}
    office = relay.caller("te-kainuu", "statements.write")
    return await office.post("/statements", statement(**changes), headers=headers)


async def given(relay: Relay) -> str:
    """Give a statement on a client of Sotkamo, and return its id."""
    await know(relay, a_responsibility())
    answer = await give(relay)
    assert answer.status_code == 201, answer.text
    statement_id: str = answer.json()["statement_id"]
    return statement_id


async def events(caller: Caller, feed: str = "/events") -> list[Any]:
    found = await caller.get(feed, params={"after": "earliest"})
    events: list[Any] = found.json()
    return events


async def test_a_statement_is_told_by_its_id_alone_and_read_by_who_is_responsible(
    relay: Relay,
) -> None:
    statement_id = await given(relay)
    sotkamo = relay.caller("cs-sotkamo", *READING)

    [event] = await events(sotkamo)
    read = await sotkamo.get(f"/statements/{statement_id}", headers=OF_SOTKAMO)

    assert event["type"] == "fi.kuntavayla.statement.given.v1"
    assert event["data"] == {"statement_id": statement_id, "client_id": CLIENT_ID}
    assert read.status_code == 200
    assert read.json() == {
        **statement(),
        "statement_id": statement_id,
        "organisation": "te-kainuu",
        "te_office_code": "te-kainuu",
        "recorded_at": "2021-03-24T11:40:02Z",
        "information_ids": [],
    }


async def test_a_statement_names_the_information_that_it_rests_on(relay: Relay) -> None:
    await know(relay, a_responsibility())
    item = await relay.case_system().sent(another_item())

    answer = await give(relay, information_ids=[item["information_id"]])

    assert answer.status_code == 201
    assert answer.json()["information_ids"] == [item["information_id"]]


async def test_every_reading_and_every_refusal_is_on_record(relay: Relay) -> None:
    statement_id = await given(relay)
    await relay.caller("cs-sotkamo", *READING).get(
        f"/statements/{statement_id}", headers=OF_SOTKAMO
    )
    await relay.caller("cs-kajaani", *READING).get(
        f"/statements/{statement_id}", headers=OF_KAJAANI
    )

    rows = await relay.fetch(
        "SELECT organisation, official_id, purpose, outcome, client_id::text FROM audit"
        " WHERE action = 'statement.read' ORDER BY audit_id"
    )

    assert [tuple(row) for row in rows] == [
        ("cs-sotkamo", "sotkamo:u-1042", "statement", "disclosed", CLIENT_ID),
        ("cs-kajaani", "kajaani:u-1", "statement", "refused", CLIENT_ID),
    ]


async def test_the_right_to_read_moves_with_the_responsibility(relay: Relay) -> None:
    statement_id = await given(relay)
    moved = a_responsibility(version=2, municipality="205", since=date(2021, 4, 1))
    await know(relay, moved)
    sotkamo = relay.caller("cs-sotkamo", *READING)
    kajaani = relay.caller("cs-kajaani", *READING)
    path = f"/statements/{statement_id}"

    before = [
        (await sotkamo.get(path, headers=OF_SOTKAMO)).status_code,
        (await kajaani.get(path, headers=OF_KAJAANI)).status_code,
    ]
    relay.clock.now = datetime(2021, 3, 31, 21, 0, tzinfo=UTC)
    after = [
        (await sotkamo.get(path, headers=OF_SOTKAMO)).status_code,
        (await kajaani.get(path, headers=OF_KAJAANI)).status_code,
    ]

    assert (before, after) == ([200, 404], [404, 200])


@pytest.mark.parametrize(
    ("organisation", "official", "status"),
    [
        ("te-kainuu", "kainuu:v-17; role=caseworker; office=te-kainuu", 200),
        ("te-national", "te:v-1; role=caseworker; office=te-kainuu", 200),
        ("te-lappi", "lappi:v-1; role=caseworker; office=te-lappi", 404),
        ("operator", "op-1; role=operator", 403),
    ],
)
async def test_of_others_only_the_office_that_gave_it_reads_a_statement(
    relay: Relay, organisation: str, official: str, *, status: int
) -> None:
    statement_id = await given(relay)
    caller = relay.caller(organisation, *READING)

    answer = await caller.get(f"/statements/{statement_id}", headers={"Acting-Official": official})

    assert answer.status_code == status


async def test_an_unknown_statement_looks_like_one_of_others(relay: Relay) -> None:
    statement_id = await given(relay)
    kajaani = relay.caller("cs-kajaani", *READING)

    unknown = await kajaani.get(f"/statements/{UNKNOWN_ID}", headers=OF_KAJAANI)
    others = await kajaani.get(f"/statements/{statement_id}", headers=OF_KAJAANI)

    told = [
        {
            name: part
            for name, part in answer.json().items()
            if name not in {"instance", "request_id"}
        }
        for answer in (unknown, others)
    ]
    assert told[0] == told[1]
    assert told[0]["code"] == "statement_not_found"


async def test_where_the_te_office_is_responsible_itself_nobody_is_told(relay: Relay) -> None:
    await know(relay, a_responsibility(municipality=None))

    answer = await give(relay)

    assert answer.status_code == 201
    assert await relay.count("outbox") == 0
    refused = await relay.caller("cs-sotkamo", *READING).get(
        f"/statements/{answer.json()['statement_id']}", headers=OF_SOTKAMO
    )
    assert refused.status_code == 404


async def test_a_statement_on_a_restricted_client_goes_over_the_restricted_feed(
    relay: Relay,
) -> None:
    await know(relay, a_responsibility(is_restricted=True))
    scopes = (*READING, "statements.write", "events.restricted")
    answer = await relay.caller("te-kainuu", *scopes).post(
        "/statements", statement(), headers={**OF_OFFICE, "Idempotency-Key": "k1"}
    )
    path = f"/statements/{answer.json()['statement_id']}"
    plain, trusted = relay.caller("cs-sotkamo", *READING), relay.caller("cs-sotkamo", *scopes)

    assert await events(trusted) == []
    [event] = await events(trusted, "/events/restricted")
    assert event["data"]["statement_id"] == answer.json()["statement_id"]
    assert (await plain.get(path, headers=OF_SOTKAMO)).status_code == 404
    assert (await trusted.get(path, headers=OF_SOTKAMO)).status_code == 200


@pytest.mark.parametrize(
    ("version", "code"),
    [
        pytest.param(None, "client_not_found", id="unknown"),
        pytest.param(
            a_responsibility(office="te-lappi"), "client_not_found", id="another office's"
        ),
        pytest.param(a_responsibility(is_restricted=True), "client_not_found", id="restricted"),
        pytest.param(a_responsibility(since=date(2021, 3, 25)), "client_not_found", id="later"),
    ],
)
async def test_a_statement_on_no_client_of_the_office_is_refused(
    relay: Relay, version: Responsibility | None, *, code: str
) -> None:
    if version is not None:
        await know(relay, version)

    refused = await give(relay)

    assert (refused.status_code, refused.json()["code"]) == (404, code)
    assert await relay.count("statements") == 0
    assert await relay.count("idempotency_keys") == 0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"given_on": "2021-03-25"}, "/given_on in_future"),
        ({"reference": "240587-921N"}, "/reference text_holds_identity_code"),
        ({"outcome_code": "guilty"}, "/outcome_code value_not_listed"),
        ({"kind": None}, "/kind value_not_listed"),
        ({"information_ids": [UNKNOWN_ID]}, "/information_ids/0 information_unknown"),
        (
            {"period": {"starts_on": "2021-03-22", "ends_on": "2021-03-21"}},
            "/period/ends_on day_before_another",
        ),
        ({"reasons": "…"}, "/reasons unknown_field"),
    ],
    ids=str,
)
async def test_a_statement_with_a_fault_is_refused_and_nothing_stored(
    relay: Relay, changes: dict[str, Any], *, fault: str
) -> None:
    await know(relay, a_responsibility())

    refused = await give(relay, **changes)

    assert refused.status_code == 422
    assert [f"{part['pointer']} {part['code']}" for part in refused.json()["errors"]] == [fault]
    assert await relay.count("statements") == 0
    assert await relay.count("outbox") == 0


async def test_a_repeated_statement_is_answered_as_before_and_told_once(relay: Relay) -> None:
    statement_id = await given(relay)

    by_key, by_reference = await give(relay), await give(relay, key="k2")
    other = await give(relay, key="k3", outcome_code="no_obstacle")
    reused = await give(relay, outcome_code="no_obstacle")

    for again in (by_key, by_reference):
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
        assert again.json()["statement_id"] == statement_id
    assert (other.status_code, other.json()["code"]) == (409, "reference_reused")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await events(relay.caller("cs-sotkamo", *READING))) == 1


async def test_the_same_statement_given_at_once_is_one_statement(relay: Relay) -> None:
    await know(relay, a_responsibility())

    answers = await asyncio.gather(*(give(relay, key=f"k{number}") for number in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["statement_id"] for answer in answers}) == 1
    assert len(await events(relay.caller("cs-sotkamo", *READING))) == 1


async def test_an_auditor_gives_no_statement_and_an_operator_neither(relay: Relay) -> None:
    key = {"Idempotency-Key": "k1"}
    by_auditor = await relay.caller("te-kainuu", "statements.write").post(
        "/statements", statement(), headers={"Acting-Official": "kainuu:v-1; role=auditor", **key}
    )
    by_operator = await relay.caller("operator", "statements.write").post(
        "/statements", statement(), headers={"Acting-Official": "op-1; role=operator", **key}
    )

    assert (by_auditor.status_code, by_auditor.json()["code"]) == (403, "official_role_refused")
    assert (by_operator.status_code, by_operator.json()["code"]) == (403, "caller_kind_refused")


async def test_a_statement_is_never_changed(relay: Relay) -> None:
    await given(relay)

    rows = await relay.fetch(
        "SELECT has_table_privilege('statement_relay', 'statements', right_) AS may"
        " FROM unnest(ARRAY['UPDATE', 'DELETE']) AS right_"
    )

    assert [row["may"] for row in rows] == [False, False]
