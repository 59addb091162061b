"""When information is due, warned of, late, and when a receiver may be called.

Days are working days of the Finnish calendar, hours those of clocks in Helsinki. `now` comes from
the edge; how many days and which hour are settings, since no legal time limit is known.
"""

from datetime import date, datetime, time, timedelta

from msgspec import Struct

from kuntavayla.values.calendar import (
    helsinki_instant,
    is_working_day,
    legal_day,
    working_day_after,
)


class DeliveryTarget(Struct, frozen=True, kw_only=True):
    """By when information should have reached its receiver; a setting.

    Delivered by the hour of the n-th working day after it was accepted, with a warning so many
    working days before. Source: docs/sources.md#information (assumed).
    """

    working_days: int
    at: time
    warn_working_days_before: int


class Due(Struct, frozen=True):
    """When an item is to be delivered, and when it counts as delayed before that."""

    deliver_by_at: datetime
    warn_at: datetime


class BusinessHours(Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of every working day in which a receiver takes calls; it closes at `closes`."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        """Refuse hours that never begin."""
        if self.closes <= self.opens:
            raise ValueError("A receiver closes after it opens, on the same day.")


def due(accepted_at: datetime, *, target: DeliveryTarget) -> Due:
    """Return when an item accepted at that instant is due and when it is warned of.

    The warning never comes before the item was accepted.
    """
    deliver_by_at = working_days_later(accepted_at, days=target.working_days, at=target.at)
    days_to_warning = target.working_days - target.warn_working_days_before
    if days_to_warning < 1:
        return Due(deliver_by_at, accepted_at)
    return Due(deliver_by_at, working_days_later(accepted_at, days=days_to_warning, at=target.at))


def working_days_later(instant: datetime, *, days: int, at: time) -> datetime:
    """Return that hour of the n-th working day after the instant's day in Helsinki."""
    return _at(working_day_after(legal_day(instant), days), at)


def is_open(hours: BusinessHours | None, *, now: datetime) -> bool:
    """Tell whether a receiver takes calls now; one without hours always does."""
    if hours is None:
        return True
    day = legal_day(now)
    return is_working_day(day) and _at(day, hours.opens) <= now < _at(day, hours.closes)


def opens_at(hours: BusinessHours | None, *, now: datetime) -> datetime:
    """Return when a receiver may next be called: now, or the next opening."""
    if hours is None or is_open(hours, now=now):
        return now
    day = legal_day(now)
    if is_working_day(day) and now < _at(day, hours.opens):
        return _at(day, hours.opens)
    return _at(working_day_after(day), hours.opens)


def days_to_compare_again(now: datetime) -> list[date]:
    """Return the days before those of `days_to_compare`, back to the working day before them.

    An item comes to such a day late where its receiver's clock is hours behind, or where it was
    sent again.
    """
    first = days_to_compare(now)[0]
    return days_to_compare(helsinki_instant(first, 0, 0))


def days_to_compare(now: datetime) -> list[date]:
    """Return the days from the last working day on that are over: on a Monday Friday to Sunday."""
    today = legal_day(now)
    day = today - timedelta(days=1)
    days = [day]
    while not is_working_day(day):
        day -= timedelta(days=1)
        days.append(day)
    return days[::-1]


def next_working_day_at(hours: BusinessHours | None, *, now: datetime, opens: time) -> datetime:
    """Return when the receiver opens on the next working day; `opens` where it has no hours."""
    return _at(working_day_after(legal_day(now)), hours.opens if hours is not None else opens)


def _at(day: date, at: time) -> datetime:
    return helsinki_instant(day, at.hour, at.minute)
