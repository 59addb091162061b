"""Domain values shaped into the wire types of `quota_ledger.schemas`."""

from datetime import date
from typing import Any

from quota_ledger.operations.balances import ShownBalance
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.booked import ListedEntry
from quota_ledger.schemas.balances import (
    BalanceResponse,
    Cents,
    CentsAndPersons,
    EntryResponse,
    ListedBalance,
)

PREFIX = "/quota/v1"


def balance_answer(balance: Balance, *, on: date) -> BalanceResponse:
    """Return an account of a day."""
    return BalanceResponse(**_account(balance), on=on, available=_available(balance.sums))


def listed_balance_answer(shown: ShownBalance, *, on: date) -> ListedBalance:
    """Return an account of a day as a list shows it."""
    balance = shown.balance
    return ListedBalance(
        **_account(balance),
        on=on,
        available=_available(balance.sums),
        indicative=CentsAndPersons(shown.indicative.cents, shown.indicative.persons),
        is_lapsed=balance.is_lapsed,
        binds_persons=balance.binds_persons,
        threshold_told=balance.threshold_told,
    )


def entry_answer(entry: ListedEntry) -> EntryResponse:
    """Return an entry of a statement of account."""
    told = {name: getattr(entry, name) for name in _TOLD}
    return EntryResponse(**told, **_sums(entry.change), available_after=_available(entry.after))


_TOLD = tuple(
    name for name in EntryResponse.__struct_fields__ if name in ListedEntry.__struct_fields__
)


def _account(balance: Balance) -> dict[str, Any]:
    key = balance.key
    return {
        "account_id": balance.account_id,
        "area_code": key.area_code,
        "municipality_code": key.municipality_code or None,
        "instrument": key.instrument,
        "budget_year": key.budget_year,
        **_sums(balance.sums),
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "allocated": CentsAndPersons(sums.allocated_cents, sums.allocated_persons),
        "overridden": Cents(sums.overridden_cents),
        "reserved": CentsAndPersons(sums.reserved_cents, sums.reserved_persons),
        "committed": CentsAndPersons(sums.committed_cents, sums.committed_persons),
        "paid": Cents(sums.paid_cents),
        "paid_excess": Cents(sums.paid_excess_cents),
        "lapsed": Cents(sums.lapsed_cents),
    }


def _available(sums: Sums) -> CentsAndPersons:
    return CentsAndPersons(sums.free_cents, sums.free_persons)
