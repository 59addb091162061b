"""What a booking came to: entries with their places and the balances behind them."""

from datetime import date, datetime

from msgspec import Struct

from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.entries import EntryKind
from quota_ledger.rules.posting import Refs


class Entry(Struct, frozen=True, kw_only=True):
    """One change of one account, and the account behind it."""

    entry_id: str
    kind: EntryKind
    booked_at: datetime
    change: Sums
    balance: Balance
    client_id: str | None
    refs: Refs


class ListedEntry(Struct, frozen=True, kw_only=True):
    """An entry as a statement of account shows it; no client is named.

    `reverses` is the entry that it takes back, `reversed_by` that which took it back.
    """

    position: int
    entry_id: str
    kind: EntryKind
    booked_at: datetime
    value_on: date
    change: Sums
    after: Sums
    decision_id: str | None
    allocation_id: str | None
    transfer_id: str | None
    payment_id: str | None
    override_id: str | None
    reverses: str | None
    reversed_by: str | None
    organisation: str
    official_id: str | None
    reason: str | None
    document: str | None


class Booked(Struct, frozen=True):
    """A posting that fitted, with its entries in the order of its legs."""

    entries: tuple[Entry, ...]


class Crossing(Struct, frozen=True):
    """An account whose use has reached a threshold, in per cent."""

    balance: Balance
    threshold_per_cent: int
