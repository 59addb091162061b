"""When to acknowledge a transfer, give a notice, close a review: in Finnish working days."""

from datetime import date, datetime
from functools import lru_cache

from msgspec import Struct

from kuntavayla.values.calendar import helsinki_instant, working_day_after


class Deadlines(Struct, frozen=True):
    """Lengths in working days, and an hour in Helsinki; settings, not law (docs/sources.md)."""

    acknowledge_days: int
    acknowledge_initial_days: int
    acknowledge_hour: int
    notice_days: int
    review_days: int


@lru_cache(maxsize=1024)
def acknowledge_due_at(begins_on: date, *, is_initial: bool, deadlines: Deadlines) -> datetime:
    """Return when a case system must have acknowledged, from the later of decision and effect.

    The initial batch, first transfers effective on the rule set's first day, has a length of its
    own, so that 230,000 alarms do not fire.
    """
    days = deadlines.acknowledge_initial_days if is_initial else deadlines.acknowledge_days
    return helsinki_instant(working_day_after(begins_on, days), deadlines.acknowledge_hour, 0)


@lru_cache(maxsize=1024)
def notice_due_on(begins_on: date, *, deadlines: Deadlines) -> date:
    """Return the day by which the TE office tells the person."""
    return working_day_after(begins_on, deadlines.notice_days)


@lru_cache(maxsize=1024)
def review_due_on(begins_on: date, *, deadlines: Deadlines) -> date:
    """Return the day by which a review is resolved."""
    return working_day_after(begins_on, deadlines.review_days)
