"""Appropriation years: which of them may be drawn on a day."""

from datetime import date
from functools import lru_cache

_DAYS_CACHED_MAX = 4_096


def is_open(budget_year: int, *, on: date) -> bool:
    """Say whether a year may be drawn on a day: on its own days, and on those of the year behind.

    Whether it has lapsed early, its account knows. Source: sources.md#quota-years.
    """
    return budget_year <= on.year <= budget_year + 1


@lru_cache(maxsize=_DAYS_CACHED_MAX)
def years_drawn(
    budget_year: int, *, decided_on: date, starts_on: date, today: date
) -> tuple[int, ...]:
    """Return the years that a decision may draw from, oldest first; none newer than its own.

    A year is drawn that was open on the day decided on and is open today, and in whose time the
    period begins. Source: sources.md#quota-years.
    """
    last = decided_on.year
    return tuple(
        year
        for year in (last - 1, last)
        if year <= budget_year and is_open(year, on=today) and starts_on.year <= year + 1
    )


def may_lapse(budget_year: int, *, today: date) -> bool:
    """Say whether a year is over: its own days, and those of the year behind it.

    Source: sources.md#quota-years.
    """
    return today.year > budget_year + 1
