import json
from typing import Any

import pytest
from httpx import Response

from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing
from tests.served import kind_of

EXAMPLE = json.loads(
    """
{"outcome":"municipality","cause":"first_entry","decided_by":"R7a","effective_on":"2021-03-01",
"decided_at":"2021-03-01T06:02:11.004000Z","responsible":{"authority":"municipality",
"municipality_code":"765","area_code":"kainuu","case_system_id":"cs-sotkamo"},"grounds":[
{"rule":"R1","code":"before_pilot","held":"no","source":"Act 1269/2020",
"facts":{"effective_on":"2021-03-01"}},
{"rule":"R3c","code":"home_protected","held":"no","source":"design",
"facts":{"home_municipality_basis":"population_register"}},
{"rule":"R3","code":"home_municipality_outside_areas","held":"no",
"source":"Act 1269/2020; Kainuu 2021","facts":{"home_municipality_code":"765"}},
{"rule":"R5","code":"earlier_clienthood","held":"no","source":"Helsinki 2021; Keuruu 2021",
"facts":{"has_earlier_clienthood":"no"}},
{"rule":"R6","code":"situation_outside","held":"no","source":"Kainuu 2021; Helsinki 2021",
"facts":{"employment_code":"02"}},
{"rule":"R6b","code":"education_not_a_service","held":"no","source":"assumed",
"facts":{"employment_code":"02"}},
{"rule":"R3b","code":"municipality_not_valid","held":"no","source":"register",
"facts":{"membership_status":"confirmed"}},
{"rule":"X2","code":"swedish_service","held":"no","source":"TYJ",
"facts":{"wants_service_in_swedish":"no"}},
{"rule":"R7a","code":"no_earnings_related_allowance","held":"yes","source":"K2019; Kainuu 2021",
"facts":{"earnings_related_entitlement":"not_entitled"}},
{"rule":"R7b","code":"under_30","held":"no","source":"Kainuu 2021",
"facts":{"age_years":33,"turns_30_on":"2017-05-24"}},
{"rule":"R7c","code":"immigrant","held":"no","source":"Kainuu 2021",
"facts":{"has_finnish_citizenship":"yes"}},
{"rule":"R7d","code":"foreign_language","held":"no","source":"Kainuu 2021",
"facts":{"mother_tongue_group":"domestic"}}],
"rule_set":{"id":"pilot","version":"1"},"register_version":"2021-03-01.1",
"transfer":{"state":"offered","acknowledge_due_at":"2021-03-15T14:00:00Z"},
"notice":{"state":"due","due_on":"2021-03-08"},"client_text":{
"fi":"Kotikuntasi Sotkamo vastaa sinulle tarjottavista työllisyyspalveluista 1.3.2021 alkaen.",
"sv":"Din hemkommun Sotkamo ansvarar för din sysselsättningsservice från och med 1.3.2021."}}
"""
)


async def test_the_example_of_the_contract_is_decided_field_by_field(routing: Routing) -> None:
    await routing.confirm_memberships()

    answer = await routing.office().register(a_registration())

    decision = answer.json()
    ids = [decision.pop(name) for name in ("registration_id", "decision_id", "client_id")]
    transfer_id = decision["transfer"].pop("transfer_id")
    [event] = await routing.case_system().events()
    assert decision == EXAMPLE
    assert answer.headers["location"] == f"/routing/v1/decisions/{ids[1]}"
    assert event["data"] == {
        "transfer_id": transfer_id,
        "client_id": ids[2],
        "clienthood_version": 1,
        "cause": "first_entry",
        "municipality_code": "765",
        "area_code": "kainuu",
        "effective_on": "2021-03-01",
        "previous_authority": "te_office",
        "te_office_code": "te-kainuu",
        "acknowledge_due_at": "2021-03-15T14:00:00Z",
        "notice_state": "due",
    }
    assert kind_of(event) == "client.transferred"
    assert (event["subject"], event["partitionkey"], event["causationid"]) == (
        ids[2],
        ids[2],
        ids[1],
    )
    assert event["dataschema"] == "/schemas/client.transferred/1.json"
    assert (event["recipient"], event["source"]) == ("cs-sotkamo", "/kuntavayla/routing-api")
    assert event["sequence"] == "000001.000000000000000001"


async def test_an_unknown_entitlement_is_a_review_as_in_the_contract(routing: Routing) -> None:
    decision = await routing.office().registered(
        a_registration(situation__earnings_related_entitlement="unknown")
    )

    review = decision["review"]
    assert (decision["outcome"], decision["decided_by"]) == ("review", "R8")
    assert decision["responsible"] == {"authority": "te_office", "te_office_code": "te-kainuu"}
    assert review == {
        "review_id": review["review_id"],
        "reason": "entitlement_unknown",
        "missing_facts": ["earnings_related_entitlement"],
        "due_on": "2021-03-04",
        "resolve": f"/routing/v1/reviews/{review['review_id']}:resolve",
    }
    assert "transfer" not in decision
    assert await routing.count("outbox") == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="municipality"),
        pytest.param({"situation__earnings_related_entitlement": "entitled"}, id="te_office"),
        pytest.param({"situation__earnings_related_entitlement": "unknown"}, id="review"),
        pytest.param({"person__home_municipality_code": "291"}, id="outside"),
    ],
)
async def test_a_stored_decision_is_read_as_it_was_answered_and_recomputed_equal(
    routing: Routing, changes: dict[str, Any]
) -> None:
    decision = await routing.office().registered(another_person(**changes))
    path = f"/decisions/{decision['decision_id']}"

    read = await routing.office().get(path)
    recomputed = (await routing.operator.get(path, params={"recompute": True})).json()
    registration = (
        await routing.office().get(f"/registrations/{decision['registration_id']}")
    ).json()

    assert read.json() == decision
    assert recomputed.pop("recomputed") == {
        "is_equal": True,
        "outcome": decision["outcome"],
        "decided_by": decision["decided_by"],
    }
    assert recomputed == decision
    assert registration["decision"] == decision
    assert registration["received_at"] == "2021-03-01T06:02:11.004000Z"
    assert "person" not in registration


async def test_a_preview_decides_alike_and_stores_nothing_but_its_line(routing: Routing) -> None:
    preview = await routing.office().post("/registrations:preview", a_registration())
    counts = {table: await routing.count(table) for table in ("clients", "registrations", "outbox")}
    decision = await routing.office().registered(a_registration())

    told = preview.json()
    lines = await routing.fetch("SELECT action, outcome FROM audit ORDER BY audit_id")
    assert preview.status_code == 200
    assert (told["grounds"], told["client_text"]) == (decision["grounds"], decision["client_text"])
    assert (told["outcome"], told["notice"]) == (decision["outcome"], decision["notice"])
    assert {"registration_id", "decision_id", "client_id", "transfer"}.isdisjoint(told)
    assert counts == {"clients": 0, "registrations": 0, "outbox": 0}
    assert tuple(lines[0]) == ("registration.previewed", "municipality")


async def test_the_line_of_a_preview_names_the_client_who_is_known(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration(effective_on="2021-03-10"))

    for day in ("2021-03-10", "2021-03-09"):
        await routing.office().post("/registrations:preview", a_registration(effective_on=day))
    await routing.office().post("/registrations:preview", another_person())

    lines = await routing.fetch(
        "SELECT outcome, client_id::text FROM audit WHERE action = 'registration.previewed'"
        " ORDER BY audit_id"
    )
    assert [tuple(line) for line in lines] == [
        ("municipality", decision["client_id"]),
        ("effective_on_before_newest_decision", decision["client_id"]),
        ("municipality", None),
    ]


async def test_a_person_is_found_by_identity_code_given_in_the_body(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration())
    officer = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}

    async def look_up(code: str) -> Response:
        return await routing.office().post(
            "/clients:lookup", {"identity_code": code, "acting_official": officer}
        )

    found, unknown, wrong = [
        await look_up(code) for code in ("240587-921N", "010190-900P", "240587-921P")
    ]

    assert found.json()["client_id"] == decision["client_id"]
    assert [c["version"] for c in found.json()["clienthoods"]] == [1]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "client_not_found")
    assert wrong.json()["errors"][0]["code"] == "identity_code_check_character"
    assert "240587" not in found.text + wrong.text
