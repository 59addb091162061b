"""What KEHA pays of the year's decisions month by month, and what it takes back of a few."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from kuntavayla_sandbox.quota_year.books import Held

RECOVERED_EVERY = 200
"""Of so many decisions a part is taken back of one, after its first payment: assumed."""
RECOVERED_PART = 10
"""So small a part of its first month."""


def payments(held: Mapping[str, Held], *, paid_on: date) -> Iterator[dict[str, Any]]:
    """Yield a payment for each month that has ended and is not paid, up to what is committed."""
    ended = paid_on.isoformat()[:7]
    for decision_id, one in held.items():
        left = one.committed_cents - one.paid_cents
        for month, cents in one.months:
            amount = min(cents, left)
            if amount and month < ended and month not in one.paid_months:
                left -= amount
                yield _item(decision_id, month, amount, paid_on=paid_on)


def recoveries(held: Mapping[str, Held], *, paid_on: date) -> Iterator[dict[str, Any]]:
    """Yield what is taken back of a few decisions that go on, once of each."""
    for number, (decision_id, one) in enumerate(held.items(), start=1):
        is_drawn = number % RECOVERED_EVERY == 0 and not one.is_changed
        if is_drawn and one.paid_months and not one.recovered_cents:
            month, cents = one.months[0]
            amount = max(1, cents // RECOVERED_PART)
            item = _item(decision_id, month, -amount, paid_on=paid_on)
            reference = f"SANDBOX/{decision_id}/recovery"
            yield {
                **item,
                "payer_reference": reference,
                "kind": "recovery",
                "reason_code": "absence_without_pay",
            }


def _item(decision_id: str, month: str, cents: int, *, paid_on: date) -> dict[str, Any]:
    return {
        "payer_reference": f"SANDBOX/{decision_id}/{month}",
        "decision_id": decision_id,
        "kind": "payment",
        "month": month,
        "amount_cents": cents,
        "paid_on": paid_on.isoformat(),
    }
