"""Who issues the statement on what happened, by kind and day: a dated table of the law."""

from datetime import date
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from msgspec import Struct

from kuntavayla.values.periods import Period
from kuntavayla.values.tables import (
    TableFault,
    period_of,
    read_rows,
    refuse_gaps,
    refuse_overlaps,
)
from statement_relay.rules.kinds import KINDS, InformationKind

IssuerAuthority = Literal["te_office", "municipality", "employment_area"]
_TABLE = "issuers.csv"
_COLUMNS = ("kind", "authority", "rule", "valid_from", "valid_to", "source", "sureness")


class Issuer(Struct, frozen=True):
    """Who decides, by which rule, and from which day on it has been so."""

    authority: IssuerAuthority
    rule: str
    from_on: date

    @property
    def is_relayed(self) -> bool:
        """Whether the information goes to a TE office: only where that is the issuer."""
        return self.authority == "te_office"


class IssuerRow(Struct, frozen=True):
    """One row of the table: a kind has one issuer for a period, by a source."""

    kind: InformationKind
    issuer: Issuer
    period: Period
    source: str
    sureness: str


class Issuers:
    """The table, checked at loading: each kind has one issuer on every day from the first on."""

    def __init__(self, rows: tuple[IssuerRow, ...], *, first_on: date) -> None:
        self.rows = rows
        self._by_kind: dict[str, list[IssuerRow]] = {kind: [] for kind in KINDS}
        for row in rows:
            self._by_kind[row.kind].append(row)
        for kind, of_kind in self._by_kind.items():
            of_kind.sort(key=lambda row: row.period.starts_on, reverse=True)
            periods = [row.period for row in of_kind]
            refuse_overlaps(periods, table=_TABLE, of=kind)
            refuse_gaps(periods, table=_TABLE, of=kind, first_on=first_on)

    def on(self, day: date, *, kind: str) -> Issuer:
        """Return the issuer of the kind for what happened on the day.

        Raises LookupError for a kind that is none, or a day before the first.
        """
        for row in self._by_kind[kind]:
            if row.period.starts_on <= day:
                return row.issuer
        raise LookupError(kind)


def load_issuers(source: Traversable, *, first_on: date) -> Issuers:
    """Read the table, which must hold from the first day on; raises TableFault."""
    return Issuers(
        tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)), first_on=first_on
    )


def _row(cells: dict[str, str]) -> IssuerRow:
    kind, authority = cells["kind"], cells["authority"]
    if kind not in KINDS:
        raise TableFault(_TABLE, f"{kind} is no kind.")
    if authority not in get_args(IssuerAuthority):
        raise TableFault(_TABLE, f"{authority} is no authority.")
    if not cells["rule"]:
        raise TableFault(_TABLE, f"A row of {kind} names no rule.")
    period = period_of(cells, table=_TABLE)
    issuer = Issuer(_authority(authority), cells["rule"], period.starts_on)
    return IssuerRow(_kind(kind), issuer, period, cells["source"], cells["sureness"])


def _kind(text: str) -> InformationKind:
    return next(kind for kind in KINDS if kind == text)


def _authority(text: str) -> IssuerAuthority:
    authorities: tuple[IssuerAuthority, ...] = get_args(IssuerAuthority)
    return next(authority for authority in authorities if authority == text)
