"""The table of the start-up grant: rates by the day, days of a week, months."""

from datetime import date
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from kuntavayla.values.tables import TableFault, read_rows
from quota_ledger.rules.dated import (
    DatedRow,
    dated_row,
    refuse_ids_twice,
    refuse_incomplete,
    row_known,
)

What = Literal["daily", "days_per_week", "months_at_once", "months_in_all"]
_TABLE = "start_up_grant.csv"
_COLUMNS = (
    "id",
    "what",
    "value",
    "unit",
    "valid_from",
    "valid_to",
    "known_from",
    "source",
    "sureness",
)


class StartUpGrantTable:
    """The table, checked at loading: each of its numbers holds on every day from the first on."""

    def __init__(self, rows: tuple[DatedRow, ...]) -> None:
        self.rows = rows
        refuse_ids_twice(rows, table=_TABLE)
        in_order = sorted(rows, key=lambda row: row.period.starts_on)
        self._by_what = {
            what: [row for row in in_order if row.what == what] for what in get_args(What)
        }
        for what, of_one in self._by_what.items():
            refuse_incomplete(of_one, table=_TABLE, of=what)

    def row(self, what: What, *, on: date, decided_on: date) -> DatedRow:
        """Return the row of a day as it was known on the day decided."""
        return row_known(self._by_what[what], on=on, decided_on=decided_on)

    def months_left(self, granted_before: int, *, starts_on: date, decided_on: date) -> int:
        """Return how many months may be granted at once; none where all were granted before.

        Source: sources.md#start-up-grant.
        """
        at_once = self.row("months_at_once", on=starts_on, decided_on=decided_on).value
        in_all = self.row("months_in_all", on=starts_on, decided_on=decided_on).value
        return max(0, min(at_once, in_all - granted_before))


def load_start_up_grant(source: Traversable) -> StartUpGrantTable:
    """Read the table; raises TableFault where it is not in order."""
    return StartUpGrantTable(tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)))


def _row(cells: dict[str, str]) -> DatedRow:
    if cells["what"] not in get_args(What):
        raise TableFault(_TABLE, f"{cells['what']!r} is no number of the start-up grant.")
    return dated_row(cells, table=_TABLE)
