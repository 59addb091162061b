"""What KEHA pays of the year's decisions: month by month, never more than is committed."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from kuntavayla_sandbox.quota_year.books import Held


def payments(held: Mapping[str, Held], *, paid_on: date) -> Iterator[dict[str, Any]]:
    """Yield a payment for each month that has ended of each decision that binds money.

    Of a decision that was calculated anew only the first month is sure to stand; it is paid up to
    what is committed.
    """
    ended = paid_on.isoformat()[:7]
    for decision_id, one in held.items():
        months = one.months[:1] if one.is_changed else one.months
        left = one.committed_cents
        for month, cents in months:
            amount = min(cents, left)
            if amount and month < ended:
                left -= amount
                yield {
                    "payer_reference": f"SANDBOX/{decision_id}/{month}",
                    "decision_id": decision_id,
                    "kind": "payment",
                    "month": month,
                    "amount_cents": amount,
                    "paid_on": paid_on.isoformat(),
                }
