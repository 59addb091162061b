import ast
from pathlib import Path
from typing import Any

import pytest

import kuntavayla
import statement_relay
from kuntavayla.http.faults import _TYPE_CODES, FaultFinder, load_json, schema_of
from kuntavayla.values.tables import TableFault
from statement_relay.rules.catalogues import CATALOGUE_NAMES, CLOSED_LISTS, load_examples
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import KINDS
from tests.statement_relay.scenarios.cases import DATA, examples
from tests.statement_relay.service import Relay


async def catalogue(relay: Relay, name: str) -> list[dict[str, Any]]:
    answer = await relay.caller("ely-14", "codes.read").get(f"/codes/{name}")
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_every_kind_is_listed_with_names_issuers_and_an_example(relay: Relay) -> None:
    items = await catalogue(relay, "information-kinds")

    assert [item["code"] for item in items] == list(KINDS)
    by_code = {item["code"]: item for item in items}
    ended = by_code["JOB_SEARCH_ENDED"]
    assert ended["text"]["fi"] == "Työnhaku päättynyt"
    assert [(one["authority"], one["rule"], one["valid_from"]) for one in ended["issuers"]] == [
        ("te_office", "S1", "2021-03-01"),
        ("municipality", "S2", "2021-10-02"),
        ("employment_area", "S3", "2025-01-01"),
    ]
    assert by_code["JOB_SEARCH_DUTY_UNMET"]["valid_from"] == "2022-05-02"
    assert {code: item["example"] for code, item in by_code.items()} == examples()


async def test_every_code_of_a_delivery_is_listed_with_advice_and_who_mends_it(
    relay: Relay,
) -> None:
    by_code = {item["code"]: item for item in await catalogue(relay, "delivery-codes")}

    rejected = by_code["rejected"]
    assert (rejected["action"], rejected["mends"]) == ("never", "municipality")
    assert rejected["text"]["sv"] == "TE-byrån avvisade uppgiften."
    assert set(rejected["advice"]) == {"fi", "sv", "en"}
    assert "original_rejected" in by_code


@pytest.mark.parametrize("name", CLOSED_LISTS)
async def test_every_code_of_a_closed_list_has_a_text_in_three_languages(
    refusing: Relay, name: str
) -> None:
    items = await catalogue(refusing, name)

    assert [item["code"] for item in items] == list(CLOSED_LISTS[name])
    assert {tuple(item["text"]) for item in items} == {("fi", "sv", "en")}


def test_every_closed_list_of_the_facts_is_explained() -> None:
    told = {frozenset(codes) for codes in (*CLOSED_LISTS.values(), KINDS)}

    lists = [
        frozenset(schema["enum"])
        for name, facts in schema_of(InformationItem)["$defs"].items()
        if name.endswith("Facts")
        for schema in facts["properties"].values()
        if "enum" in schema
    ]

    assert lists
    assert [sorted(one) for one in lists if one - {None} not in told] == []


def test_every_code_of_a_fault_is_explained() -> None:
    explained = set(CLOSED_LISTS["fault-codes"])
    sources = [
        path
        for package in (statement_relay, kuntavayla)
        for path in Path(str(package.__file__)).parent.rglob("*.py")
        if "audit" not in path.parts
    ]

    given = {code for path in sources for code in fault_codes_in(path)}

    assert {"needed_in_state", "unknown_field", "value_not_listed", "day_not_over"} <= given
    assert sorted(given - explained) == []
    assert {code for code, _ in _TYPE_CODES.values()} <= explained


def fault_codes_in(path: Path) -> set[str]:
    """Return the codes that a module writes out where it makes a fault."""
    return {
        argument.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Fault"
        for argument in node.args[1:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


async def test_every_problem_is_explained_to_all(refusing: Relay) -> None:
    caller = refusing.caller("ely-14", "codes.read")

    listed = (await caller.get("/problems")).json()["items"]
    one = (await caller.get("/problems/responsible_other")).json()

    assert one in listed
    assert (one["status"], one["retry"], one["mends"]) == (409, "changed", "case_system")
    unknown = await caller.get("/problems/no_such_problem")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "path_not_found")


async def test_a_catalogue_that_there_is_not_is_refused(relay: Relay) -> None:
    answer = await relay.caller("ely-14", "codes.read").get("/codes/secrets")

    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")
    assert all(name in answer.json()["detail"] for name in CATALOGUE_NAMES)


async def test_the_contract_shows_the_example_of_each_kind_and_it_is_good(relay: Relay) -> None:
    document = (await relay.client.get("/relay/v1/openapi.json")).json()

    finder = FaultFinder(InformationItem)
    shown = {
        value["kind"]: value
        for schema in document["components"]["schemas"].values()
        for value in schema.get("examples", ())
    }
    assert shown == examples()
    for kind in KINDS:
        [schema] = [
            schema
            for schema in document["components"]["schemas"].values()
            if schema.get("properties", {}).get("kind") == {"enum": [kind]}
            and "municipal_id" in schema["properties"]
        ]
        assert schema["examples"] == [shown[kind]]
        body = (DATA / "examples.ndjson").read_bytes().splitlines()[KINDS.index(kind)]
        assert finder.faults_of(load_json(body, nesting_max=20)) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda lines: lines[1:], "No example", id="missing"),
        pytest.param(lambda lines: [*lines, lines[0]], "two examples", id="twice"),
        pytest.param(lambda lines: [b"{}", *lines[1:]], "missing", id="none of a kind"),
    ],
)
def test_examples_that_are_not_in_order_are_refused(
    change: Any,  # noqa: ANN401 - what changes the lines
    *,
    reason: str,
    tmp_path: Path,
) -> None:
    source = tmp_path / "examples.ndjson"
    source.write_bytes(b"\n".join(change((DATA / "examples.ndjson").read_bytes().splitlines())))

    with pytest.raises(TableFault, match=reason):
        load_examples(source)
