"""Reversals: what was booked in error is taken back by entries that name what they reverse.

What was booked stays as it is. A reversal is the mirror of the entries that it names, counts for
their day, and is itself never reversed: what was right after all is booked anew.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.errors import Fault
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.rules.allocations import Document, Reason, text_faults
from quota_ledger.rules.balances import NOTHING, Sums
from quota_ledger.rules.payments import PaidOf, Payment
from quota_ledger.rules.posting import Leg, Posting, Refs
from quota_ledger.rules.states import DecisionState


class ReversalRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why an allocation or a transfer is reversed, and by which document."""

    document: Document
    reason: Reason
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the request in itself."""
        yield from text_faults(self.document, self.reason)


class PaymentReversalRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why a payment or recovery is reversed, and by which document."""

    document: Document
    reason: Reason

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the request in itself."""
        yield from text_faults(self.document, self.reason)


class BookedEntry(Struct, frozen=True, kw_only=True):
    """An entry that may be reversed."""

    entry_id: str
    account_id: str
    value_on: date
    change: Sums


class Reversal(Struct, frozen=True, kw_only=True):
    """A reversal as it was ordered, of exactly one of three, with its entries."""

    reversal_id: str
    allocation_id: str | None = None
    transfer_id: str | None = None
    payment_id: str | None = None
    entry_ids: Sequence[str]
    commitment_left_cents: int | None = None
    reason: str
    document: Document
    organisation: str
    official_id: str | None
    created_at: datetime


def mirror_of(entry: BookedEntry, refs: Refs) -> Posting:
    """Return the posting that takes an entry back; `refs` are those of the reversal."""
    change = Sums(*(-getattr(entry.change, name) for name in Sums.__struct_fields__))
    leg = Leg(account_id=entry.account_id, kind="reversal", change=change)
    return Posting(
        legs=(leg,), refs=replace(refs, reverses=entry.entry_id, value_on=entry.value_on)
    )


def paid_without(
    entries: Sequence[BookedEntry], paid: Sequence[PaidOf], *, payment: Payment
) -> tuple[PaidOf, ...]:
    """Return what a decision was paid of each account without one of its payments."""
    booked = {entry.account_id: entry.change for entry in entries}
    return tuple(
        _without(one, booked.get(one.account_id, NOTHING), payment=payment) for one in paid
    )


def _without(one: PaidOf, change: Sums, *, payment: Payment) -> PaidOf:
    within = change.paid_cents - change.paid_excess_cents
    return replace(
        one,
        # A recovery did not let the commitment left grow, so its reversal takes nothing of it.
        paid_cents=one.paid_cents - (within if payment.kind == "payment" else 0),
        net_cents=one.net_cents - change.paid_cents,
        excess_cents=one.excess_cents - change.paid_excess_cents,
    )


def stands_alone(
    after: Sequence[PaidOf], *, payment: Payment, state: DecisionState, owed_cents: int
) -> bool:
    """Say whether nothing that came later rests on a payment.

    A later recovery rests on it that took back what it paid, a later payment that lies above the
    commitment because of it, and an end of the decision that left more committed than is owed
    because it was paid. `owed_cents` is what the decision comes to by its calculation.
    """
    if not all(_is_whole(one) for one in after):
        return False
    if payment.kind == "recovery" or not payment.within_cents:
        return True
    if any(one.excess_cents for one in after):
        return False
    owed = 0 if state == "cancelled" else owed_cents
    is_settled = state in {"cancelled", "interrupted", "ended"}
    return not is_settled or sum(one.committed_cents for one in after) <= owed


def _is_whole(one: PaidOf) -> bool:
    """Say whether no sum lies below zero, and no more was paid of the commitment than counts so."""
    within_cents = one.net_cents - one.excess_cents
    return one.excess_cents >= 0 and 0 <= within_cents <= one.paid_cents
