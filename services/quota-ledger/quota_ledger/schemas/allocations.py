"""Allocations and transfers between accounts."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from quota_ledger.rules.allocations import AllocationKind, AllocationStatus, Basis, Document
from quota_ledger.schemas.balances import BalanceResponse


class AllocationResponse(Struct, frozen=True, kw_only=True):
    """What an allocation has done; an indicative one makes no entry and has no balance."""

    allocation_id: str
    entry_ids: Sequence[str]
    balance: BalanceResponse | None


class AllocationPreview(Struct, frozen=True, kw_only=True):
    """The account as it is, and as it would be."""

    balance_before: BalanceResponse
    balance: BalanceResponse


class ListedAllocationResponse(Struct, frozen=True, kw_only=True):
    """An allocation as it was ordered; `reversed_by` is the reversal that took it back."""

    allocation_id: str
    account_id: str
    area_code: str
    instrument: str
    budget_year: int
    kind: AllocationKind
    status: AllocationStatus
    amount_cents: int
    persons: int
    valid_from_on: date
    basis: Basis | None
    document: Document
    reason: str
    covers_override_id: str | None
    entry_ids: Sequence[str]
    organisation: str
    official_id: str
    created_at: datetime
    reversed_by: str | None


class AllocationList(Struct, frozen=True):
    """A page of allocations, in the order in which they were made."""

    items: Sequence[ListedAllocationResponse]
    next_cursor: str | None


class TransferResponse(Struct, frozen=True, kw_only=True):
    """What a transfer has done: two entries, first that of the account that gives."""

    transfer_id: str
    entry_ids: Sequence[str]
    from_balance: BalanceResponse
    to_balance: BalanceResponse


class TransferPreview(Struct, frozen=True, kw_only=True):
    """Both accounts as they would be."""

    from_balance: BalanceResponse
    to_balance: BalanceResponse
