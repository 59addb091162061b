"""The verification of the books."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from quota_ledger.rules.verifying import Difference


class VerificationResponse(Struct, frozen=True, kw_only=True):
    """What was verified at `verified_at`, and what differs.

    At most 1,000 differences are listed; `difference_count` counts all. Keep `newest_block` and
    `newest_hash`: `POST /audit:verify` holds the audit against them. A line of the audit that is
    younger than its newest block was not proved by a signature: `oldest_unsealed_at` is the oldest.
    """

    is_intact: bool
    verified_at: datetime
    account_count: int
    entry_count: int
    decision_count: int
    payment_count: int
    difference_count: int
    differences: Sequence[Difference]
    newest_block: int
    newest_hash: str
    oldest_unsealed_at: datetime | None
