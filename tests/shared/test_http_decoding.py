import json
import re
import string
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from kuntavayla.auth import Refusal
from kuntavayla.errors import Fault
from kuntavayla.http import InvalidBody, JsonDecoder, split_lines
from kuntavayla.values.codes import Identity, Instant, MunicipalityCode, Name, TriState

Count = Annotated[int, Meta(ge=0, le=9_999, title="count")]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    municipality_code: MunicipalityCode
    made_on: date | None = None
    count: Count = 0


class Whole(Struct, frozen=True, forbid_unknown_fields=True):
    identity_code: Identity
    name: Name
    at: Instant
    basis: Literal["register", "residence"]
    part: Part
    known: TriState = "unknown"
    has_ban: bool = False
    parts: Annotated[tuple[Part, ...], Meta(max_length=3)] = ()
    other: Part | None = None


DECODER = JsonDecoder(Whole)
GOOD: dict[str, Any] = {
    "identity_code": "240587-921N",
    "name": "Esimerkki",
    "at": "2021-03-01T08:01:50+02:00",
    "basis": "register",
    "part": {"municipality_code": "765"},
}


def faults_of(body: bytes) -> tuple[Fault, ...]:
    with pytest.raises(InvalidBody) as refused:
        DECODER.decode(body)
    return refused.value.faults


def changed(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def part_with(**changes: object) -> bytes:
    return changed(part={"municipality_code": "765", **changes})


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (part_with(municipality_code=765), "/part/municipality_code", "municipality_code_not_text"),
        (
            part_with(municipality_code="7"),
            "/part/municipality_code",
            "municipality_code_malformed",
        ),
        (
            part_with(municipality_code="765\n"),
            "/part/municipality_code",
            "municipality_code_malformed",
        ),
        (part_with(made_on="1.3.2021"), "/part/made_on", "date_malformed"),
        (part_with(made_on="2021-02-30"), "/part/made_on", "date_malformed"),
        (part_with(made_on=20210301), "/part/made_on", "not_text"),
        (part_with(count=-1), "/part/count", "too_small"),
        (part_with(count=10_000), "/part/count", "too_large"),
        (part_with(count=1.0), "/part/count", "not_an_integer"),
        (part_with(count=True), "/part/count", "not_an_integer"),
        (part_with(count=10**30), "/part/count", "too_large"),
        (part_with(colour="blue"), "/part/colour", "unknown_field"),
        (changed(part=None), "/part", "not_an_object"),
        (changed(part=[]), "/part", "not_an_object"),
        (changed(other={}), "/other/municipality_code", "required_field_missing"),
        (changed(other=7), "/other", "not_an_object"),
        (changed(parts={}), "/parts", "not_a_list"),
        (changed(parts=[GOOD["part"]] * 4), "/parts", "too_many_items"),
        (changed(parts=[GOOD["part"], {}]), "/parts/1/municipality_code", "required_field_missing"),
        (changed(identity_code="24058"), "/identity_code", "identity_code_malformed"),
        (changed(identity_code=7), "/identity_code", "identity_code_not_text"),
        (changed(name=""), "/name", "too_short"),
        (changed(name="x" * 101), "/name", "too_long"),
        (changed(at="2021-03-01T08:01:50"), "/at", "instant_malformed"),
        (changed(at="yesterday"), "/at", "instant_malformed"),
        (changed(basis="hearsay"), "/basis", "value_not_listed"),
        (changed(basis=None), "/basis", "value_not_listed"),
        (changed(has_ban="no"), "/has_ban", "not_true_or_false"),
        (changed(name="a\0b"), "/name", "character_refused"),
        (changed(name="\ud800"), "/name", "character_refused"),
        (changed(colour=1), "/colour", "unknown_field"),
        (changed(**{"Aino Esimerkki": 1}), "", "unknown_field"),
        (changed(x240587a921n=1), "", "unknown_field"),
        (b"[]", "", "not_an_object"),
        (b"null", "", "not_an_object"),
        (b'"text"', "", "not_an_object"),
    ],
)
def test_each_fault_has_its_pointer_and_code(body: bytes, pointer: str, code: str) -> None:
    [fault] = faults_of(body)

    assert (fault.pointer, fault.code) == (pointer, code)
    assert fault.message


def test_all_faults_are_told_at_once_in_order_of_place() -> None:
    faults = faults_of(b'{"basis":"hearsay","part":{"municipality_code":7,"colour":1},"parts":7}')

    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/at", "required_field_missing"),
        ("/basis", "value_not_listed"),
        ("/identity_code", "required_field_missing"),
        ("/name", "required_field_missing"),
        ("/part/colour", "unknown_field"),
        ("/part/municipality_code", "municipality_code_not_text"),
        ("/parts", "not_a_list"),
    ]


def test_the_advice_is_that_of_the_type() -> None:
    [fault] = faults_of(part_with(municipality_code=765))

    assert fault.message == 'Give the code as three digits in text, for example "049".'


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","name":"b"}',
        changed()[:-1] + b',"name":"Toinen"}',
    ],
)
def test_a_member_given_twice_is_refused(body: bytes) -> None:
    assert ("/name", "member_repeated") in [
        (fault.pointer, fault.code) for fault in faults_of(body)
    ]


def test_a_member_given_twice_deep_inside_is_refused() -> None:
    body = changed().replace(b'"765"', b'"765","municipality_code":"049"')

    [fault] = faults_of(body)

    assert (fault.pointer, fault.code) == ("/part/municipality_code", "member_repeated")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{]",
        b'{"name":}',
        b"nul",
        b"\xef\xbb\xbf{}",
        b'{"name":"\xff"}',
        b'{"name":"\x01"}',
        b'{"name":NaN}',
        b'{"count":' + b"9" * 5_000 + b"}",
        b"{} {}",
        b"{'name':1}",
        b'{"name":1,}',
    ],
)
def test_a_text_that_is_no_json_is_a_400(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        DECODER.decode(body)

    assert refused.value.problem.code == "json_malformed"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_text_nested_too_deep_is_a_400(opening: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        DECODER.decode(opening * 50_000)

    assert refused.value.problem.code == "json_malformed"
    assert "20" in str(refused.value.detail)


def test_brackets_inside_texts_are_no_nesting() -> None:
    assert DECODER.decode(changed(name="[{" * 40)).name == "[{" * 40


def test_a_text_that_is_too_large_is_a_413() -> None:
    with pytest.raises(Refusal) as refused:
        JsonDecoder(Whole, bytes_max=100).decode(changed())

    assert refused.value.problem.code == "line_too_large"


def test_a_good_body_is_decoded_with_escapes_and_letters_of_all_sorts() -> None:
    value = DECODER.decode(changed(name="Äijö \U0001f600 \\n"))

    assert value.name == "Äijö \U0001f600 \\n"
    assert value.part.municipality_code == "765"


def test_the_title_gets_its_noun_from_the_type() -> None:
    with pytest.raises(InvalidBody) as refused:
        DECODER.decode(b"{}")

    assert refused.value.noun == "whole"


def test_a_type_with_an_unbounded_integer_is_refused_at_composition() -> None:
    class Unbounded(Struct):
        count: int

    with pytest.raises(AssertionError, match="an integer needs"):
        JsonDecoder(Unbounded)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.text(alphabet=string.printable, max_size=12)
    | st.sampled_from(
        ["765", "2021-03-01", "2021-03-01T08:00:00Z", "register", "yes", "24058792111"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*GOOD, "municipality_code", "made_on", "count"]), inner)
    ),
    max_leaves=6,
)
TYPED = msgspec.json.Decoder(Whole)


@st.composite
def nearly_good(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(GOOD))
    target = draw(st.sampled_from([body, body["part"]]))
    names = [*Whole.__struct_fields__, *Part.__struct_fields__, "colour"]
    target[draw(st.sampled_from(names))] = draw(json_values)
    if draw(st.booleans()):
        target.pop(draw(st.sampled_from(sorted(target))), None)
    return body


@given(nearly_good())
def test_the_schema_refuses_whatever_the_decoder_refuses_and_nothing_else(
    body: dict[str, Any],
) -> None:
    text = json.dumps(body)
    assume("\\n" not in text)
    try:
        TYPED.decode(text)
    except msgspec.ValidationError:
        faults = faults_of(text.encode())
        assert faults
        assert all(fault.code != "content_refused" for fault in faults)
    else:
        DECODER.decode(text.encode())
        assert not DECODER._faults_of(text.encode())


TEXTS = st.text(alphabet=string.ascii_letters + string.digits + "-+ÄÖ ", min_size=12, max_size=40)


@given(TEXTS)
def test_a_refused_value_is_never_repeated(value: str) -> None:
    body = changed(identity_code=value, basis=value, at=value, colour=value)

    shown = msgspec.json.encode(faults_of(body)).decode()

    assert value not in shown


@given(TEXTS.filter(lambda text: re.fullmatch("[a-z][a-z0-9_]*", text) is None))
def test_a_member_is_named_only_where_its_name_has_the_form_of_our_own(name: str) -> None:
    shown = msgspec.json.encode(faults_of(changed(**{name: 1, "part": {name: 1}}))).decode()

    assert name not in shown
    assert "unknown_field" in shown


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_by_a_refusal_of_ours(body: bytes) -> None:
    with pytest.raises((Refusal, InvalidBody)):
        DECODER.decode(body)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\n\nb\n", [b"a", b"", b"b"]),
        (b"\n", [b""]),
        (b"a\r\nb", [b"a\r", b"b"]),
    ],
)
def test_lines_are_split_at_line_feeds_alone(body: bytes, lines: list[bytes]) -> None:
    assert split_lines(body) == lines


def test_too_many_lines_are_refused() -> None:
    assert len(split_lines(b"a\n" * 3, lines_max=3)) == 3
    assert len(split_lines(b"a\na\na", lines_max=3)) == 3

    for body in (b"a\n" * 4, b"a\na\na\na"):
        with pytest.raises(Refusal) as refused:
            split_lines(body, lines_max=3)
        assert refused.value.problem.status == 413


class PauseThingRequest(Struct, frozen=True):
    reason: str


class ResumeRequest(Struct, frozen=True):
    reason: str


class StatementRequest(Struct, frozen=True):
    reason: str


@pytest.mark.parametrize(
    ("type_", "noun"),
    [(PauseThingRequest, "content"), (ResumeRequest, "content"), (StatementRequest, "statement")],
)
def test_what_has_faults_is_called_by_a_noun(type_: type[Struct], noun: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        JsonDecoder(type_).decode(b"{}")

    assert refused.value.noun == noun
