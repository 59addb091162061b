"""Payments and recoveries."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.http import Problem
from quota_ledger.rules.payments import MonthOfDecision
from quota_ledger.rules.states import PaymentKind, PaymentState


class PaymentResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of an item; `payment_id` also of one that is refused and stays on record.

    `excess_cents` is what lies above the commitment.
    """

    payer_reference: str
    result: Literal["booked", "refused"]
    payment_id: str | None = None
    commitment_left_cents: int | None = None
    excess_cents: int | None = None
    problem: Problem | None = None


class PaymentsResponse(Struct, frozen=True, kw_only=True):
    """What came of a report, item by item in order."""

    report_id: str
    accepted: int
    rejected: int
    items: Sequence[PaymentResult]


class PaymentBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call."""

    line: int
    key: str | None
    status: int
    result: PaymentResult | None = None
    problem: Problem | None = None
    replayed: bool = False


class PaymentResponse(Struct, frozen=True, kw_only=True):
    """A payment as it was reported, and how it was booked or why not.

    `reversed_by` is the reversal that took it back.
    """

    payment_id: str
    report_id: str
    payer_reference: str
    decision_id: str | None
    kind: PaymentKind
    month: str
    amount_cents: int
    paid_on: date
    reason_code: str | None
    within_cents: int
    excess_cents: int
    commitment_left_cents: int | None
    state: PaymentState
    refused_code: str | None
    booked_at: datetime
    reversed_by: str | None


class PaymentList(Struct, frozen=True, kw_only=True):
    """A page of payments, report by report in the order of their booking.

    `months` reconciles the decision that was asked for: what was calculated of each month against
    what was paid, net of recoveries.
    """

    items: Sequence[PaymentResponse]
    months: Sequence[MonthOfDecision]
    next_cursor: str | None
