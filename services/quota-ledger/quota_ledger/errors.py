"""Failures of quota-ledger, each with its kind and public code."""

from typing import ClassVar

from kuntavayla.errors import DomainError, Kind


class AreaNotYours(DomainError):
    """The area is not one of the caller's."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "area_not_yours"


class AccountNotFound(DomainError):
    """No such account for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "account_not_found"


class AllocationCutBelowBound(DomainError):
    """More would be taken away than is free; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "allocation_cut_below_bound"


class AllocationAlreadyInitial(DomainError):
    """The account has its initial allocation; add to it or cut it."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "allocation_already_initial"


class YearLapsed(DomainError):
    """The account's year has lapsed; nothing is allocated to it or taken from it."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "year_lapsed"


class ClientNotKnown(DomainError):
    """Nothing is known of the client yet; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "client_not_known"


class YearNotOver(DomainError):
    """The year behind the appropriation year has not ended: nothing of it lapses yet."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "year_not_over"


class DecisionUnknown(DomainError):
    """The payment is for a decision that there is not; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "decision_unknown"


class RecoveryAbovePaid(DomainError):
    """More would be recovered than was paid of the decision; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "recovery_above_paid"


class MonthOutsideDecision(DomainError):
    """The month of the payment lies outside the decision's period; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "month_outside_decision"


class PayerReferenceReused(DomainError):
    """The payer reference is taken by other content; what was booked first stands."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "payer_reference_reused"


class DecisionStateRefuses(DomainError):
    """The decision is not in a state for this; nothing was changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "decision_state_refuses"


class GrantAboveReservation(DomainError):
    """More would be granted than is reserved; nothing was changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "grant_above_reservation"


class ChangeBelowPaid(DomainError):
    """Less would be committed than is paid already; nothing was changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "change_below_paid"


class OverrideNotFound(DomainError):
    """No such override for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "override_not_found"


class OverrideNotPossible(DomainError):
    """An override does not help this decision; nothing was changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "override_not_possible"


class OverrideAlreadyAsked(DomainError):
    """An override is asked for this decision and not answered yet."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "override_already_asked"


class OverrideAnswered(DomainError):
    """The override is not open any more; what was answered stands."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "override_answered"


class OverrideTooSmall(DomainError):
    """More is lacking than may be raised; nothing was changed."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "override_too_small"


class OverrideNeedsAnother(DomainError):
    """Who asked for an override does not answer it: it takes two organisations and officials."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "override_needs_another"


class OverrideNotToCover(DomainError):
    """There is no override of this account that could be covered; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "override_not_to_cover"


class AllocationNotFound(DomainError):
    """No such allocation for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "allocation_not_found"


class AllocationTransferNotFound(DomainError):
    """No such transfer between accounts for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "allocation_transfer_not_found"


class PaymentNotFound(DomainError):
    """No such payment for this caller."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "payment_not_found"


class BookedByAnother(DomainError):
    """Another organisation booked it; only that one reverses it."""

    kind: ClassVar[Kind] = Kind.FORBIDDEN
    code: ClassVar[str] = "booked_by_another"


class AlreadyReversed(DomainError):
    """It was reversed before; the first reversal stands."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "already_reversed"


class NothingBooked(DomainError):
    """Nothing was booked by it, so there is nothing to reverse."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "nothing_booked"


class LaterBookingsStand(DomainError):
    """What came later rests on it; nothing was booked."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str] = "later_bookings_stand"


class PayerReconciliationNotFound(DomainError):
    """No such reconciliation for this caller; a later one of the same months took its place."""

    kind: ClassVar[Kind] = Kind.NOT_FOUND
    code: ClassVar[str] = "payer_reconciliation_not_found"
