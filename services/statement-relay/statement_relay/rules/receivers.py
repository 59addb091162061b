"""Who receives information, by kind, TE office and day: a dated table."""

from datetime import date
from importlib.resources.abc import Traversable

from msgspec import Struct

from kuntavayla.values.periods import Period
from kuntavayla.values.tables import TableFault, period_of, read_rows, refuse_overlaps
from statement_relay.rules.kinds import KINDS

EVERY_KIND = "*"
EVERY_OFFICE = "*"
_TABLE = "receivers.csv"
_COLUMNS = ("kind", "te_office_code", "receiver_id", "valid_from", "valid_to", "source", "sureness")


class ReceiverRow(Struct, frozen=True):
    """One receiver takes a kind, or every kind, of one office, or of every office."""

    kind: str
    te_office_code: str
    receiver_id: str
    period: Period
    source: str
    sureness: str


class ReceiverTable:
    """The table, checked at loading: rows for the same kind and office never overlap.

    The row of the kind itself goes before the one for every kind, and among these the row of the
    office itself before the one for every office.
    """

    def __init__(self, rows: tuple[ReceiverRow, ...]) -> None:
        self.rows = rows
        self._by_place: dict[tuple[str, str], list[ReceiverRow]] = {}
        for row in rows:
            self._by_place.setdefault((row.kind, row.te_office_code), []).append(row)
        for (kind, office), of_place in self._by_place.items():
            periods = [row.period for row in of_place]
            refuse_overlaps(periods, table=_TABLE, of=f"{kind} of {office}")

    def find(self, *, kind: str, te_office_code: str, on: date) -> str | None:
        """Return who receives the kind for the office, of what happened on the day; None if nobody.

        The day is the one that decides the issuer too, so that information about the last days of
        an office still finds its receiver when that office has gone.
        """
        for a_kind in (kind, EVERY_KIND):
            for office in (te_office_code, EVERY_OFFICE):
                for row in self._by_place.get((a_kind, office), ()):
                    if row.period.contains(on):
                        return row.receiver_id
        return None

    def receivers_of(self, organisation: str) -> frozenset[str]:
        """Return for which receivers an organisation gives receipts.

        For itself, and for what takes its office's information on any day, since a receipt may come
        late. A row of every office names none: for such a receiver it speaks itself.
        """
        own = {row.receiver_id for row in self.rows if organisation == row.te_office_code}
        return frozenset({organisation, *own})

    def receiver_ids(self) -> tuple[str, ...]:
        """Return every receiver of any day, sorted."""
        return tuple(sorted({row.receiver_id for row in self.rows}))


def load_receivers(source: Traversable) -> ReceiverTable:
    """Read the table; raises TableFault where it is not in order."""
    return ReceiverTable(tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)))


def _row(cells: dict[str, str]) -> ReceiverRow:
    if cells["kind"] not in (EVERY_KIND, *KINDS):
        raise TableFault(_TABLE, f"{cells['kind']} is no kind.")
    if not cells["receiver_id"] or not cells["te_office_code"]:
        raise TableFault(_TABLE, "A row names no office or no receiver.")
    return ReceiverRow(
        cells["kind"],
        cells["te_office_code"],
        cells["receiver_id"],
        period_of(cells, table=_TABLE),
        cells["source"],
        cells["sureness"],
    )
