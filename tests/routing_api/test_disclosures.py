from typing import Any

import httpx
import pytest

from tests.builders import another_person
from tests.routing_api.service import Caller, Routing
from tests.served import OFFICIAL

AUDITOR = {"Acting-Official": "auditor:u-1; role=auditor"}
UNKNOWN = "0177ec61-3abd-7951-9d9d-c9f81818e811"
SCOPE = "disclosures.read"


async def listed(caller: Caller, client_id: str, **query: Any) -> Any:  # noqa: ANN401 - any JSON
    answer = await caller.get(f"/clients/{client_id}/disclosures", headers=AUDITOR, params=query)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


async def transferred(routing: Routing, **changes: object) -> Any:  # noqa: ANN401 - decoded JSON
    """Register somebody who moves to Sotkamo, and fetch them as its case system."""
    await routing.confirm_memberships()
    return await routing.national.registered(another_person(**changes))


async def test_a_person_learns_who_was_told_when_and_for_what(routing: Routing) -> None:
    decision = await transferred(routing)
    client_id, transfer_id = decision["client_id"], decision["transfer"]["transfer_id"]
    await routing.case_system().fetched(transfer_id)
    await routing.case_system("cs-helsinki").fetched(transfer_id, municipality="091")
    routing.clock.tick()
    await routing.case_system().get(f"/clients/{client_id}", headers={"Acting-Official": OFFICIAL})

    answer = await listed(routing.caller("auditor", SCOPE), client_id)

    assert [
        (item["organisation"], item["official_id"], item["action"], item["purpose"])
        for item in answer["items"]
    ] == [
        ("cs-sotkamo", "system", "person.fetch", "client_service"),
        ("cs-sotkamo", "sotkamo:u-1042", "client.read", None),
    ]
    assert answer["items"][0]["resource_id"] == transfer_id
    assert answer["items"][0]["municipality_code"] == "765"
    assert answer["items"][0]["disclosed_at"] < answer["items"][1]["disclosed_at"]
    assert answer["next_cursor"] is None


async def test_pages_of_disclosures_follow_each_other_and_end(routing: Routing) -> None:
    decision = await transferred(routing)
    for _ in range(3):
        await routing.case_system().fetched(decision["transfer"]["transfer_id"])
    auditor = routing.caller("auditor", SCOPE)

    first = await listed(auditor, decision["client_id"], limit=2)
    second = await listed(auditor, decision["client_id"], limit=2, after=first["next_cursor"])

    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)


async def test_asking_for_disclosures_is_itself_on_record(routing: Routing) -> None:
    decision = await transferred(routing)
    auditor = routing.caller("auditor", SCOPE)

    await listed(auditor, decision["client_id"])
    await auditor.get(f"/clients/{UNKNOWN}/disclosures", headers=AUDITOR)

    lines = await routing.fetch(
        "SELECT organisation, official_id, outcome, client_id::text, resource_id::text FROM audit"
        " WHERE action = 'disclosure.listed' ORDER BY audit_id"
    )
    client_id = decision["client_id"]
    assert [tuple(line) for line in lines] == [
        ("auditor", "auditor:u-1", "disclosed", client_id, client_id),
        ("auditor", "auditor:u-1", "refused", None, UNKNOWN),
    ]


async def test_who_was_told_of_a_client_with_a_security_ban_needs_the_right_to_see_them(
    routing: Routing,
) -> None:
    decision = await transferred(routing, person__has_security_ban=True)
    path = f"/clients/{decision['client_id']}/disclosures"

    hidden = await routing.caller("auditor", SCOPE).get(path, headers=AUDITOR)
    shown = await routing.caller("auditor", SCOPE, "events.restricted").get(path, headers=AUDITOR)

    assert (hidden.status_code, hidden.json()["code"]) == (404, "client_not_found")
    assert shown.status_code == 200


REFUSED = [
    pytest.param("operator", AUDITOR, {}, 404, "client_not_found", id="unknown client"),
    pytest.param("operator", {}, {}, 400, "acting_official_missing", id="nobody acts"),
    pytest.param(
        "operator", {"Acting-Official": "?;"}, {}, 400, "acting_official_malformed", id="official"
    ),
    pytest.param("operator", AUDITOR, {"after": "x"}, 400, "cursor_malformed", id="cursor"),
    pytest.param("operator", AUDITOR, {"limit": "0"}, 422, "invalid_content", id="limit"),
    pytest.param("te-kainuu", AUDITOR, {}, 403, "caller_kind_refused", id="office"),
    pytest.param("cs-sotkamo", AUDITOR, {}, 403, "caller_kind_refused", id="case system"),
]


@pytest.mark.parametrize(("organisation", "headers", "query", "status", "code"), REFUSED)
async def test_a_question_for_disclosures_is_refused(
    refusing: Routing,
    *,
    organisation: str,
    headers: dict[str, str],
    query: dict[str, str],
    status: int,
    code: str,
) -> None:
    caller = refusing.caller(organisation, SCOPE)

    answer = await caller.get(f"/clients/{UNKNOWN}/disclosures", headers=headers, params=query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_is_no_id_is_no_client(refusing: Routing) -> None:
    answer = await refusing.caller("auditor", SCOPE).get(
        "/clients/240587-921N/disclosures", headers=AUDITOR
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")
    assert "240587" not in answer.text
