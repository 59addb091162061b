"""Test identity codes: individual numbers 900-999, every person another one.

A birth day has a hundred test numbers per century sign, fifty of them for each sex, and six signs
per century since 2023. The allocator counts the persons of each day and sex, and takes the numbers
in a fixed order, so it needs no memory of the codes given. Codes that differ only in the sign
belong to different people: early in the order a day repeats its first number with the next sign.
"""

from array import array
from datetime import date

# Source: domain.md, section 7.
SIGNS = {19: "-YXWVU", 20: "ABCDEF"}
CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
TEST_NUMBERS = range(900, 1000)
_PER_SEX = len(TEST_NUMBERS) // 2
_VARIANTS = 8
"""A day's order is one of eight: each repeats the first number, with another sign, later."""


class IdentityCodesExhausted(Exception):
    """More persons of one sex on one birth day than there are test identity codes."""

    def __init__(self, born_on: date) -> None:
        super().__init__(f"no test identity code left for a birth day: {born_on.isoformat()}")
        self.born_on = born_on


class IdentityCodes:
    """Hands out test identity codes, each once, for birth days between two ordinals."""

    def __init__(self, *, first_ordinal: int, last_ordinal: int) -> None:
        self._first = first_ordinal
        self._given = array("H", bytes(4 * (last_ordinal - first_ordinal + 1)))
        self._days: dict[int, tuple[str, int, str]] = {}

    def take(self, ordinal: int, *, parity: int) -> str:
        """Return a code that nobody has; individual numbers are even for women, odd for men."""
        place = (ordinal - self._first) * 2 + parity
        turn = self._given[place]
        self._given[place] = turn + 1
        day = self._days.get(ordinal) or self._day(ordinal)
        try:
            sign, number = _ORDERS[ordinal % _VARIANTS][turn]
        except IndexError:
            raise IdentityCodesExhausted(date.fromordinal(ordinal)) from None
        number += parity
        return f"{day[0]}{day[2][sign]}{number}{CHECK_CHARACTERS[(day[1] + number) % 31]}"

    def _day(self, ordinal: int) -> tuple[str, int, str]:
        on = date.fromordinal(ordinal)
        text = f"{on.day:02}{on.month:02}{on.year % 100:02}"
        day = (text, int(text) * 1000, SIGNS[on.year // 100])
        self._days[ordinal] = day
        return day


def _order(variant: int) -> tuple[tuple[int, int], ...]:
    """Return (index of the sign, even individual number) in the order of being given."""
    numbers = [TEST_NUMBERS[(7 * turn + 3 * variant) % _PER_SEX * 2] for turn in range(_PER_SEX)]
    twin = (1 + variant % 5, numbers[0])
    usual = [(0, number) for number in numbers]
    later = [(sign, number) for sign in range(1, 6) for number in numbers]
    early = [*usual[: 1 + variant], twin, *usual[1 + variant :]]
    return (*early, *(slot for slot in later if slot != twin))


_ORDERS = tuple(_order(variant) for variant in range(_VARIANTS))
