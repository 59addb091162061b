"""Which instrument a service code belongs to, and what kind of employer it is for."""

from datetime import date
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from msgspec import Struct

from kuntavayla.values.periods import Period
from kuntavayla.values.tables import TableFault, period_of, read_rows, refuse_gaps, refuse_overlaps
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.dated import FIRST_ON
from quota_ledger.rules.facts import EmployerKind

CodeEmployer = Literal["", "private", "municipality", "state"]
_TABLE = "service_codes.csv"
_COLUMNS = (
    "id",
    "service_code",
    "instrument",
    "employer",
    "valid_from",
    "valid_to",
    "source",
    "sureness",
)


class ServiceCodeRow(Struct, frozen=True, kw_only=True):
    """A service code; `employer` is empty where nobody employs."""

    row_id: str
    service_code: str
    instrument: str
    employer: str
    period: Period
    source: str
    sureness: str

    @property
    def is_own_post(self) -> bool:
        """Whether the code is one of a municipality's own posts. Source: sources.md#own-posts."""
        return self.employer == "municipality"

    def is_for(self, kind: EmployerKind) -> bool:
        """Say whether an employer of this kind may have the code."""
        return self.employer == ("private" if kind in ("company", "association") else kind)


class ServiceCodes:
    """The table, checked at loading: a code stands for one thing, on every day from the first."""

    def __init__(self, rows: tuple[ServiceCodeRow, ...]) -> None:
        self.rows = rows
        self._by_code: dict[str, list[ServiceCodeRow]] = {}
        for row in rows:
            self._by_code.setdefault(row.service_code, []).append(row)
        for code, of_code in self._by_code.items():
            periods = [row.period for row in of_code]
            refuse_overlaps(periods, table=_TABLE, of=code)
            refuse_gaps(periods, table=_TABLE, of=code, first_on=FIRST_ON)
        for instrument in get_args(Instrument):
            if not any(row.instrument == instrument for row in rows):
                raise TableFault(_TABLE, f"No code belongs to {instrument}.")

    def find(self, code: str, *, on: date) -> ServiceCodeRow | None:
        """Return what a code stands for on a day; None for a code of no instrument."""
        for row in self._by_code.get(code, ()):
            if row.period.contains(on):
                return row
        return None


def load_service_codes(source: Traversable) -> ServiceCodes:
    """Read the table; raises TableFault where it is not in order."""
    return ServiceCodes(tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)))


def _row(cells: dict[str, str]) -> ServiceCodeRow:
    if cells["instrument"] not in get_args(Instrument):
        raise TableFault(_TABLE, f"{cells['instrument']!r} is no instrument.")
    if cells["employer"] not in get_args(CodeEmployer):
        raise TableFault(_TABLE, f"{cells['employer']!r} is no kind of employer.")
    if (cells["employer"] == "") is (cells["instrument"] == "PAY_SUBSIDY"):
        raise TableFault(_TABLE, f"{cells['service_code']} needs an employer, or may have none.")
    return ServiceCodeRow(
        row_id=cells["id"],
        service_code=cells["service_code"],
        instrument=cells["instrument"],
        employer=cells["employer"],
        period=period_of(cells, table=_TABLE),
        source=cells["source"],
        sureness=cells["sureness"],
    )
