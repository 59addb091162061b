"""Allocations: what an account may spend, as the ELY centre or the ministry sets it."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Id, MunicipalityCode, Reference
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from kuntavayla.values.periods import Period
from quota_ledger.rules.accounts import AccountKey, Instrument

AllocationKind = Literal["initial", "addition", "cut"]
AllocationStatus = Literal["indicative", "confirmed"]
"""An indicative allocation is shown and never spent."""
AMOUNT_CENTS_MAX = 100_000_000_000
"""A thousand million euros. Source: sources.md#booking-limits."""
PERSONS_MAX = 1_000_000
"""Source: sources.md#booking-limits."""
BUDGET_YEAR_FIRST, BUDGET_YEAR_LAST = 2021, 2099
"""Source: sources.md#booking-limits."""
AreaCode = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{1,31}$",
        title="area_code",
        description='Give the code of an area of the register, such as "kainuu".',
    ),
]
BudgetYear = Annotated[
    int,
    Meta(
        ge=BUDGET_YEAR_FIRST,
        le=BUDGET_YEAR_LAST,
        title="budget_year",
        description="Give an appropriation year from 2021 on.",
    ),
]
Amount = Annotated[
    int,
    Meta(
        ge=1,
        le=AMOUNT_CENTS_MAX,
        title="amount_cents",
        description="Give whole cents above zero, at most 100,000,000,000; a cut too.",
    ),
]
Persons = Annotated[
    int,
    Meta(
        ge=0,
        le=PERSONS_MAX,
        title="persons",
        description="Give a whole number of persons, at most 1,000,000; a cut too.",
    ),
]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        title="reason",
        description="Give 1 to 500 characters, without personal data.",
    ),
]
_NO_CODE = "Give a text that holds no personal identity code."


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """The document by which it was decided, and by whom."""

    register_number: Reference
    decided_on: date
    decided_by: Reference


class Basis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an allocation was sized by: clients moved, their past participation, a unit's cost."""

    clients_moved: Persons
    past_participation_per_mille: Annotated[
        int, Meta(ge=0, le=1_000, title="per_mille", description="Give 0 to 1,000 per mille.")
    ]
    unit_cost_cents: Amount
    reference_period: Period
    own_posts_excluded: bool


class AllocationRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An allocation to an area; `amount_cents` and `persons` of a cut are what is taken away."""

    area_code: AreaCode
    instrument: Instrument
    budget_year: BudgetYear
    kind: AllocationKind
    status: AllocationStatus
    amount_cents: Amount
    persons: Persons
    valid_from_on: date
    basis: Basis | None = None
    document: Document
    reason: Reason
    covers_override_id: Id | None = None
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the allocation in itself."""
        yield from text_faults(self.document, self.reason)
        yield from year_faults("/valid_from_on", self.valid_from_on, year=self.budget_year)
        if self.kind == "initial" and self.basis is None:
            advice = "Say by what an initial allocation was sized."
            yield Fault("/basis", "basis_missing", advice)
        is_addition = (self.kind, self.status) == ("addition", "confirmed")
        if self.covers_override_id is not None and not is_addition:
            advice = "Only a confirmed addition covers an override."
            yield Fault("/covers_override_id", "covers_nothing", advice)


class AccountName(Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its area, or the account of one municipality in it."""

    area_code: AreaCode
    municipality_code: MunicipalityCode | None = None


class TransferRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Money and persons from one account to another of the same instrument and year."""

    from_account: AccountName
    to_account: AccountName
    instrument: Instrument
    budget_year: BudgetYear
    amount_cents: Amount
    persons: Persons
    value_on: date
    document: Document
    reason: Reason
    covers_override_id: Id | None = None
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the transfer in itself."""
        yield from text_faults(self.document, self.reason)
        yield from year_faults("/value_on", self.value_on, year=self.budget_year)
        if self.from_account == self.to_account:
            advice = "Name two different accounts."
            yield Fault("/to_account", "accounts_alike", advice)


def text_faults(document: Document, reason: str) -> Iterator[Fault]:
    """Yield the texts that hold an identity code."""
    texts = {
        "/document/register_number": document.register_number,
        "/document/decided_by": document.decided_by,
        "/reason": reason,
    }
    for pointer, text in texts.items():
        if holds_identity_code(text):
            yield Fault(pointer, "text_holds_identity_code", _NO_CODE)


def year_faults(pointer: str, on: date, *, year: int) -> Iterator[Fault]:
    """Yield that a day lies outside the two years of an appropriation.

    Source: sources.md#quota-years.
    """
    if on.year not in (year, year + 1):
        advice = "Give a day of the budget year or of the year behind it."
        yield Fault(pointer, "day_outside_years", advice)


class Allocation(Struct, frozen=True, kw_only=True):
    """An allocation as it was ordered; `entry_id` only where it is confirmed."""

    allocation_id: str
    account_id: str
    kind: AllocationKind
    status: AllocationStatus
    amount_cents: int
    persons: int
    valid_from_on: date
    basis: Basis | None
    document: Document
    reason: str
    covers_override_id: str | None = None
    entry_id: str | None
    organisation: str
    official_id: str
    created_at: datetime


class Transfer(Struct, frozen=True, kw_only=True):
    """A transfer as it was ordered, with its two entries."""

    transfer_id: str
    from_account_id: str
    to_account_id: str
    amount_cents: int
    persons: int
    value_on: date
    reason: str
    document: Document
    covers_override_id: str | None = None
    out_entry_id: str
    in_entry_id: str
    organisation: str
    official_id: str
    created_at: datetime


class AllocationFilter(Struct, frozen=True, kw_only=True):
    """Which allocations are listed; None stands for all."""

    area_codes: Sequence[str] | None = None
    instrument: str | None = None
    budget_year: int | None = None
    status: str | None = None


class ListedAllocation(Struct, frozen=True):
    """An allocation, what its account is of, and the reversal that took it back."""

    allocation: Allocation
    key: AccountKey
    reversed_by: str | None = None


class Indicative(Struct, frozen=True):
    """What is shown of an account and never spent."""

    cents: int = 0
    persons: int = 0
