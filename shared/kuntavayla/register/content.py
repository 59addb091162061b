"""The register's content as one value: read and judged, not yet laid out for look-ups."""

from dataclasses import dataclass

from msgspec import Struct

from kuntavayla.register.changes import RegisterChange
from kuntavayla.register.entries import (
    CaseSystem,
    MembershipKind,
    MembershipStatus,
    Municipality,
    Organisation,
    TeOffice,
)
from kuntavayla.values.periods import Period


class MembershipEntry(Struct, frozen=True):
    """A municipality's place in an area as the file states it, without its case system."""

    municipality_code: str
    area_code: str
    area_name_fi: str
    area_name_sv: str
    area_name_en: str | None
    status: MembershipStatus
    kind: MembershipKind
    period: Period


@dataclass(frozen=True, slots=True)
class Content:
    """Everything the register holds; `changes` are those already in it, in their order."""

    base_version: str
    municipalities: tuple[Municipality, ...]
    memberships: tuple[MembershipEntry, ...]
    case_systems: tuple[CaseSystem, ...]
    te_offices: tuple[TeOffice, ...]
    organisations: tuple[Organisation, ...]
    changes: tuple[RegisterChange, ...] = ()

    @property
    def version(self) -> str:
        """The release of the data and, after the point, how many recorded changes it has taken."""
        return f"{self.base_version}.{len(self.changes)}"
