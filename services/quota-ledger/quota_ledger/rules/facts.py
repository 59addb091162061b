"""The facts of each instrument, and who employs: what a calculation is made from.

Everything is coded, a day or a whole number; of health it says no more than that the capacity to
work is reduced.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.values.codes import Name, Reference
from quota_ledger.rules.amounts import Cents, CentsAboveZero

EmployerKind = Literal["company", "association", "municipality", "state"]
"""A foundation or a congregation counts as an association. Source: sources.md#pay-subsidy."""
AidScheme = Literal["de_minimis", "block_exemption", "no_state_aid"]
BusinessId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{7}-[0-9]$",
        title="business_id",
        description="Give seven digits, a hyphen and the check digit.",
    ),
]
MonthsOf14 = Annotated[
    int,
    Meta(ge=0, le=14, title="months", description="Give whole months, from 0 to 14."),
]
MonthsOf28 = Annotated[
    int,
    Meta(ge=0, le=28, title="months", description="Give whole months, from 0 to 28."),
]
WorkingTime = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000,
        title="working_time_per_mille",
        description="Give the share of full working time, from 1 to 1,000 per mille.",
    ),
]
DaysPerWeek = Annotated[
    int, Meta(ge=1, le=7, title="days_per_week", description="Give whole days, from 1 to 7.")
]
MonthsGranted = Annotated[
    int, Meta(ge=0, le=120, title="months", description="Give whole months, from 0 to 120.")
]
ElyCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{2}$",
        title="ely_code",
        description='Give the code as two digits in text, for example "14".',
    ),
]


class Employer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who employs the client; the name stays in the decision and in no event."""

    business_id: BusinessId
    kind: EmployerKind
    name: Name


class PaySubsidyFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a pay subsidy is calculated from; wage cost is that of full working time."""

    unemployed_months_in_last_14: MonthsOf14
    unemployed_months_in_last_28: MonthsOf28
    has_reduced_work_capacity: bool
    has_turned_55: bool = False
    wage_cost_cents_per_month: CentsAboveZero
    holiday_pay_cents: Cents
    working_time_per_mille: WorkingTime
    employment_contract_signed_on: date | None = None
    aid_scheme: AidScheme
    other_support_cents_per_month: Cents


class StartUpGrantFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a start-up grant is calculated from."""

    days_per_week_max: DaysPerWeek
    months_granted_before: MonthsGranted
    is_full_time: bool


class Procurement(Struct, frozen=True, forbid_unknown_fields=True):
    """The ELY centre's procurement from which places are taken."""

    ely_code: ElyCode
    course_reference: Reference
