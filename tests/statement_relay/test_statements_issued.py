from datetime import UTC, date, datetime
from typing import Any

import pytest
from httpx import Response

from kuntavayla.values.responsibilities import Responsibility
from tests.served import Json
from tests.statement_relay.clients import CLIENT_ID, a_responsibility, know
from tests.statement_relay.questions import events
from tests.statement_relay.service import Relay

OF_SOTKAMO = {"Acting-Official": "sotkamo:u-1042; role=decider; municipality=765"}
OF_KAJAANI = {"Acting-Official": "kajaani:u-1; role=caseworker; municipality=205"}
OF_OFFICE = {"Acting-Official": "kainuu:v-17; role=decider; office=te-kainuu"}
SCOPES = ("statements.write", "statements.read", "events.read")
IN_OCTOBER = datetime(2021, 10, 15, 8, 0, tzinfo=UTC)
"""When the municipality decides itself on employment that has started (S2, from 2.10.2021)."""


def issued(**changes: Json) -> dict[str, Any]:
    return {
        "reference": "SOT-LAU-2021-7",
        "client_id": CLIENT_ID,
        "kind": "EMPLOYMENT_STARTED",
        "period": {"starts_on": "2021-10-02", "ends_on": None},
        "outcome_code": "not_unemployed",
        "given_on": "2021-10-14",
        **changes,
    }


async def record(relay: Relay, *, key: str = "k1", **changes: Json) -> Response:
    """Have Sotkamo record a statement of its own in October 2021."""
    relay.clock.now = IN_OCTOBER
    headers = {**OF_SOTKAMO, "Idempotency-Key": key}
    sotkamo = relay.caller("cs-sotkamo", *SCOPES)
    return await sotkamo.post("/statements", issued(**changes), headers=headers)


async def test_a_municipality_records_the_statement_that_it_has_issued_itself(
    relay: Relay,
) -> None:
    await know(relay, a_responsibility())

    answer = await record(relay)
    again = await record(relay, key="k2")

    told = answer.json()
    assert answer.status_code == 201, answer.text
    assert (told["organisation"], told["te_office_code"]) == ("cs-sotkamo", "te-kainuu")
    assert told == {**told, **issued()}
    assert (again.status_code, again.json()) == (201, told)
    assert again.headers["Idempotent-Replayed"] == "true"
    rows = await relay.fetch(
        "SELECT organisation, municipality_code, outcome FROM audit WHERE action = $1",
        "statement.given",
    )
    assert [tuple(row) for row in rows] == [("cs-sotkamo", "765", "done")]
    assert await relay.count("outbox") == 0


async def test_whose_client_it_has_become_is_told_and_all_three_read(relay: Relay) -> None:
    moved = a_responsibility(version=2, municipality="205", since=date(2021, 10, 10))
    await know(relay, a_responsibility(), moved)

    statement_id = (await record(relay)).json()["statement_id"]

    path = f"/statements/{statement_id}"
    kajaani = relay.caller("cs-kajaani", *SCOPES)
    data = {"statement_id": statement_id, "client_id": CLIENT_ID}
    assert await events(kajaani) == [("statement.given", data)]
    assert await events(relay.caller("cs-sotkamo", *SCOPES)) == []
    for organisation, official in (
        ("cs-sotkamo", OF_SOTKAMO),
        ("cs-kajaani", OF_KAJAANI),
        ("te-kainuu", OF_OFFICE),
    ):
        read = await relay.caller(organisation, *SCOPES).get(path, headers=official)
        assert (read.status_code, read.json()["organisation"]) == (200, "cs-sotkamo")
    other = await relay.caller("te-lappi", *SCOPES).get(
        path, headers={"Acting-Official": "lappi:v-1; role=caseworker; office=te-lappi"}
    )
    assert (other.status_code, other.json()["code"]) == (404, "statement_not_found")


@pytest.mark.parametrize(
    ("version", "changes", "refusal"),
    [
        pytest.param(
            a_responsibility(),
            {"period": {"starts_on": "2021-10-01", "ends_on": None}},
            (409, "issuer_other"),
            id="the day before",
        ),
        pytest.param(
            a_responsibility(), {"kind": "RESIGNATION"}, (409, "issuer_other"), id="another kind"
        ),
        pytest.param(
            a_responsibility(since=date(2021, 10, 3)),
            {},
            (409, "responsible_other"),
            id="theirs later",
        ),
        pytest.param(
            a_responsibility(municipality="205"), {}, (404, "client_not_found"), id="another's"
        ),
        pytest.param(
            a_responsibility(municipality=None), {}, (404, "client_not_found"), id="the office's"
        ),
        pytest.param(
            a_responsibility(is_restricted=True), {}, (404, "client_not_found"), id="restricted"
        ),
        pytest.param(None, {}, (404, "client_not_found"), id="unknown"),
    ],
)
async def test_what_a_municipality_has_not_to_issue_is_refused(
    relay: Relay,
    version: Responsibility | None,
    changes: dict[str, Any],
    *,
    refusal: tuple[int, str],
) -> None:
    if version is not None:
        await know(relay, version)

    refused = await record(relay, **changes)

    assert (refused.status_code, refused.json()["code"]) == refusal
    assert await relay.count("statements") == 0
    assert await relay.count("idempotency_keys") == 0


async def test_the_issuer_by_the_table_is_named(relay: Relay) -> None:
    await know(relay, a_responsibility())

    refused = (await record(relay, kind="RESIGNATION")).json()["facts"]

    assert (refused["issuer"], refused["rule"]) == ("te_office", "S2")


async def test_of_the_time_before_the_pilots_no_municipality_records_a_statement(
    relay: Relay,
) -> None:
    await know(relay, a_responsibility())

    refused = await record(relay, period={"starts_on": "2021-02-28", "ends_on": None})

    assert refused.status_code == 422
    [fault] = refused.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/period/starts_on", "before_pilot")
    assert await relay.count("statements") == 0
