"""When an allocation runs out: its use of the last full weeks, and what is free.

Weekly net use is what was reserved less what was released. The run-out is as many weeks ahead as
the median week goes into what is free; the upper quartile gives the earliest day, the lower one the
latest. Everything is exact; a day is reached only when it is full.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

WEEKS_MAX = 8
"""Full weeks that are looked at. Source: sources.md#forecast."""
WEEKS_MIN = 4
"""With fewer there is no forecast. Source: sources.md#forecast."""
HORIZON_DAYS = 3_653
"""No day beyond ten years is told. Source: sources.md#forecast."""
_WEEK = timedelta(weeks=1)
Reason = Literal["too_few_weeks", "no_net_use", "beyond_ten_years"]


class Week(Struct, frozen=True):
    """A full week, Monday to Sunday, and what was used in it, net."""

    starts_on: date
    net_cents: int


class Forecast(Struct, frozen=True, kw_only=True):
    """When an account runs out, by its weeks; no date has a reason.

    `latest_on` is None where a quiet week uses nothing.
    """

    weeks: Sequence[Week]
    median_cents: int | None = None
    lower_quartile_cents: int | None = None
    upper_quartile_cents: int | None = None
    run_out_on: date | None = None
    earliest_on: date | None = None
    latest_on: date | None = None
    reason: Reason | None = None


def this_monday(today: date) -> date:
    """Return the Monday of the week that is not full yet."""
    return today - timedelta(days=today.weekday())


def full_weeks(opened_on: date, *, today: date, net: Mapping[date, int]) -> list[Week]:
    """Return the last full weeks that an account has seen whole, oldest first.

    `net` is the use by Mondays; a week without any use counts with nothing.
    """
    monday = this_monday(today)
    starts = [monday - number * _WEEK for number in range(WEEKS_MAX, 0, -1)]
    return [Week(one, net.get(one, 0)) for one in starts if one >= opened_on]


def forecast(weeks: Sequence[Week], *, free_cents: int, today: date) -> Forecast:
    """Return when what is free runs out.

    Source: sources.md#forecast.
    """
    if len(weeks) < WEEKS_MIN:
        return Forecast(weeks=weeks, reason="too_few_weeks")
    nets = sorted(week.net_cents for week in weeks)
    lower, median, upper = (quartile(nets, number) for number in (1, 2, 3))
    told = Forecast(
        weeks=weeks,
        median_cents=int(median),
        lower_quartile_cents=int(lower),
        upper_quartile_cents=int(upper),
    )
    if median <= 0:
        return replace(told, reason="no_net_use")
    run_out = _day(free_cents, median, today=today)
    if run_out is None:
        return replace(told, reason="beyond_ten_years")
    return replace(
        told,
        run_out_on=run_out,
        earliest_on=_day(free_cents, upper, today=today),
        latest_on=_day(free_cents, lower, today=today),
    )


def quartile(ordered: Sequence[int], number: int) -> Fraction:
    """Return a quartile of numbers in order; between two it lies where it divides them.

    Source: sources.md#forecast.
    """
    place = Fraction((len(ordered) - 1) * number, 4)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _day(free_cents: int, weekly: Fraction, *, today: date) -> date | None:
    """Return the day on which what is free is used up; None for none within the horizon."""
    if weekly <= 0:
        return None
    days = int(max(0, free_cents) / weekly * _WEEK.days)
    return today + timedelta(days=days) if days <= HORIZON_DAYS else None
