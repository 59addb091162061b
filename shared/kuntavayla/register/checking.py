"""Refusals that need more than one line: duplicates, overlaps, gaps, unknown codes, bare days.

Each function passes or raises RegisterFault with the file and line that is at fault.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Protocol, TypeVar

from kuntavayla.register.reading import Line
from kuntavayla.values.periods import Period


class Dated(Protocol):
    """Whatever holds for a period."""

    @property
    def period(self) -> Period:
        """The days on which it holds."""
        ...


V = TypeVar("V")
D = TypeVar("D", bound=Dated)


def refuse_duplicates(lines: Iterable[Line[V]], *, key: Callable[[V], Hashable]) -> None:
    """Refuse a second line with the same key."""
    seen: set[Hashable] = set()
    for line in lines:
        if key(line.value) in seen:
            raise line.fault(f"{key(line.value)} is listed twice.")
        seen.add(key(line.value))


def refuse_unknown(
    lines: Iterable[Line[V]], *, code: Callable[[V], str | None], known: Container[str]
) -> None:
    """Refuse a line whose code is not among the known ones."""
    for line in lines:
        named = code(line.value)
        if named is not None and named not in known:
            raise line.fault(f"The code {named} is unknown.")


def refuse_overlaps(lines: Iterable[Line[D]], *, key: Callable[[D], Hashable]) -> None:
    """Refuse two lines of one key that hold on the same day."""
    for earlier, later in _neighbours(lines, key=key):
        if earlier.value.period.overlaps(later.value.period):
            raise later.fault(
                f"{key(later.value)} overlaps line {earlier.number} of {earlier.file}."
            )


def refuse_gaps(lines: Iterable[Line[D]], *, key: Callable[[D], Hashable]) -> None:
    """Refuse a day without a line between two lines of one key; the lines do not overlap."""
    for earlier, later in _neighbours(lines, key=key):
        if _day_after(earlier.value.period) < later.value.period.starts_on:
            raise later.fault(
                f"{key(later.value)} has a gap after line {earlier.number} of {earlier.file}."
            )


def refuse_uncovered(
    lines: Iterable[Line[D]],
    *,
    key: Callable[[D], str],
    covers: Mapping[str, Sequence[Period]],
    missing: str,
) -> None:
    """Refuse a line that holds on a day on which none of its key's `covers` does.

    `missing` names what is not there, for the reason.
    """
    for line in lines:
        day = _first_uncovered(line.value.period, covers.get(key(line.value), ()))
        if day is not None:
            raise line.fault(f"{key(line.value)} has no {missing} on {day.isoformat()}.")


def refuse_contradictions(
    lines: Iterable[Line[V]], *, key: Callable[[V], Hashable], facts: Callable[[V], Hashable]
) -> None:
    """Refuse two lines of one key that tell different facts."""
    first: dict[Hashable, Line[V]] = {}
    for line in lines:
        told = first.setdefault(key(line.value), line)
        if facts(told.value) != facts(line.value):
            raise line.fault(f"{key(line.value)} differs from line {told.number} of {told.file}.")


def periods_by(lines: Iterable[Line[D]], *, key: Callable[[D], str]) -> dict[str, list[Period]]:
    """Return the periods of the lines, by key."""
    periods: dict[str, list[Period]] = defaultdict(list)
    for line in lines:
        periods[key(line.value)].append(line.value.period)
    return periods


def _neighbours(
    lines: Iterable[Line[D]], *, key: Callable[[D], Hashable]
) -> Iterable[tuple[Line[D], Line[D]]]:
    by_key: dict[Hashable, list[Line[D]]] = defaultdict(list)
    for line in lines:
        by_key[key(line.value)].append(line)
    for group in by_key.values():
        yield from pairwise(sorted(group, key=lambda line: line.value.period.starts_on))


def _first_uncovered(period: Period, covers: Sequence[Period]) -> date | None:
    day = period.starts_on
    for cover in sorted(covers, key=lambda cover: cover.starts_on):
        if cover.contains(day):
            if cover.last_day >= period.last_day:
                return None
            day = _day_after(cover)
    return day


def _day_after(period: Period) -> date:
    return period.last_day + timedelta(days=1)
