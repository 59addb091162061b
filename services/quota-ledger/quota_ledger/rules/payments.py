"""Payments and recoveries: what of them lies within a decision's commitment, and what above it.

A payment is a fact and is always booked: within the commitment from the oldest year on, what is
above it as excess of the newest account drawn. A recovery takes back what was paid, excess first;
the commitment left does not grow by it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Id, Reference
from kuntavayla.values.faults import reference_faults
from quota_ledger.rules.allocations import AMOUNT_CENTS_MAX
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.states import PaymentKind, PaymentState

ITEMS_MAX = 1_000
"""Source: sources.md#booking-limits."""
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")


class PaymentItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A payment, or a recovery, whose `amount_cents` is negative; of one month of a decision."""

    payer_reference: Reference
    decision_id: Id
    kind: PaymentKind
    month: Annotated[str, Meta(max_length=7, title="month", description="Such as 2021-09.")]
    amount_cents: Annotated[
        int,
        Meta(
            ge=-AMOUNT_CENTS_MAX,
            le=AMOUNT_CENTS_MAX,
            title="amount_cents",
            description="Give whole cents, at most 100,000,000,000; below zero of a recovery.",
        ),
    ]
    paid_on: date
    reason_code: (
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z][a-z0-9_]{0,63}$",
                title="reason_code",
                description="Give a code in lower case, without personal data.",
            ),
        ]
        | None
    ) = None

    def faults(self, *, today: date) -> Iterator[Fault]:
        """Yield what is wrong with the item in itself."""
        yield from reference_faults([("/payer_reference", self.payer_reference)])
        yield from self._amount_faults()
        if not _MONTH.fullmatch(self.month) or self.month < _FIRST_MONTH:
            yield Fault("/month", "month_malformed", "Give a month such as 2021-09.")
        if self.paid_on > today:
            yield Fault("/paid_on", "day_in_future", "Report what was paid, once it was.")

    def _amount_faults(self) -> Iterator[Fault]:
        if not self.amount_cents:
            yield Fault("/amount_cents", "amount_zero", "Give what was paid, in whole cents.")
        elif (self.kind == "payment") != (self.amount_cents > 0):
            advice = "A payment is above zero, a recovery below it."
            yield Fault("/amount_cents", "sign_of_kind", advice)

    @property
    def month_start(self) -> date:
        """Return the first day of the month; the item has no faults."""
        return date.fromisoformat(f"{self.month}-01")


_FIRST_MONTH = "2000-01"


class PaymentReport(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was paid, as the payer reports it."""

    report_id: Reference
    items: Annotated[list[PaymentItem], Meta(min_length=1, max_length=ITEMS_MAX)]


class Payment(Struct, frozen=True, kw_only=True):
    """A payment as it was booked, or refused; `reversed_by` is the reversal that took it back."""

    payment_id: str
    report_id: str
    payer_reference: str
    fingerprint: bytes
    decision_id: str | None
    kind: PaymentKind
    month: date
    amount_cents: int
    paid_on: date
    reason_code: str | None
    within_cents: int = 0
    excess_cents: int = 0
    commitment_left_cents: int | None = None
    state: PaymentState
    refused_code: str | None = None
    organisation: str
    official_id: str | None
    booked_at: datetime
    reversed_by: str | None = None


class PaidOf(Struct, frozen=True, kw_only=True):
    """What a decision has committed and was paid of one account.

    `paid_cents` is paid of the commitment and never shrinks; `net_cents` is all that was paid, net
    of recoveries, and `excess_cents` that part of it which lies above the commitment.
    """

    account_id: str
    budget_year: int
    committed_cents: int = 0
    paid_cents: int = 0
    net_cents: int = 0
    excess_cents: int = 0

    @property
    def left_cents(self) -> int:
        """Return what may still be paid of the commitment."""
        return max(0, self.committed_cents - self.paid_cents)


class Split(Struct, frozen=True):
    """A payment spread over accounts, and what changes in each."""

    after: tuple[PaidOf, ...]
    changes: tuple[tuple[str, Sums], ...]
    within_cents: int
    excess_cents: int

    @property
    def left_cents(self) -> int:
        """Return what is left of the commitment behind it."""
        return sum(one.left_cents for one in self.after)


def split_payment(cents: int, paid: Sequence[PaidOf]) -> Split:
    """Spread a payment: the oldest year's commitment first, the excess to the newest account."""
    assert paid, "a payment is booked to some account"
    ordered = sorted(paid, key=lambda one: one.budget_year)
    left, after = cents, []
    for one in ordered:
        within = min(left, one.left_cents)
        left -= within
        after.append(
            replace(one, paid_cents=one.paid_cents + within, net_cents=one.net_cents + within)
        )
    newest = after[-1]
    after[-1] = replace(
        newest, net_cents=newest.net_cents + left, excess_cents=newest.excess_cents + left
    )
    return _split(ordered, after)


def split_recovery(cents: int, paid: Sequence[PaidOf]) -> Split | None:
    """Take back what was paid, excess first, the newest account first; None where it is not enough.

    `cents` is what is recovered, above zero.
    """
    if cents > sum(one.net_cents for one in paid):
        return None
    ordered = sorted(paid, key=lambda one: one.budget_year, reverse=True)
    left, after = cents, []
    for one in ordered:
        excess = min(left, one.excess_cents)
        left -= excess
        after.append(
            replace(one, net_cents=one.net_cents - excess, excess_cents=one.excess_cents - excess)
        )
    for place, one in enumerate(after):
        within = min(left, one.net_cents - one.excess_cents)
        left -= within
        after[place] = replace(one, net_cents=one.net_cents - within)
    return _split(ordered, after)


def _split(before: Sequence[PaidOf], after: Sequence[PaidOf]) -> Split:
    changes: list[tuple[str, Sums]] = []
    for one, other in zip(before, after, strict=True):
        net = other.net_cents - one.net_cents
        excess = other.excess_cents - one.excess_cents
        if net or excess:
            changes.append((one.account_id, Sums(paid_cents=net, paid_excess_cents=excess)))
    excess = sum(change.paid_excess_cents for _, change in changes)
    whole = sum(change.paid_cents for _, change in changes)
    return Split(tuple(after), tuple(changes), whole - excess, excess)


class PayableDecision(Struct, frozen=True, kw_only=True):
    """What a payment needs to know of its decision."""

    decision_id: str
    organisation: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    is_restricted: bool
    first_month: date
    last_month: date

    def covers(self, month: date) -> bool:
        """Say whether a month, by its first day, lies in the decision's period."""
        return self.first_month <= month <= self.last_month


class MonthOfDecision(Struct, frozen=True, kw_only=True):
    """A month of a decision: what was calculated, what was paid net, and how far they differ."""

    month: str
    calculated_cents: int
    paid_cents: int
    difference_cents: int


def reconciled(calculated: Mapping[str, int], paid: Mapping[str, int]) -> list[MonthOfDecision]:
    """Return the months of a decision in order, what was calculated against what was paid."""
    return [
        MonthOfDecision(
            month=month,
            calculated_cents=calculated.get(month, 0),
            paid_cents=paid.get(month, 0),
            difference_cents=paid.get(month, 0) - calculated.get(month, 0),
        )
        for month in sorted({*calculated, *paid})
    ]


class PaymentFilter(Struct, frozen=True, kw_only=True):
    """Which payments are asked for, and which may be seen; None stands for all."""

    area_codes: Sequence[str] | None = None
    municipality_codes: Sequence[str] = ()
    may_see_restricted: bool = False
    state: str | None = None
    decision_id: str | None = None
