"""Monthly figures of information with disclosure control: no small count can be read off them.

Every count is rounded, rates are made of rounded counts, and there is none of few. What is summed
up is summed up before it is rounded.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct, structs

from kuntavayla.values.calendar import helsinki_instant


class Counts(Struct, frozen=True):
    """How many items were accepted in a month, and what has come of them by now."""

    accepted: int = 0
    delivered: int = 0
    delivered_on_time: int = 0
    rejected: int = 0
    not_relayed: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Return the sum, member by member."""
        return Counts(
            *(
                one + another
                for one, another in zip(structs.astuple(self), structs.astuple(other), strict=True)
            )
        )


class Tally(Struct, frozen=True):
    """The counts of one kind from one municipality."""

    kind: str
    municipality_code: str
    counts: Counts


class Disclosure(Struct, frozen=True, kw_only=True):
    """What counts are rounded to, and the smallest rounded count of which there is a rate."""

    rounded_to: int
    rate_of_min: int


class Cell(Struct, frozen=True, kw_only=True):
    """Rounded figures of one kind and area; None stands for all of them."""

    kind: str | None
    area_code: str | None
    accepted: int
    delivered: int
    delivered_on_time: int
    rejected: int
    not_relayed: int
    on_time_percent: int | None


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


def cells_of(
    tallies: Sequence[Tally], *, area_of: Mapping[str, str], disclosure: Disclosure
) -> list[Cell]:
    """Return the figures of a month: of all, by kind, by area, by both; sorted, all of them first.

    What comes from a municipality without an area is in the sums alone.
    """
    sums: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for tally in tallies:
        for place in _places(tally, area_of=area_of):
            sums[place] = sums[place].plus(tally.counts)
    sums.setdefault(("", ""), Counts())
    return [
        _cell(kind or None, area or None, counts=sums[kind, area], disclosure=disclosure)
        for kind, area in sorted(sums)
    ]


def rounded(count: int, *, to: int) -> int:
    """Return the count rounded to the nearest multiple, half up.

    Source: docs/sources.md#information (figures).
    """
    return (2 * count + to) // (2 * to) * to


def _places(tally: Tally, *, area_of: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "", ""
    yield tally.kind, ""
    area_code = area_of.get(tally.municipality_code)
    if area_code is not None:
        yield "", area_code
        yield tally.kind, area_code


def _cell(
    kind: str | None, area_code: str | None, *, counts: Counts, disclosure: Disclosure
) -> Cell:
    """Round the counts of a place.

    Source: docs/sources.md#information (figures).
    """
    to = disclosure.rounded_to
    delivered = rounded(counts.delivered, to=to)
    on_time = rounded(counts.delivered_on_time, to=to)
    has_rate = delivered >= disclosure.rate_of_min
    return Cell(
        kind=kind,
        area_code=area_code,
        accepted=rounded(counts.accepted, to=to),
        delivered=delivered,
        delivered_on_time=on_time,
        rejected=rounded(counts.rejected, to=to),
        not_relayed=rounded(counts.not_relayed, to=to),
        on_time_percent=min(100, 100 * on_time // delivered) if has_rate else None,
    )
