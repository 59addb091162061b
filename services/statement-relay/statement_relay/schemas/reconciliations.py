"""Reconciliations: the list that a receiver sends, and what came of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from kuntavayla.service.schemas.limits import Reason
from kuntavayla.values.officials import ActingOfficial
from statement_relay.rules.reconciliations import DIFFERENCES_MAX


class ReceiverDifference(Struct, frozen=True, kw_only=True):
    """An item about which the lists differ, and what repairs it."""

    kind: str
    information_id: str
    repaired_by: str


class ReceiverReconciliation(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result of a receiver and a day; the first 1,000 differences of a kind, all counted.

    A partial one compares no clients with a security ban.
    """

    receiver_id: str
    day: date
    reconciled_at: datetime
    is_equal: bool
    is_partial: bool
    your_count: int
    our_count: int
    missing: int
    unknown: int
    unproven: int
    skipped: int
    rejected: int
    other_day: int
    digest_differs: int
    differences: Sequence[ReceiverDifference] | None = None


class ReceiverReconciliationList(Struct, frozen=True):
    """The results of a day."""

    items: Sequence[ReceiverReconciliation]
    next_cursor: None


class ReconcileReceiverRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The day of reception in Helsinki that a receiver is asked about."""

    day: date


class ResendRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which receiver lost items, how many, and why they are sent again."""

    receiver_id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9-]{1,31}$",
            title="receiver_id",
            description='Give a receiver, such as "te-kainuu".',
        ),
    ]
    expected_count: Annotated[int, Meta(ge=1, le=DIFFERENCES_MAX)]
    reason: Reason
    acting_official: ActingOfficial | None = None


class ResendResponse(Struct, frozen=True):
    """How many items are sent again."""

    handled: int
