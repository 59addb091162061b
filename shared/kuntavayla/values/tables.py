"""Dated tables of law as data: what every one of them is checked for when it is read."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from importlib.resources.abc import Traversable
from itertools import pairwise

from kuntavayla.values.periods import Period


class TableFault(ValueError):
    """A table of law can not be used; names the table and the reason."""

    def __init__(self, table: str, reason: str) -> None:
        super().__init__(f"{table}: {reason}")
        self.table = table
        self.reason = reason


def read_rows(source: Traversable, *, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table in text, comment lines left out.

    Raises TableFault for other columns, a row of another length, or one without a source.
    """
    lines = [line for line in source.read_text("utf-8").splitlines() if not line.startswith("#")]
    reader = csv.DictReader(lines, strict=True)
    if tuple(reader.fieldnames or ()) != columns:
        raise TableFault(source.name, f"The columns are {', '.join(columns)}.")
    for row in reader:
        if None in row or None in row.values():
            raise TableFault(source.name, f"Line {reader.line_num} has another number of cells.")
        if not row["source"] or not row["sureness"]:
            raise TableFault(source.name, f"Line {reader.line_num} has no source or sureness.")
        yield row


def period_of(row: dict[str, str], *, table: str) -> Period:
    """Return the days of a row; without `valid_to` they are open. Raises TableFault."""
    try:
        ends_on = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
        return Period(date.fromisoformat(row["valid_from"]), ends_on)
    except ValueError as error:
        raise TableFault(table, "A row has no days, or ends before it starts.") from error


def refuse_overlaps(periods: Iterable[Period], *, table: str, of: str) -> None:
    """Raise TableFault where a day belongs to two of the periods."""
    for before, after in pairwise(_in_order(periods)):
        if before.overlaps(after):
            raise TableFault(table, f"Two rows of {of} hold on {after.starts_on}.")


def refuse_gaps(periods: Iterable[Period], *, table: str, of: str, first_on: date) -> None:
    """Raise TableFault unless the periods cover every day from the first one on, for ever."""
    in_order = _in_order(periods)
    if not in_order or in_order[0].starts_on > first_on:
        raise TableFault(table, f"No row of {of} holds on {first_on}.")
    for before, after in pairwise(in_order):
        if before.ends_on is not None and after.starts_on > before.ends_on + timedelta(days=1):
            raise TableFault(table, f"A gap stands before the row of {of} of {after.starts_on}.")
    if in_order[-1].ends_on is not None:
        raise TableFault(table, f"No row of {of} holds after {in_order[-1].ends_on}.")


def _in_order(periods: Iterable[Period]) -> list[Period]:
    return sorted(periods, key=lambda period: period.starts_on)
