"""Calendar months and parts of them: how long a period lasts, and what it has of each month."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct

from quota_ledger.rules.pauses import Pauses, days_between, holds

_PERIODS_CACHED_MAX = 4_096
_DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12
_FRIDAY = 4


class MonthPart(Struct, frozen=True):
    """The days that a period has in one calendar month, both ends included; "2021-09"."""

    month: str
    starts_on: date
    ends_on: date
    days: int
    days_of_month: int
    is_whole: bool


class PayableDays(Struct, frozen=True):
    """The days of one calendar month that may be paid, in their order; maybe none."""

    month: str
    days: tuple[date, ...]


@lru_cache(maxsize=_PERIODS_CACHED_MAX)
def last_day_of(starts_on: date, *, months: int) -> date:
    """Return the last day of a period so many months long: the one before the same day of a month.

    Where that month has no such day, its last day: six months from 31.8. end on 28.2. or 29.2.
    Source: sources.md#periods (Act 150/1930 section 3).
    """
    year, month = divmod(
        starts_on.year * _MONTHS_A_YEAR + starts_on.month - 1 + months, _MONTHS_A_YEAR
    )
    days_of_month = monthrange(year, month + 1)[1]
    if starts_on.day > days_of_month:
        return date(year, month + 1, days_of_month)
    return date(year, month + 1, starts_on.day) - _DAY


@lru_cache(maxsize=_PERIODS_CACHED_MAX)
def month_parts(starts_on: date, ends_on: date, pauses: Pauses = ()) -> Sequence[MonthPart]:
    """Return what a period has of each calendar month, in their order.

    The days of pauses count for nothing; a month that has no other days is left out.
    """
    parts = []
    day = starts_on
    while day <= ends_on:
        days_of_month = monthrange(day.year, day.month)[1]
        last = min(day.replace(day=days_of_month), ends_on)
        days = days_between(day, last, pauses=pauses)
        if days:
            parts.append(
                MonthPart(_text(day), day, last, days, days_of_month, days == days_of_month)
            )
        day = last + _DAY
    return tuple(parts)


@lru_cache(maxsize=_PERIODS_CACHED_MAX)
def payable_days(
    starts_on: date, ends_on: date, *, days_per_week: int, pauses: Pauses = ()
) -> Sequence[PayableDays]:
    """Return the days that may be paid, by month: the first of each week, Monday to Friday.

    Holidays count; days of pauses do not, and a month that has no other days is left out. Source:
    sources.md#start-up-grant.
    """
    by_month: dict[str, list[date]] = {}
    in_week = 0
    day = starts_on
    while day <= ends_on:
        in_week = 0 if day.weekday() == 0 else in_week
        if pauses and holds(pauses, day):
            day += _DAY
            continue
        of_month = by_month.setdefault(_text(day), [])
        if day.weekday() <= _FRIDAY and in_week < days_per_week:
            of_month.append(day)
            in_week += 1
        day += _DAY
    return tuple(PayableDays(month, tuple(days)) for month, days in by_month.items())


def half_up(numerator: int, denominator: int) -> int:
    """Return a fraction as a whole number, one half upwards; neither is negative.

    Source: sources.md#rounding.
    """
    return (2 * numerator + denominator) // (2 * denominator)


def _text(day: date) -> str:
    return day.strftime("%Y-%m")
