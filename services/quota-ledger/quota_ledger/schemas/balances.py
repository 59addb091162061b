"""Balances and statements of account."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from quota_ledger.rules.entries import EntryKind


class Cents(Struct, frozen=True):
    """An amount."""

    cents: int


class CentsAndPersons(Struct, frozen=True):
    """An amount, and the persons counted beside it."""

    cents: int
    persons: int


class BalanceResponse(Struct, frozen=True, kw_only=True):
    """An account of a day.

    `paid` is all that was paid, net of recoveries; `paid_excess` of it lies above the commitments.
    `available` = allocated + overridden - reserved - committed - paid_excess, and may lie below
    zero. What is `indicative` is shown and never spent.
    """

    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    on: date
    allocated: CentsAndPersons
    overridden: Cents
    reserved: CentsAndPersons
    committed: CentsAndPersons
    paid: Cents
    paid_excess: Cents
    lapsed: Cents
    available: CentsAndPersons


class ListedBalance(BalanceResponse, frozen=True, kw_only=True):
    """An account as a list shows it; `threshold_told` is the use told last, in per cent."""

    indicative: CentsAndPersons
    is_lapsed: bool
    binds_persons: bool
    threshold_told: int


class BalanceList(Struct, frozen=True):
    """A page of balances, in order of area, municipality, instrument and year."""

    items: Sequence[ListedBalance]
    next_cursor: str | None


class EntryResponse(Struct, frozen=True, kw_only=True):
    """One change of an account, and what is in it behind that.

    `value_on` is the day for which it counts, `booked_at` when it became known. `reverses` is the
    entry that it takes back, `reversed_by` that which took it back.
    """

    position: int
    entry_id: str
    kind: EntryKind
    booked_at: datetime
    value_on: date
    allocated: CentsAndPersons
    overridden: Cents
    reserved: CentsAndPersons
    committed: CentsAndPersons
    paid: Cents
    paid_excess: Cents
    lapsed: Cents
    available_after: CentsAndPersons
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


class EntryList(Struct, frozen=True, kw_only=True):
    """A page of a statement of account; `balance` is the account as it stands.

    `opening` is the account before the day `from`, where one is asked for.
    """

    account_id: str
    opening: BalanceResponse | None
    balance: BalanceResponse
    items: Sequence[EntryResponse]
    next_cursor: str | None
