"""Month-end snapshots: the sums of an account's first entries, so that no sum grows for ever; pure.

A snapshot is of a place, not of a day: all entries up to its position, none of which was booked
behind its month. What counts for a later day stands beside, day by day, so that an entry dated back
or ahead makes no snapshot lie.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

from quota_ledger.rules.balances import NOTHING, Sums

Figures = Sequence[int]
"""The ten sums in their order."""


class Snapshot(Struct, frozen=True):
    """What the first entries of an account add up to; `ahead` of it counts for later days."""

    booked: Figures
    ahead: Mapping[date, Figures] = {}

    def on(self, day: date) -> Sums:
        """Return what counts for a day, which is not before the end of the snapshot's month."""
        sums = Sums(*self.booked)
        for later, figures in self.ahead.items():
            if later > day:
                sums = sums.plus(Sums(*(-figure for figure in figures)))
        return sums


def added(snapshot: Snapshot | None, behind: Sums, *, on: date) -> Sums:
    """Return the sums of a day: of a snapshot, if there is one, and of the entries behind it."""
    return (NOTHING if snapshot is None else snapshot.on(on)).plus(behind)


def month_ends(first: date, *, today: date) -> list[date]:
    """Return the last days of the months from that of a day on that have ended."""
    ends = []
    end = last_of_month(first)
    while end < today:
        ends.append(end)
        end = last_of_month(end + timedelta(days=1))
    return ends


def last_of_month(day: date) -> date:
    """Return the last day of a day's month. Source: the calendar; a month has 28 to 31 days."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
