"""Event data of quota-ledger, version 1: ids, codes and amounts; no name and no employer.

Within a version changes are additive. The envelope is `kuntavayla.events`; the committed schemas
are compared in tests. Events of an account go to its ELY centre and to the case systems of its
area.
"""

from datetime import date, datetime
from typing import ClassVar, Literal

from msgspec import Struct

from kuntavayla.service.events import AuditSealedV1

SERVICE = "quota-ledger"
SOURCE = f"/kuntavayla/{SERVICE}"


class AllocationChangedV1(Struct, frozen=True, kw_only=True):
    """What an account may spend has changed, or an indicative allocation was told.

    `amount_cents` and `persons` are the change, negative where it is less; the others are what is
    allocated and free behind it. A reversal names the allocation or transfer that it takes back.
    """

    type_name: ClassVar[str] = "allocation.changed"
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    kind: Literal["initial", "addition", "cut", "transfer_in", "transfer_out", "lapse", "reversal"]
    status: Literal["indicative", "confirmed"]
    allocation_id: str | None
    transfer_id: str | None
    amount_cents: int
    persons: int
    allocated_cents: int
    allocated_persons: int
    available_cents: int


class QuotaThresholdReachedV1(Struct, frozen=True, kw_only=True):
    """So much of an account is used, in per cent; told once until its allocation changes."""

    type_name: ClassVar[str] = "quota.threshold_reached"
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    threshold_per_cent: int
    used_cents: int
    allocated_cents: int
    available_cents: int


class DecisionReservedV1(Struct, frozen=True, kw_only=True):
    """Money is reserved for a decision until it is granted, or the reservation expires.

    The oldest year stands first; each of `account_cents` is of the account and year in its place.
    """

    type_name: ClassVar[str] = "decision.reserved"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    cents: int
    account_ids: tuple[str, ...]
    budget_years: tuple[int, ...]
    account_cents: tuple[int, ...]
    expires_at: datetime


class DecisionRefusedV1(Struct, frozen=True, kw_only=True):
    """Nothing was reserved for a decision, for these reasons."""

    type_name: ClassVar[str] = "decision.refused"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    outcome: Literal["refused", "not_competent"]
    reason_codes: tuple[str, ...]
    needed_cents: int | None
    available_cents: int | None


class PaymentBookedV1(Struct, frozen=True, kw_only=True):
    """A payment or recovery was booked; what lies above the commitment is its excess.

    The amounts of a recovery are negative. A reversal takes back the payment or recovery that it
    names: its amounts are those with the opposite sign.
    """

    type_name: ClassVar[str] = "payment.booked"
    payment_id: str
    decision_id: str
    client_id: str
    kind: Literal["payment", "recovery", "reversal"]
    state: Literal["booked", "exceeds_commitment"]
    month: str
    amount_cents: int
    within_cents: int
    excess_cents: int
    commitment_left_cents: int
    reason_code: str | None


class DecisionGrantedV1(Struct, frozen=True, kw_only=True):
    """The municipality has granted what was reserved, or less; the rest is released."""

    type_name: ClassVar[str] = "decision.granted"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    committed_cents: int
    released_cents: int


class DecisionChangedV1(Struct, frozen=True, kw_only=True):
    """A decision holds more or less than before, or stands with other content."""

    type_name: ClassVar[str] = "decision.changed"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    reserved_cents: int
    committed_cents: int
    added_cents: int
    released_cents: int


class DecisionReleasedV1(Struct, frozen=True, kw_only=True):
    """Money is free again in the account of one year; after its lapse none is available.

    Its own case system learns of which decision it was. The others of the area, and the ELY centre,
    learn of the account alone: what was refused for want of money may fit now.
    """

    type_name: ClassVar[str] = "decision.released"
    decision_id: str | None
    client_id: str | None
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    cents: int
    available_cents: int


class DecisionExpiredV1(Struct, frozen=True, kw_only=True):
    """A reservation was not granted in time; what it held is released."""

    type_name: ClassVar[str] = "decision.expired"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    released_cents: int


class DecisionExpiringV1(Struct, frozen=True, kw_only=True):
    """A reservation will expire soon unless it is granted."""

    type_name: ClassVar[str] = "decision.expiring"
    decision_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    expires_at: datetime


class AboutOverride(Struct, frozen=True, kw_only=True):
    """Where an override stands: what was asked for, raised, covered and returned, what is left."""

    type_name: ClassVar[str]
    override_id: str
    decision_id: str
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    cents: int
    raised_cents: int
    covered_cents: int
    returned_cents: int
    left_cents: int
    cover_kind: Literal["addition", "transfer"]
    expected_on: date
    expires_on: date


class OverrideAskedV1(AboutOverride, frozen=True, kw_only=True):
    """An area asks for an exception for one decision; its ELY centre answers."""

    type_name: ClassVar[str] = "override.asked"


class OverrideApprovedV1(AboutOverride, frozen=True, kw_only=True):
    """The ELY centre has approved: the decision is reserved."""

    type_name: ClassVar[str] = "override.approved"


class OverrideRefusedV1(AboutOverride, frozen=True, kw_only=True):
    """The ELY centre has refused: nothing was raised."""

    type_name: ClassVar[str] = "override.refused"


class OverrideCoveredV1(AboutOverride, frozen=True, kw_only=True):
    """A cover has come: of the whole where nothing is left, else of a part."""

    type_name: ClassVar[str] = "override.covered"


class OverrideReturnedV1(AboutOverride, frozen=True, kw_only=True):
    """The decision holds less, so that what was raised for it has fallen back, or some of it."""

    type_name: ClassVar[str] = "override.returned"


class OverrideExpiredV1(AboutOverride, frozen=True, kw_only=True):
    """An override that nobody answered has come to its last day."""

    type_name: ClassVar[str] = "override.expired"


class OverrideUncoveredV1(AboutOverride, frozen=True, kw_only=True):
    """The last day has ended and no cover has come for what is left; the decision keeps it."""

    type_name: ClassVar[str] = "override.uncovered"


EVENT_TYPES = (
    PaymentBookedV1,
    DecisionReservedV1,
    DecisionRefusedV1,
    DecisionGrantedV1,
    DecisionChangedV1,
    DecisionReleasedV1,
    DecisionExpiredV1,
    DecisionExpiringV1,
    AllocationChangedV1,
    QuotaThresholdReachedV1,
    OverrideAskedV1,
    OverrideApprovedV1,
    OverrideRefusedV1,
    OverrideCoveredV1,
    OverrideReturnedV1,
    OverrideExpiredV1,
    OverrideUncoveredV1,
    AuditSealedV1,
)
