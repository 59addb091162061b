"""Reversals of allocations, transfers and payments."""

from collections.abc import Sequence

from msgspec import Struct

from quota_ledger.schemas.balances import BalanceResponse


class ReversalResponse(Struct, frozen=True, kw_only=True):
    """What a reversal has done: one entry for each that it takes back, with its account behind it.

    Of a transfer the account that gave stands first.
    """

    reversal_id: str
    entry_ids: Sequence[str]
    balances: Sequence[BalanceResponse]


class ReversalPreview(Struct, frozen=True):
    """The accounts as they are, and as they would be, in the same order."""

    balances_before: Sequence[BalanceResponse]
    balances: Sequence[BalanceResponse]


class PaymentReversalResponse(Struct, frozen=True, kw_only=True):
    """What a reversal of a payment has done; amounts have the opposite sign of the payment's."""

    reversal_id: str
    payment_id: str
    entry_ids: Sequence[str]
    amount_cents: int
    excess_cents: int
    commitment_left_cents: int | None
