"""Limits of what a decision may ask for, where the law sets none."""

from datetime import date
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from msgspec import Struct

from kuntavayla.values.periods import Period
from kuntavayla.values.tables import TableFault, period_of, read_rows, refuse_gaps, refuse_overlaps
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.dated import FIRST_ON, number_of

What = Literal["start_ahead", "period"]
_TABLE = "limits.csv"
_COLUMNS = (
    "id",
    "what",
    "instrument",
    "value",
    "unit",
    "valid_from",
    "valid_to",
    "source",
    "sureness",
)
_NEEDED = (("start_ahead", ""), ("period", "TRAINING"), ("period", "COACHING"))


class LimitRow(Struct, frozen=True, kw_only=True):
    """A limit and its days; `instrument` is empty where it holds for all."""

    row_id: str
    what: str
    instrument: str
    value: int
    unit: str
    period: Period
    source: str
    sureness: str


class Limits:
    """The table, checked at loading: each limit needed holds on every day from the first."""

    def __init__(self, rows: tuple[LimitRow, ...]) -> None:
        self.rows = rows
        self._by_name = {
            name: [row for row in rows if (row.what, row.instrument) == name] for name in _NEEDED
        }
        for name, of_one in self._by_name.items():
            periods = [row.period for row in of_one]
            refuse_overlaps(periods, table=_TABLE, of=" ".join(name))
            refuse_gaps(periods, table=_TABLE, of=" ".join(name), first_on=FIRST_ON)

    def start_ahead_days(self, *, on: date) -> int:
        """Return how many days ahead of the decision its period may start."""
        return self._row("start_ahead", "", on=on).value

    def period_months(self, instrument: Instrument, *, on: date) -> int:
        """Return how many months the places of an instrument may last."""
        return self._row("period", instrument, on=on).value

    def period_row(self, instrument: Instrument, *, on: date) -> LimitRow:
        """Return the row of how long places of an instrument may last."""
        return self._row("period", instrument, on=on)

    def _row(self, what: What, instrument: str, *, on: date) -> LimitRow:
        for row in self._by_name[what, instrument]:
            if row.period.contains(on):
                return row
        raise LookupError(what)


def load_limits(source: Traversable) -> Limits:
    """Read the table; raises TableFault where it is not in order."""
    return Limits(tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)))


def _row(cells: dict[str, str]) -> LimitRow:
    if (cells["what"], cells["instrument"]) not in _NEEDED:
        raise TableFault(_TABLE, f"{cells['what']!r} is no limit of {cells['instrument']!r}.")
    assert cells["instrument"] in ("", *get_args(Instrument))
    return LimitRow(
        row_id=cells["id"],
        what=cells["what"],
        instrument=cells["instrument"],
        value=number_of(cells["value"], table=_TABLE),
        unit=cells["unit"],
        period=period_of(cells, table=_TABLE),
        source=cells["source"],
        sureness=cells["sureness"],
    )
