import json
from typing import Literal

import msgspec
import pytest
from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.http import InvalidBody, JsonDecoder


class Walk(Struct, frozen=True, forbid_unknown_fields=True, tag="WALK", tag_field="kind"):
    path: Literal["long", "short"]
    with_dog: bool = False


class Swim(Struct, frozen=True, forbid_unknown_fields=True, tag="SWIM", tag_field="kind"):
    water: Literal["lake", "sea"]


DECODER: JsonDecoder[Walk | Swim] = JsonDecoder(Walk | Swim)


def faults_of(body: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidBody) as refused:
        DECODER.decode(json.dumps(body).encode())
    faults: tuple[Fault, ...] = refused.value.faults
    return [(fault.pointer, fault.code) for fault in faults]


def test_a_union_is_decoded_by_the_member_that_tells_its_types_apart() -> None:
    assert DECODER.decode(b'{"kind":"SWIM","water":"sea"}') == Swim(water="sea")
    assert DECODER.decode(msgspec.json.encode(Walk("long"))) == Walk(path="long")


def test_the_faults_are_those_of_the_type_that_is_named() -> None:
    # Every member is good for the other type, which therefore fits better by number of faults.
    assert faults_of({"kind": "WALK", "water": "sea"}) == [
        ("/path", "required_field_missing"),
        ("/water", "unknown_field"),
    ]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"kind": "FLY", "water": "sea"}, [("/kind", "value_not_listed")]),
        ({"kind": None}, [("/kind", "value_not_listed")]),
        ({"kind": ["WALK"]}, [("/kind", "value_not_listed")]),
        ({"water": "sea"}, [("/kind", "required_field_missing")]),
        ({}, [("/kind", "required_field_missing")]),
        ([], [("", "not_an_object")]),
        ("WALK", [("", "not_an_object")]),
        ({"kind": "WALK", "path": "wide"}, [("/path", "value_not_listed")]),
        ({"kind": "WALK", "path": "long", "with_dog": "no"}, [("/with_dog", "not_true_or_false")]),
    ],
    ids=str,
)
def test_each_fault_of_a_union_has_its_pointer_and_code(
    body: object, faults: list[tuple[str, str]]
) -> None:
    assert faults_of(body) == faults


def test_the_kinds_of_a_union_are_listed_to_who_gives_none_of_them() -> None:
    with pytest.raises(InvalidBody) as refused:
        DECODER.decode(b'{"kind":"FLY"}')

    assert refused.value.faults[0].message == "Give one of: SWIM, WALK."
    assert refused.value.noun == "content"
