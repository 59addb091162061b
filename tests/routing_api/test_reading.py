import re

import pytest

from tests.builders import another_person
from tests.routing_api.service import Routing

OPEN = ("/livez", "/readyz", "/version", "/docs", "/openapi.json", "/asyncapi.json")
ADDRESS = re.compile(r"https?://[^\"' <]+")


@pytest.mark.parametrize("path", [*OPEN, "/schemas/client.transferred/1.json"])
async def test_what_is_open_needs_no_token(refusing: Routing, path: str) -> None:
    answer = await refusing.client.get(f"/routing/v1{path}")

    assert answer.status_code == 200


async def test_the_docs_load_nothing_from_outside(refusing: Routing) -> None:
    page = (await refusing.client.get("/routing/v1/docs")).text
    parts = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)

    loaded = [await refusing.client.get(part) for part in parts]

    assert parts
    assert [ADDRESS.findall(page)] == [[]]
    assert {answer.status_code for answer in loaded} == {200}


@pytest.mark.parametrize(
    "path", ["/areas", "/municipalities", "/case-systems", "/competences", "/rule-sets", "/status"]
)
async def test_what_is_not_open_needs_a_token(refusing: Routing, path: str) -> None:
    answer = await refusing.client.get(f"/routing/v1{path}")

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


async def test_the_register_is_read_as_of_a_day(refusing: Routing) -> None:
    async def items(path: str, **query: str) -> dict[str, dict[str, object]]:
        answer = (await refusing.operator.get(path, params=query)).json()
        return {item.get("code") or item["case_system_id"]: item for item in answer["items"]}

    areas, later = await items("/areas"), await items("/areas", on="2025-01-01")
    municipalities = await items("/municipalities", limit="1000")
    systems = await items("/case-systems")

    assert (len(areas), len(later), len(municipalities), len(systems)) == (25, 45, 309, 31)
    assert municipalities["765"]["case_system_id"] == "cs-sotkamo"
    assert municipalities["140"]["membership_status"] == "unconfirmed"
    assert "area_code" not in municipalities["291"]
    assert systems["cs-paltamo"]["municipality_codes"] == ["105", "578", "697"]
    assert await items("/areas", on="2021-02-28") == {}
    refused = await refusing.operator.get("/areas", params={"on": "2021-02-30"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/query/on")


async def test_the_rule_sets_are_listed_with_versions_to_the_operator_only(
    refusing: Routing,
) -> None:
    listed = (await refusing.operator.get("/rule-sets")).json()["items"]
    office = await refusing.caller("te-kainuu", "rule-sets.read").get("/rule-sets")

    names = [(item["id"], item["version"]) for item in listed]
    assert ("pilot", "1") in names
    assert ("pilot", "2") in names
    assert len(names) == len(set(names))
    assert (office.status_code, office.json()["code"]) == (403, "caller_kind_refused")


async def test_the_audit_is_filtered_paged_and_itself_on_record(routing: Routing) -> None:
    first, second = [await routing.office().registered(another_person()) for _ in range(2)]
    auditor = routing.caller("auditor", "audit.read")

    one = (await auditor.get("/audit", params={"client_id": first["client_id"]})).json()
    page = (await auditor.get("/audit", params={"limit": 2})).json()
    rest = (await auditor.get("/audit", params={"after": page["next_cursor"]})).json()
    none = (await auditor.get("/audit", params={"from": "2021-03-02T00:00:00Z"})).json()

    assert [line["client_id"] for line in one["items"]] == [first["client_id"]]
    assert [line["client_id"] for line in page["items"]] == [
        first["client_id"],
        second["client_id"],
    ]
    assert [(line["organisation"], line["action"]) for line in rest["items"]] == [
        ("auditor", "audit.read")
    ] * 2
    assert none["items"] == []
    assert {line["rule_version"] for line in page["items"]} == {"pilot/1"}
    assert {line["official_role"] for line in page["items"]} == {"import"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param({"after": "x"}, 400, "cursor_malformed", id="no cursor"),
        pytest.param(
            {"after": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="}, 400, "cursor_malformed", id="9s"
        ),
        pytest.param({"from": "0001-01-01T00:00:00+14:00"}, 422, "invalid_content", id="first"),
        pytest.param({"to": "9999-12-31T23:59:59-14:00"}, 422, "invalid_content", id="last"),
        pytest.param({"from": "2021-03-01T00:00:00"}, 422, "invalid_content", id="no offset"),
        pytest.param({"client_id": "240587-921N"}, 422, "invalid_content", id="no id"),
        pytest.param({"official": "a\0b"}, 422, "invalid_content", id="NUL"),
    ],
)
async def test_a_question_to_the_audit_that_makes_no_sense_is_refused(
    refusing: Routing, *, query: dict[str, str], status: int, code: str
) -> None:
    answer = await refusing.operator.get("/audit", params=query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "240587" not in answer.text


async def test_the_status_counts_what_waits_and_names_the_register(routing: Routing) -> None:
    unknown = {"situation__earnings_related_entitlement": "unknown"}
    await routing.office().registered(another_person())
    await routing.office().registered(another_person(**unknown))

    before = (await routing.operator.get("/status")).json()
    await routing.confirm_memberships()
    after = (await routing.operator.get("/status")).json()

    assert (before["open_reviews"], before["offered_transfers"]) == (1, 1)
    assert (before["unconfirmed_memberships"], after["unconfirmed_memberships"]) == (14, 0)
    assert (before["register_version"], after["register_version"]) == (
        "2021-03-01.0",
        "2021-03-01.1",
    )
    assert {queue["waiting"] for queue in after["queues"]} == {0}
