"""The lapse of a year: what is left of it at the end of the year behind it is gone."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.rules.allocations import Document, Reason, text_faults
from quota_ledger.rules.balances import Balance, Sums


class LapseRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why a year is closed."""

    document: Document
    reason: Reason
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the request in itself."""
        yield from text_faults(self.document, self.reason)


class LapsedAccount(Struct, frozen=True):
    """What lapsed in an account; without an entry where nothing was free."""

    account_id: str
    cents: int
    entry_id: str | None
    persons: int = 0


class Lapse(Struct, frozen=True, kw_only=True):
    """A year that was closed in the areas of an ELY centre."""

    lapse_id: str
    budget_year: int
    accounts: Sequence[LapsedAccount]
    reason: str
    document: Document
    organisation: str
    official_id: str
    created_at: datetime


def lapsing_cents(balance: Balance) -> int:
    """Return what lapses in an account: what is free of its allocation; what is bound stays."""
    return max(0, min(balance.sums.free_cents, balance.sums.allocated_cents))


def lapsing_persons(balance: Balance) -> int:
    """Return how many persons lapse in an account: those that may still be counted."""
    return max(0, balance.sums.free_persons)


def lapse_of(balance: Balance) -> Sums:
    """Return the change by which lapses what is free in an account."""
    cents = lapsing_cents(balance)
    return Sums(
        allocated_cents=-cents, lapsed_cents=cents, allocated_persons=-lapsing_persons(balance)
    )
