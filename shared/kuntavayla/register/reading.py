"""Reading the register's files: text to typed lines that remember where they stood.

What the lines mean together is judged in `checking`.
"""

import csv
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from kuntavayla.register.entries import LanguageStatus, MembershipStatus, OrganisationKind
from kuntavayla.register.faults import RegisterFault
from kuntavayla.values.codes import MunicipalityCode, Name, OfficeCode, Reference, ShortCode
from kuntavayla.values.periods import Period

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """A value and where it stood: file and line, counted from 1."""

    file: str
    number: int
    value: T

    def of(self, value: U) -> "Line[U]":
        """Return another value that stands at the same place."""
        return Line(self.file, self.number, value)

    def fault(self, reason: str) -> RegisterFault:
        """Return the failure that names this line."""
        return RegisterFault(file=self.file, line=self.number, reason=reason)


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """What the data as a whole says of itself: `release.toml`."""

    base_version: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class DatedLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line that holds from a day to a day; an empty `valid_to` leaves the end open."""

    valid_from: date
    valid_to: date | None

    def __post_init__(self) -> None:
        """Refuse a line that ends before it begins."""
        Period(self.valid_from, self.valid_to)

    @property
    def period(self) -> Period:
        """The days on which the line holds."""
        return Period(self.valid_from, self.valid_to)


class MunicipalityLine(DatedLine, frozen=True, kw_only=True):
    """One line of `municipalities.csv`."""

    code: MunicipalityCode
    name_fi: Name
    name_sv: Name
    name_en: Name
    region_code: ShortCode
    region_fi: Name
    ely_code: ShortCode
    ely_fi: Name
    avi_code: ShortCode
    avi_fi: Name
    language_status: LanguageStatus
    language_status_fi: Name
    population_2020: Annotated[int, Meta(ge=0)]
    successor_code: MunicipalityCode | None


class MembershipLine(DatedLine, frozen=True, kw_only=True):
    """One line of `area_members.csv` or `employment_area_members.csv`."""

    area_code: OfficeCode
    area_name_fi: Name
    area_name_sv: Name
    area_name_en: Name | None = None
    municipality_code: MunicipalityCode
    municipality_name_fi: Name
    status: MembershipStatus


class CaseSystemLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of `case_systems.csv`."""

    case_system_id: OfficeCode
    name_fi: Name
    name_sv: Name
    contact_point: Reference


class ServiceLine(DatedLine, frozen=True, kw_only=True):
    """One line of `case_system_members.csv`: the case system serves the municipality."""

    case_system_id: OfficeCode
    municipality_code: MunicipalityCode


class TeOfficeLine(DatedLine, frozen=True, kw_only=True):
    """One line of `te_offices.csv`."""

    te_office_code: OfficeCode
    ely_code: ShortCode
    name_fi: Name
    name_sv: Name
    contact_point: Reference


class OrganisationLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of `organisations.csv`."""

    organisation_id: OfficeCode
    kind: OrganisationKind
    name_fi: Name
    name_sv: Name


L = TypeVar("L", bound=Struct)


def read_release(folder: Traversable) -> Release:
    """Return what `release.toml` says; raises RegisterFault where it says something else."""
    file = "release.toml"
    try:
        return msgspec.convert(tomllib.loads(_text_of(folder, file)), Release)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise RegisterFault(file=file, line=0, reason=str(error)) from error


def read_lines(folder: Traversable, file: str, *, kind: type[L]) -> tuple[Line[L], ...]:
    """Return the lines of a CSV file in their order.

    Lines at the top that begin with # tell source and licence and are passed over. An empty cell is
    no value. Raises RegisterFault for a file without lines, a line of another length than the
    header, or a cell that its column refuses.
    """
    rows = _text_of(folder, file).splitlines(keepends=True)
    notes = next((n for n, row in enumerate(rows) if not row.startswith("#")), len(rows))
    reader = csv.reader(rows[notes:], strict=True)
    header = next(reader, None)
    if header is None:
        raise RegisterFault(file=file, line=0, reason="There is no header.")
    lines = []
    for cells in reader:
        number = notes + reader.line_num
        lines.append(Line(file, number, _value_of(cells, header, kind=kind, at=(file, number))))
    if not lines:
        raise RegisterFault(file=file, line=0, reason="There are no lines.")
    return tuple(lines)


def _value_of(
    cells: Sequence[str], header: Sequence[str], *, kind: type[L], at: tuple[str, int]
) -> L:
    file, number = at
    if len(cells) != len(header):
        raise RegisterFault(file=file, line=number, reason="The line is not as long as the header.")
    fields = {name: cell or None for name, cell in zip(header, cells, strict=True)}
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise RegisterFault(file=file, line=number, reason=str(error)) from error


def _text_of(folder: Traversable, file: str) -> str:
    try:
        return (folder / file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RegisterFault(file=file, line=0, reason="The file is missing.") from error
