"""Appropriation years: which of them may be drawn on a day."""

from datetime import date


def years_drawn(budget_year: int, *, decided_on: date) -> tuple[int, ...]:
    """Return the budget years that a decision may draw from, oldest first.

    A year is open on its own days and on those of the year behind it, and none newer than the
    item's own is drawn. Whether a year has lapsed early, its account knows.
    Source: sources.md#quota-years.
    """
    last = decided_on.year
    return tuple(year for year in (last - 1, last) if year <= budget_year)
