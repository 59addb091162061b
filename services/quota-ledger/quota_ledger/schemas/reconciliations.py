"""Reconciliations: what came of a payer's list."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from quota_ledger.rules.reconciliations import DifferenceKind, Repair


class MonthDifferenceResponse(Struct, frozen=True, kw_only=True):
    """A month of a decision of which you say another amount than is booked, net of recoveries.

    `difference_cents` is what is missing here: yours less ours.
    """

    kind: DifferenceKind
    decision_id: str
    month: str
    your_cents: int
    our_cents: int
    difference_cents: int
    repaired_by: Repair


class ReconciliationResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What came of a list: months of decisions that are not nothing, on both sides.

    `differences` holds the first 1,000 of each kind, and is left out of a list; all are counted.
    """

    reconciliation_id: str
    organisation: str
    first_month: str
    last_month: str
    reconciled_at: datetime
    is_equal: bool
    your_count: int
    our_count: int
    missing_here: int
    missing_there: int
    amount_differs: int
    decision_unknown: int
    differences: Sequence[MonthDifferenceResponse] | None = None


class ReconciliationList(Struct, frozen=True):
    """A page of results in the order in which they were made."""

    items: Sequence[ReconciliationResponse]
    next_cursor: str | None
