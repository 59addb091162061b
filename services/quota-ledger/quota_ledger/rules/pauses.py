"""Days of a decision's period that are not paid: it was interrupted, and went on later."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct

from kuntavayla.errors import Fault

_DAY = timedelta(days=1)


class Pause(Struct, frozen=True, forbid_unknown_fields=True):
    """Days within the period for which nothing is paid, both ends included."""

    starts_on: date
    ends_on: date


Pauses = tuple[Pause, ...]


def days_between(starts_on: date, ends_on: date, *, pauses: Sequence[Pause] = ()) -> int:
    """Return how many days there are from one to the other, without those of pauses."""
    days = max(0, (ends_on - starts_on).days + 1)
    if not pauses or not days:
        return days
    return days - sum(
        max(0, (min(one.ends_on, ends_on) - max(one.starts_on, starts_on)).days + 1)
        for one in pauses
    )


def holds(pauses: Sequence[Pause], day: date) -> bool:
    """Say whether a day is one of a pause."""
    return any(one.starts_on <= day <= one.ends_on for one in pauses)


def pauses_within(pauses: Sequence[Pause], *, starts_on: date, ends_on: date) -> Pauses:
    """Return what pauses have of the days from one to the other."""
    return tuple(
        Pause(max(one.starts_on, starts_on), min(one.ends_on, ends_on))
        for one in pauses
        if one.starts_on <= ends_on and starts_on <= one.ends_on
    )


def pause_until(last_on: date, *, resumed_on: date) -> Pauses:
    """Return the pause of what stopped behind a day and goes on on another; none without days."""
    starts_on = last_on + _DAY
    return (Pause(starts_on, resumed_on - _DAY),) if starts_on < resumed_on else ()


def pause_faults(pauses: Sequence[Pause], *, starts_on: date, ends_on: date) -> Iterator[Fault]:
    """Yield pauses that are not in order, or not behind the first day of the period."""
    before = starts_on
    for number, one in enumerate(pauses):
        pointer = f"/period/pauses/{number}"
        if one.ends_on < one.starts_on:
            advice = "Give a day that is not before starts_on."
            yield Fault(f"{pointer}/ends_on", "day_before_another", advice)
        if one.starts_on <= before:
            advice = "Give pauses in their order, behind the first day of the period."
            yield Fault(f"{pointer}/starts_on", "not_in_order", advice)
        if one.ends_on > ends_on:
            advice = "Give days of the period."
            yield Fault(f"{pointer}/ends_on", "outside_period", advice)
        before = max(before, one.ends_on)
