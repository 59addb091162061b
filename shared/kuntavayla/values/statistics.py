"""Monthly figures that all may read: the month, and what is told of counts."""

from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from kuntavayla.values.calendar import helsinki_instant


class Disclosure(Struct, frozen=True, kw_only=True):
    """What counts are rounded to, and the smallest rounded count of which more is told."""

    rounded_to: int
    rate_of_min: int


class Month(Struct, frozen=True):
    """A month by its first day, and the first day of the next."""

    first_on: date
    next_on: date

    @classmethod
    def of(cls, text: str) -> "Month":
        """Return the month of a text as "2021-03"; raises ValueError for none of the calendar.

        Source: the calendar; a month has 28 to 31 days.
        """
        first_on = date.fromisoformat(f"{text}-01")
        return cls(first_on, (first_on.replace(day=28) + timedelta(days=4)).replace(day=1))

    def ids(self) -> tuple[str, str]:
        """Return the bounds of the ids drawn in the month: the first of it and of the next."""
        return (
            first_id_at(helsinki_instant(self.first_on, 0, 0)),
            first_id_at(helsinki_instant(self.next_on, 0, 0)),
        )


def first_id_at(instant: datetime) -> str:
    """Return the least id that can be drawn at an instant: a UUIDv7 begins with its milliseconds.

    Source: RFC 9562, section 5.7.
    """
    return str(UUID(int=max(0, int(instant.timestamp()) * 1_000) << 80))


def rounded(count: int, *, to: int) -> int:
    """Return the count rounded to the nearest multiple, half up.

    Source: docs/sources.md#information (figures).
    """
    return (2 * count + to) // (2 * to) * to
