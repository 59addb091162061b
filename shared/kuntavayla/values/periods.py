"""Periods of whole days. Both ends belong to the period, and an open end means "still in force"."""

from datetime import date
from typing import Self

from msgspec import Struct


class Period(Struct, frozen=True, forbid_unknown_fields=True):
    """The days from `starts_on` to `ends_on`, both included; without `ends_on` it is open."""

    starts_on: date
    ends_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse a period that ends before it starts."""
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("A period may not end before it starts.")

    def contains(self, on: date) -> bool:
        """Tell whether the day belongs to the period."""
        return self.starts_on <= on and (self.ends_on is None or on <= self.ends_on)

    def overlaps(self, other: Self) -> bool:
        """Tell whether the two periods have at least one day in common."""
        return self.starts_on <= other.last_day and other.starts_on <= self.last_day

    @property
    def last_day(self) -> date:
        """The last day; where the end is open, the calendar's own last day, to compare by."""
        return self.ends_on or date.max
