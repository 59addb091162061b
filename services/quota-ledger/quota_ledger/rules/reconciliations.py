"""What a payer says that it paid, held against what was booked, by decision and month."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.values.codes import Id
from quota_ledger.rules.allocations import AMOUNT_CENTS_MAX

DIFFERENCES_MAX = 1_000
"""Differences of one kind that are kept; all are counted. Source: sources.md#booking-limits."""
DifferenceKind = Literal["missing_here", "missing_there", "amount_differs", "decision_unknown"]
Repair = Literal["report_payment", "reverse_payment", "report_difference", "check_decision"]
REPAIRS: Mapping[DifferenceKind, Repair] = {
    "missing_here": "report_payment",
    "missing_there": "reverse_payment",
    "amount_differs": "report_difference",
    "decision_unknown": "check_decision",
}
"""What the payer does about a difference."""
_MONTH = re.compile(r"20\d{2}-(?:0[1-9]|1[0-2])")


class PaidLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the list: what was paid of a month of a decision, net of recoveries."""

    decision_id: Id
    month: Annotated[str, Meta(max_length=7, title="month", description="Such as 2021-09.")]
    amount_cents: Annotated[
        int,
        Meta(
            ge=-AMOUNT_CENTS_MAX,
            le=AMOUNT_CENTS_MAX,
            title="amount_cents",
            description="Give whole cents, at most 100,000,000,000; net of recoveries.",
        ),
    ]


class Months(Struct, frozen=True):
    """The months that a list covers, first and last, by their first days."""

    first: date
    last: date


class MonthDifference(Struct, frozen=True, kw_only=True):
    """A month of a decision of which the payer says another amount than was booked."""

    kind: DifferenceKind
    decision_id: str
    month: str
    their_cents: int
    our_cents: int

    @property
    def repaired_by(self) -> Repair:
        """Return what repairs it."""
        return REPAIRS[self.kind]


class Reconciliation(Struct, frozen=True, kw_only=True):
    """What came of a list; the first 1,000 differences of a kind, all of them counted."""

    reconciliation_id: str
    organisation: str
    months: Months
    their_count: int
    our_count: int
    counts: Mapping[DifferenceKind, int]
    differences: Sequence[MonthDifference]
    reconciled_at: datetime

    @property
    def is_equal(self) -> bool:
        """Say whether both sides agree."""
        return not any(self.counts.values())


def month_start(text: str) -> date | None:
    """Return the first day of a month such as 2021-09; None of a text that is none."""
    return date.fromisoformat(f"{text}-01") if _MONTH.fullmatch(text) else None
