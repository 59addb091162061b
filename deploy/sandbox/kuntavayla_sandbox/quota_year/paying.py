"""What KEHA pays of the year's decisions month by month, what too late, and what it takes back."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from kuntavayla_sandbox.quota_year.holding import MONTH_LENGTH, Held

RECOVERED_EVERY = 200
"""Of so many decisions a part is taken back of one, after its first payment: assumed."""
RECOVERED_PART = 10
"""So small a part of its first month."""
LATE_EVERY = 2
"""Of so many ended and cancelled decisions one is paid once more, too late: assumed."""
LATE_BACK_EVERY = 2
"""Of so many late payments one is taken back later: assumed."""
NOBODYS = "00000000-0000-7000-8000-000000000000"
MONTHS = 12
Items = Iterator[dict[str, Any]]
Decisions = Mapping[str, Held]


def payments(held: Decisions, *, paid_on: date) -> Items:
    """Yield a payment for each month that has ended and is not paid, up to what is committed."""
    ended = _month_of(paid_on)
    for decision_id, one in held.items():
        left = one.left_cents
        if not left:
            continue
        for month, cents in one.months:
            amount = min(cents, left)
            if amount and month < ended and month not in one.paid_months:
                left -= amount
                yield _item(decision_id, month, amount, paid_on=paid_on)


def recoveries(held: Decisions, *, paid_on: date) -> Items:
    """Yield what is taken back of a few decisions, once of each."""
    for number, (decision_id, one) in enumerate(held.items(), start=1):
        if number % RECOVERED_EVERY or not one.paid_months or one.recovered_cents:
            continue
        month, cents = one.months[0]
        amount = min(one.net_cents, max(1, cents // RECOVERED_PART))
        if amount:
            yield _recovery(decision_id, month, amount, paid_on=paid_on, name="recovery")


def late_payments(held: Decisions, *, paid_on: date) -> Items:
    """Yield payments of a few decisions that were cancelled, or have ended: nothing more was due.

    Of a cancelled one it is a month that had been decided on, of an ended one a month behind it.
    """
    ended = _month_of(paid_on)
    for number, (decision_id, one) in enumerate(held.items(), start=1):
        if number % LATE_EVERY or one.is_paid_late or one.state not in {"ended", "cancelled"}:
            continue
        for month, cents in _late_months(one):
            if cents and month < ended and month not in one.paid_months:
                yield _item(decision_id, month, cents, paid_on=paid_on)
                break


def late_recoveries(held: Decisions, *, paid_on: date) -> Items:
    """Yield what is taken back of late payments: of every second all of it."""
    for number, (decision_id, one) in enumerate(held.items(), start=1):
        if number % (LATE_EVERY * LATE_BACK_EVERY) or not one.excess_cents:
            continue
        month = one.period[0]
        cents = one.excess_cents
        yield _recovery(decision_id, month, cents, paid_on=paid_on, name="late-recovery")


def nobodys_payment(*, paid_on: date) -> dict[str, Any]:
    """Return a payment of a decision that there is not."""
    return _item(NOBODYS, _month_of(paid_on), 1, paid_on=paid_on)


def _late_months(one: Held) -> list[tuple[str, int]]:
    if one.state == "cancelled":
        return one.months
    return [(_next_month(one.period[1]), cents) for _, cents in one.months[:1]]


def _next_month(month: str) -> str:
    year, number = divmod(int(month[:4]) * MONTHS + int(month[5:]), MONTHS)
    return f"{year}-{number + 1:02}"


def _month_of(day: date) -> str:
    return day.isoformat()[:MONTH_LENGTH]


def _recovery(
    decision_id: str, month: str, cents: int, *, paid_on: date, name: str
) -> dict[str, Any]:
    return {
        **_item(decision_id, month, -cents, paid_on=paid_on),
        "payer_reference": f"SANDBOX/{decision_id}/{name}",
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
