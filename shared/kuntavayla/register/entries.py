"""What the register tells: municipalities, areas, memberships, case systems, organisations.

Codes are text with their leading zeros. Names in Finnish and Swedish are always there; English ones
where a source has them.
"""

from datetime import date
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from kuntavayla.values.periods import Period

MembershipKind = Literal["pilot", "employment_area"]
MembershipStatus = Literal["confirmed", "compiled", "unconfirmed", "official"]
LanguageStatus = Literal["0", "1", "2", "3"]
"""0 Finnish, 1 bilingual with Finnish majority, 2 Swedish, 3 bilingual with Swedish majority."""


class Municipality(Struct, frozen=True):
    """A municipality and its days; `successor_code` is the municipality that it joined."""

    code: str
    name_fi: str
    name_sv: str
    name_en: str
    region_code: str
    region_fi: str
    ely_code: str
    ely_fi: str
    avi_code: str
    avi_fi: str
    language_status: LanguageStatus
    population_2020: int
    period: Period
    successor_code: str | None = None


class Membership(Struct, frozen=True):
    """A municipality's place in an area, with the case system that serves it on the day asked for.

    `period` is the membership's own; the case system may change within it. Nobody is routed by an
    `unconfirmed` row.
    """

    municipality_code: str
    area_code: str
    area_name_fi: str
    area_name_sv: str
    status: MembershipStatus
    case_system_id: str
    period: Period
    kind: MembershipKind


class Area(Struct, frozen=True):
    """A pilot area or an employment area, with its municipalities on the day asked for, by code."""

    code: str
    name_fi: str
    name_sv: str
    name_en: str | None
    kind: MembershipKind
    period: Period
    municipality_codes: tuple[str, ...]


class ServedMunicipality(Struct, frozen=True):
    """A municipality that a case system serves, and from when to when."""

    municipality_code: str
    period: Period


class CaseSystem(Struct, frozen=True):
    """A municipal case system: where transfers are delivered, and whom it serves when."""

    case_system_id: str
    name_fi: str
    name_sv: str
    contact_point: str
    served: tuple[ServedMunicipality, ...]

    def serves(self, municipality_code: str, *, on: date) -> bool:
        """Tell whether the case system serves the municipality on the day."""
        return any(
            entry.municipality_code == municipality_code and entry.period.contains(on)
            for entry in self.served
        )

    def municipality_codes(self, *, on: date) -> tuple[str, ...]:
        """Return the municipalities served on the day, sorted by code."""
        return tuple(entry.municipality_code for entry in self.served if entry.period.contains(on))


class TeOffice(Struct, frozen=True):
    """A TE office: the state's office of one ELY area, until the employment areas took over."""

    code: str
    ely_code: str
    name_fi: str
    name_sv: str
    contact_point: str
    period: Period


class OrganisationKind(StrEnum):
    """What an organisation is to the services; its identity's rights follow from it."""

    TE_OFFICE = "te_office"
    TE_NATIONAL = "te_national"
    CASE_SYSTEM = "case_system"
    ELY = "ely"
    KEHA = "keha"
    MINISTRY = "ministry"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"


class Organisation(Struct, frozen=True):
    """An organisation that may call the services; a TE office's and a case system's id is its code.

    From 2025 an employment area is its own office: it is listed as one, under the area's code.
    """

    organisation_id: str
    kind: OrganisationKind
    name_fi: str
    name_sv: str
