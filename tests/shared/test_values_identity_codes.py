"""Identity codes: what is refused and why, every century sign, agreement with stdnum."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fi import hetu

from kuntavayla.values.identity_codes import IdentityCode, IdentityCodeFault, parse

CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SIGNS = {1800: "+", 1900: "-YXWVU", 2000: "ABCDEF"}


def written(born_on: date, *, sign: str, individual_number: int) -> str:
    digits = f"{born_on:%d%m%y}{individual_number:03d}"
    check = CHECK_CHARACTERS[int(digits) % 31]
    return f"{digits[:6]}{sign}{digits[6:]}{check}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "malformed", id="empty"),
        pytest.param("240587-921", "malformed", id="too short"),
        pytest.param("240587-921NN", "malformed", id="too long"),
        pytest.param("24O587-921N", "malformed", id="letter O for zero"),
        pytest.param("24058\N{FULLWIDTH DIGIT SEVEN}-921N", "malformed", id="full-width digit"),
        pytest.param("+40587-921N", "malformed", id="sign for a digit"),
        pytest.param("2405 7-921N", "malformed", id="space for a digit"),
        pytest.param("240587/921N", "century_sign", id="unknown sign"),
        pytest.param("240587a921N", "century_sign", id="small letter"),
        pytest.param("240587Z921N", "century_sign", id="letter after the last sign"),
        pytest.param("240587T921N", "century_sign", id="letter before the first sign of 19xx"),
        pytest.param("240587G921N", "century_sign", id="letter after the last sign of 20xx"),
        pytest.param("240587-000A", "individual_number", id="individual number 000"),
        pytest.param("240587-001B", "individual_number", id="individual number 001"),
        pytest.param("310287-9217", "no_such_day", id="31 February"),
        pytest.param("290287-9217", "no_such_day", id="29 February of a common year"),
        pytest.param("000187-9217", "no_such_day", id="day 0"),
        pytest.param("011387-9217", "no_such_day", id="month 13"),
        pytest.param("240587-921M", "check_character", id="wrong character"),
        pytest.param("240587-921n", "check_character", id="small character"),
        pytest.param("240587-921G", "check_character", id="character never used"),
    ],
)
def test_a_text_that_is_no_identity_code_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(IdentityCodeFault) as refused:
        parse(text)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("century", "sign"), [(century, sign) for century, signs in SIGNS.items() for sign in signs]
)
def test_every_century_sign_gives_its_century(century: int, sign: str) -> None:
    born_on = date(century + 4, 2, 29)

    code = parse(written(born_on, sign=sign, individual_number=921))

    assert code.born_on == born_on


@pytest.mark.parametrize(
    ("individual_number", "is_test"), [(2, False), (899, False), (900, True), (999, True)]
)
def test_only_individual_numbers_from_900_on_are_for_tests(
    individual_number: int, *, is_test: bool
) -> None:
    code = parse(written(date(1987, 5, 24), sign="-", individual_number=individual_number))

    assert code.is_test is is_test


@given(
    born_on=st.dates(date(1800, 1, 1), date(2099, 12, 31)),
    individual_number=st.integers(2, 999),
    data=st.data(),
)
def test_what_is_written_by_the_rules_is_read_back(
    born_on: date, individual_number: int, data: st.DataObject
) -> None:
    sign = data.draw(st.sampled_from(SIGNS[born_on.year // 100 * 100]))
    text = written(born_on, sign=sign, individual_number=individual_number)

    assert parse(text) == IdentityCode(text, born_on, individual_number >= 900)


@given(st.from_regex(r"\A[0-3][0-9][01][0-9]{3}[-+A-Za-z/][0-9]{3}[0-9A-Z]\Z"))
def test_texts_of_the_right_shape_are_judged_as_stdnum_judges_them(text: str) -> None:
    expected = text == text.upper() and hetu.is_valid(text, allow_temporary=True)

    assert is_accepted(text) == expected


@given(st.text(max_size=14))
def test_any_text_is_either_an_identity_code_or_refused_with_a_reason(text: str) -> None:
    assert is_accepted(text) == (text == text.strip().upper() and is_known_to_stdnum(text))


@given(position=st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9]), digit=st.sampled_from("0123456789"))
def test_a_single_wrong_digit_never_passes(position: int, digit: str) -> None:
    right = "240587-921N"
    text = right[:position] + digit + right[position + 1 :]

    assert is_accepted(text) == (text == right)


def test_neither_a_value_nor_a_refusal_shows_the_code() -> None:
    code = parse("240587-921N")
    with pytest.raises(IdentityCodeFault) as refused:
        parse("240587-921M")

    shown = f"{code!r} {code} {refused.value!r} {refused.value}"
    assert "240587" not in shown
    assert "921" not in shown


def is_accepted(text: str) -> bool:
    try:
        parse(text)
    except IdentityCodeFault:
        return False
    return True


def is_known_to_stdnum(text: str) -> bool:
    return len(text) == 11 and text.isascii() and hetu.is_valid(text, allow_temporary=True)
