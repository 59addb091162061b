"""Finnish personal identity codes: text to a value, or the one reason why it is none.

A code never appears in a message or a representation: what is raised or printed may reach a log.
"""

import re
from datetime import date
from typing import Literal

from msgspec import Struct
from typing_extensions import override

IdentityCodeReason = Literal[
    "malformed", "century_sign", "individual_number", "no_such_day", "check_character"
]

_LENGTH = 11
_CODE_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[0-9]{6}[-+A-Za-z][0-9]{3}[0-9A-Za-z](?![0-9A-Za-z])")
_CENTURY_BY_SIGN = {
    "+": 1800,
    **dict.fromkeys("-YXWVU", 1900),
    **dict.fromkeys("ABCDEF", 2000),
}
_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_INDIVIDUAL_NUMBER_MIN = 2
_TEST_INDIVIDUAL_NUMBER_MIN = 900


class IdentityCode(Struct, frozen=True):
    """A valid personal identity code, the birth date in it, and whether it is for tests only."""

    text: str
    born_on: date
    is_test: bool

    @override
    def __repr__(self) -> str:
        return "IdentityCode(…)"


class IdentityCodeFault(ValueError):
    """The text is no personal identity code; `reason` says why and never repeats the text."""

    def __init__(self, reason: IdentityCodeReason) -> None:
        super().__init__(reason)
        self.reason: IdentityCodeReason = reason


def parse(text: str) -> IdentityCode:
    """Return the identity code that the text is, in capitals and without spaces around it.

    Raises IdentityCodeFault with the first reason that applies, in the order of IdentityCodeReason.
    Source: Government Decree on the Population Information System 128/2010, with the further
    century signs (Y to U, B to F) in force from 1.1.2023; individual numbers 900-999 are never
    given to a person for life.
    """
    digits = text[:6] + text[7:10]
    if len(text) != _LENGTH or not (digits.isascii() and digits.isdigit()):
        raise IdentityCodeFault("malformed")
    century = _CENTURY_BY_SIGN.get(text[6])
    if century is None:
        raise IdentityCodeFault("century_sign")
    number = int(digits)
    individual_number = number % 1000
    if individual_number < _INDIVIDUAL_NUMBER_MIN:
        raise IdentityCodeFault("individual_number")
    try:
        born_on = date(century + int(text[4:6]), int(text[2:4]), int(text[:2]))
    except ValueError:
        raise IdentityCodeFault("no_such_day") from None
    if _CHECK_CHARACTERS[number % 31] != text[10]:
        raise IdentityCodeFault("check_character")
    return IdentityCode(text, born_on, individual_number >= _TEST_INDIVIDUAL_NUMBER_MIN)


def holds_identity_code(text: str) -> bool:
    """Say whether a valid identity code stands in the text, in capitals or not.

    Only whole words are looked at, so that no id holds one by chance in its middle.
    """
    return any(_is_identity_code(found) for found in _CODE_IN_TEXT.findall(text))


def _is_identity_code(text: str) -> bool:
    try:
        parse(text.upper())
    except IdentityCodeFault:
        return False
    return True
