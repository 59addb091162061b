import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.http.faults import FaultFinder, load_json
from statement_relay.rules.digests import digest_of
from statement_relay.rules.facts import Facts
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import KINDS
from tests.statement_relay.scenarios.cases import decoded, examples

ITEMS = examples()
FINDER = FaultFinder(InformationItem)


def test_each_kind_has_an_example() -> None:
    assert sorted(ITEMS) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_decoded_by_its_kind_and_encoded_as_it_came(kind: str) -> None:
    item = decoded(ITEMS[kind])

    assert item.kind == kind
    assert isinstance(item.facts, Facts)
    again = decoded(msgspec.json.decode(msgspec.json.encode(item)))
    assert again == item
    for name in item.facts.__struct_fields__:
        assert msgspec.to_builtins(getattr(item.facts, name)) == ITEMS[kind]["facts"].get(name)


@pytest.mark.parametrize("kind", KINDS)
def test_no_fact_is_free_text(kind: str) -> None:
    open_texts = [
        f"{name}.{field}"
        for name, schema in FINDER_SCHEMAS.items()
        if name == type(decoded(ITEMS[kind]).facts).__name__
        for field, part in schema["properties"].items()
        for form in part.get("anyOf", [part])
        if form.get("type") == "string" and not {"enum", "pattern", "format"} & form.keys()
    ]

    assert open_texts == []


FINDER_SCHEMAS: dict[str, Any] = msgspec.json.schema_components([InformationItem])[1]


@pytest.mark.parametrize("kind", KINDS)
def test_facts_of_another_kind_are_refused_by_one_fault_that_says_so(kind: str) -> None:
    for other in KINDS:
        body = {**ITEMS[kind], "facts": ITEMS[other]["facts"]}
        faults = FINDER.faults_of(load_json(json.dumps(body).encode(), nesting_max=20))

        assert bool(faults) is (other != kind)
        if ITEMS[kind]["facts"].keys() ^ ITEMS[other]["facts"].keys():
            [fault] = faults
            assert (fault.pointer, fault.code) == ("/facts", "facts_of_another_kind")
            assert all(name in fault.message for name in (kind, *ITEMS[kind]["facts"]))


def test_facts_of_no_kind_are_refused_member_by_member() -> None:
    body = {**ITEMS["RESIGNATION"], "facts": {**ITEMS["RESIGNATION"]["facts"], "colour": "red"}}
    del body["facts"]["told_by"]

    faults = FINDER.faults_of(load_json(json.dumps(body).encode(), nesting_max=20))

    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/facts/colour", "unknown_field"),
        ("/facts/told_by", "required_field_missing"),
    ]


VALUES = st.none() | st.booleans() | st.integers(-5, 20_000) | st.text(max_size=12)


@given(st.sampled_from(KINDS), st.data())
def test_whatever_one_member_is_the_schema_refuses_what_the_decoder_refuses(
    kind: str, data: st.DataObject
) -> None:
    body = json.loads(json.dumps(ITEMS[kind]))
    place = data.draw(st.sampled_from([body, body["facts"], body["hearing"], body["period"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(VALUES)

    faults = FINDER.faults_of(load_json(json.dumps(body).encode(), nesting_max=20))

    assert bool(faults) is not is_decoded(body)


def is_decoded(body: dict[str, Any]) -> bool:
    try:
        decoded(body)
    except msgspec.ValidationError:
        return False
    return True


def test_a_digest_is_written_as_in_the_agreed_example() -> None:
    assert digest_of(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
