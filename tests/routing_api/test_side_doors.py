"""Texts that are stored as they stand may hold no personal identity code."""

import pytest
from typer.testing import CliRunner

from routing_api.cli import main
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing

CODE: str = a_registration()["person"]["identity_code"]
UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"
OFFICER = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}


@pytest.mark.parametrize("key", [CODE, f'"{CODE}"', f"register:{CODE.lower()}:1"])
async def test_a_key_with_an_identity_code_is_refused(refusing: Routing, key: str) -> None:
    answer = await refusing.office().register(a_registration(), key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert CODE not in answer.text


async def test_an_official_s_id_with_an_identity_code_is_refused(refusing: Routing) -> None:
    in_body = {"acting_official": {**OFFICER, "official_id": CODE}}
    office, case_system = refusing.office(), refusing.case_system()
    header = {"Acting-Official": f"{CODE}; role=caseworker; municipality=765"}
    transfers = {"purpose": "client_service", "transfer_ids": [UNKNOWN]}
    resolution = {"outcome": "te_office", "reason": "Selvitetty."}

    answers = [
        await office.post("/clients:lookup", {"identity_code": CODE, **in_body}),
        await office.post(
            f"/reviews/{UNKNOWN}:resolve",
            {**resolution, **in_body},
            headers={"Idempotency-Key": "k-1"},
        ),
        await case_system.get(f"/clients/{UNKNOWN}", headers=header),
        await case_system.get(f"/clients/{UNKNOWN}", headers={"X-Road-UserId": CODE}),
        await case_system.post("/persons:fetch", transfers, headers=header),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (400, "acting_official_malformed")
    ] * 5
    assert not [answer for answer in answers if CODE in answer.text]


async def test_a_resolution_s_reason_with_an_identity_code_is_refused(refusing: Routing) -> None:
    answer = await refusing.office().post(
        f"/reviews/{UNKNOWN}:resolve",
        {"outcome": "te_office", "reason": f"Soitettu ({CODE}).", "acting_official": OFFICER},
        headers={"Idempotency-Key": "k-1"},
    )

    [fault] = answer.json()["errors"]
    assert answer.status_code == 422
    assert (fault["pointer"], fault["code"]) == ("/reason", "reference_holds_identity_code")
    assert CODE not in answer.text


@pytest.mark.parametrize("name", ["--official", "--reason"])
def test_the_command_line_refuses_an_identity_code(name: str) -> None:
    options = {"--official": "operator:u-1", "--reason": "Vahvistettu.", name: f"x {CODE}"}
    arguments = [text for option in options.items() for text in option]

    result = CliRunner().invoke(main, ["confirm-memberships", *arguments])

    assert result.exit_code == 2
    assert CODE not in result.output


async def test_lists_and_reviews_are_on_record_read_or_refused(routing: Routing) -> None:
    decision = await routing.office().registered(
        another_person(situation__earnings_related_entitlement="unknown")
    )
    review_id = decision["review"]["review_id"]
    await routing.office().get("/reviews")
    await routing.office().get("/transfers")
    await routing.case_system().get("/clienthoods")
    await routing.office().get(f"/reviews/{review_id}")
    await routing.office("te-uusimaa").get(f"/reviews/{review_id}")

    rows = await routing.fetch("SELECT * FROM audit ORDER BY audit_id OFFSET 1")

    client_id = decision["client_id"]
    told = [(r["action"], r["outcome"], r["client_id"] and str(r["client_id"])) for r in rows]
    assert told == [
        ("review.listed", "disclosed", None),
        ("transfer.listed", "disclosed", None),
        ("clienthood.listed", "disclosed", None),
        ("review.read", "disclosed", client_id),
        ("review.read", "refused", None),
    ]
    assert [str(row["resource_id"]) for row in rows[3:]] == [review_id] * 2
