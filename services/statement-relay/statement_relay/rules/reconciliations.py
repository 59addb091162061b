"""What a receiver says that it took on a day, held against the receipts that we have."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, get_args

from msgspec import Struct

from kuntavayla.values.codes import Id
from statement_relay.rules.answers import Receipt
from statement_relay.rules.digests import Digest

DIFFERENCES_MAX = 1_000
"""Differences of a kind that one result lists; all are counted."""
DifferenceKind = Literal[
    "missing", "unknown", "unproven", "skipped", "rejected", "other_day", "digest_differs"
]
"""missing: we have its receipt of that day, and it is not in the list. unknown: no item of ours to
this receiver. unproven: ours, and its receipt has not reached us. skipped: ours, and an operator
gave it up. rejected: ours, and rejected for another reason. other_day: ours, by its receipt of
another day. digest_differs: ours, with other bytes."""
KINDS_OF_DIFFERENCE: tuple[DifferenceKind, ...] = get_args(DifferenceKind)
Repair = Literal["resend", "te_office", "relay", "operator"]
REPAIRS: dict[DifferenceKind, Repair] = {
    "missing": "resend",
    "unknown": "te_office",
    "unproven": "relay",
    "skipped": "operator",
    "rejected": "te_office",
    "other_day": "te_office",
    "digest_differs": "operator",
}
"""What repairs a difference: POST /reconciliations/{day}:resend, or who."""
PROVED_BY_RECEIPT: frozenset[DifferenceKind] = frozenset({"unproven", "skipped"})
"""Differences that the receipt in a receiver's own list ends."""


class TakenItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the list: an item that the receiver took, and the digest of its bytes."""

    information_id: Id
    digest: Digest


class HeldItem(Struct, frozen=True):
    """An item as the receiver itself lists it, with the receipt that it gave."""

    information_id: str
    receipt: Receipt

    @property
    def taken(self) -> TakenItem:
        """Return the line that is compared."""
        return TakenItem(self.information_id, self.receipt.digest)


class Difference(Struct, frozen=True, kw_only=True):
    """An item about which the two lists differ."""

    kind: DifferenceKind
    information_id: str
    is_restricted: bool

    @property
    def repaired_by(self) -> Repair:
        """What repairs it."""
        return REPAIRS[self.kind]


class Compared(Struct, frozen=True, kw_only=True):
    """A difference, and how many there are of its kind in all, this one among them."""

    difference: Difference
    alike: int


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The result of a receiver and a day: how many each has, and the first differences.

    A partial one is without clients with a security ban.
    """

    receiver_id: str
    day: date
    reconciled_at: datetime
    their_count: int
    our_count: int
    counts: dict[str, int]
    differences: Sequence[Difference]
    is_partial: bool

    @property
    def is_equal(self) -> bool:
        """Say whether nothing differs."""
        return not any(self.counts.values())


def counts_of(compared: Iterable[Compared]) -> dict[str, int]:
    """Return how many differences there are of each kind, none left out."""
    found = Counter({each.difference.kind: each.alike for each in compared})
    return {kind: found[kind] for kind in KINDS_OF_DIFFERENCE}
