"""Rows of law with the days they hold on and the day they became known."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

from msgspec import Struct

from kuntavayla.values.periods import Period
from kuntavayla.values.tables import TableFault, period_of, refuse_gaps, refuse_overlaps

FIRST_ON = date(2021, 3, 1)
"""The first day of the pilots, from which on every table holds. Source: Act 1269/2020."""


class DatedRow(Struct, frozen=True, kw_only=True):
    """A number of law: its id, the days it holds on, since when it is known, and its source."""

    row_id: str
    what: str
    value: int
    unit: str
    period: Period
    known_from: date
    source: str
    sureness: str


R = TypeVar("R", bound=DatedRow)


def row_known(rows: Sequence[R], *, on: date, decided_on: date) -> R:
    """Return the row of a day, as it was known on the day decided.

    A day behind the last known row takes that row; a decision from before anything was known takes
    what became known first. `rows` are of one thing, in the order of their days.

    Source: sources.md#known-rows.
    """
    for row in reversed(rows):
        if row.period.starts_on <= on and row.known_from <= decided_on:
            return row
    return min(rows, key=lambda row: (row.known_from, row.period.starts_on))


def number_of(text: str, *, table: str) -> int:
    """Return a whole number of a table, none below zero; raises TableFault."""
    if not (text.isascii() and text.isdigit()):
        raise TableFault(table, f"{text!r} is no whole number.")
    return int(text)


def day_of(text: str, *, table: str) -> date:
    """Return a day of a table; raises TableFault."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TableFault(table, f"{text!r} is no day.") from error


def dated_row(cells: dict[str, str], *, table: str) -> DatedRow:
    """Return what every dated row of numbers has; raises TableFault."""
    if not cells["id"] or not cells["unit"]:
        raise TableFault(table, "A row has no id or no unit.")
    return DatedRow(
        row_id=cells["id"],
        what=cells["what"],
        value=number_of(cells["value"], table=table),
        unit=cells["unit"],
        period=period_of(cells, table=table),
        known_from=day_of(cells["known_from"], table=table),
        source=cells["source"],
        sureness=cells["sureness"],
    )


def refuse_ids_twice(rows: Iterable[DatedRow], *, table: str) -> None:
    """Raise TableFault where two rows have one id: a calculation names its rows by it."""
    seen: set[str] = set()
    for row in rows:
        if row.row_id in seen:
            raise TableFault(table, f"{row.row_id} stands twice.")
        seen.add(row.row_id)


def refuse_incomplete(
    rows: Sequence[DatedRow], *, table: str, of: str, first_on: date = FIRST_ON
) -> None:
    """Raise TableFault unless exactly one of the rows holds on every day, for ever."""
    periods = [row.period for row in rows]
    refuse_overlaps(periods, table=table, of=of)
    refuse_gaps(periods, table=table, of=of, first_on=first_on)
