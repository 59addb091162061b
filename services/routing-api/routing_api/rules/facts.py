"""The facts of one case: everything that is judged and nothing else.

Facts are gathered first (`routing_api.rules.gathering`) and judged second
(`routing_api.rules.judging`). They are stored with the decision, so that it can be judged again
later; no identity code, name, contact or birth date belongs here, and citizenship and mother tongue
stand only as the answer that the rule needs.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.values.codes import TriState
from routing_api.rules.registrations import EmploymentCode, Entitlement, HomeMunicipalityBasis

YesNo = Literal["yes", "no"]
MembershipStatus = Literal[
    "confirmed",
    "compiled",
    "official",
    "unconfirmed",
    "not_valid",
    "outside",
    "abroad",
    "missing",
    "hidden",
]
"""Where a municipality stands on the day.

The first four are rows of the register. `not_valid`: the municipality does not exist on that day;
`outside`: it exists and belongs to no area; `abroad`, `missing` and `hidden` (a security ban) say
why there is no Finnish home municipality.
"""
MotherTongueGroup = Literal["domestic", "foreign", "unknown"]


class EarlierClienthood(Struct, frozen=True):
    """What the store knows of the person before this registration.

    Annulled registrations and open reviews are no clienthood. A transfer is named only when the
    receiving municipality has accepted it; it is in force from `transfer_from_on`.
    """

    has_earlier_clienthood: bool = False
    transfer_target_code: str | None = None
    transfer_from_on: date | None = None


class Facts(Struct, frozen=True, omit_defaults=True):
    """The facts of one registration on one legal day, as they are judged and stored.

    `te_office_code` is the TE office concerned: the one of the home municipality's ELY area or,
    where there is none, the one of the registration. A fact that no rule of the day reads keeps its
    default and is not stored.
    """

    effective_on: date
    home_municipality_basis: HomeMunicipalityBasis
    membership_status: MembershipStatus
    te_office_code: str
    home_municipality_code: str | None = None
    area_code: str | None = None
    case_system_id: str | None = None
    municipality_language_status: str | None = None
    has_earlier_clienthood: YesNo = "no"
    transfer_target_code: str | None = None
    transfer_from_on: date | None = None
    target_membership_status: MembershipStatus = "missing"
    target_area_code: str | None = None
    target_case_system_id: str | None = None
    employment_code: EmploymentCode | None = None
    service_code: str | None = None
    unemployed_days: int | None = None
    wants_service_in_swedish: TriState = "unknown"
    earnings_related_entitlement: Entitlement = "unknown"
    age_years: int | None = None
    turns_30_on: date | None = None
    has_finnish_citizenship: TriState = "unknown"
    mother_tongue_group: MotherTongueGroup = "unknown"
