"""What was paid above a commitment is taken in by it when it grows: nothing is bound twice."""

from datetime import UTC, datetime
from typing import Any

from tests.quota_ledger.acts import acted, changed
from tests.quota_ledger.decided import COST, a_decision, decided, give, know_clients, sender
from tests.quota_ledger.paid import PAYDAY, a_granted, a_payment, committed, proved, report
from tests.quota_ledger.service import Ledger
from tests.served import Json

MONTH = 106_000
HOLIDAY_PAY = 125_000


def dearer(cents: int) -> Json:
    """Return the change by which the decision of the example costs so much more."""
    # Of holiday pay 40 per cent are subsidised.
    facts = {**a_decision()["facts"], "holiday_pay_cents": HOLIDAY_PAY + cents * 5 // 2}
    return changed(a_decision(), facts=facts)


async def sums_of(ledger: Ledger) -> tuple[int, int, int]:
    [row] = await ledger.fetch(
        "SELECT committed_cents, paid_cents, paid_excess_cents FROM accounts"
    )
    return row["committed_cents"], row["paid_cents"], row["paid_excess_cents"]


async def left_of(ledger: Ledger) -> int:
    [row] = await ledger.fetch(
        "SELECT sum(committed_cents - paid_cents)::int8 AS cents FROM decision_draws"
    )
    cents: int = row["cents"]
    return cents


async def test_what_was_paid_before_the_grant_is_paid_of_the_commitment(ledger: Ledger) -> None:
    await give(ledger, cents=10_000_000)
    await know_clients(ledger)
    made = await decided(sender(ledger), a_decision())
    ledger.clock.now = PAYDAY
    await report(ledger, a_payment(made["decision_id"]))
    assert await sums_of(ledger) == (0, MONTH, MONTH)

    await acted(sender(ledger), made, "grant")

    assert await sums_of(ledger) == (COST, MONTH, 0)
    assert await left_of(ledger) == COST - MONTH
    assert await proved(ledger)


async def test_a_change_takes_in_what_was_paid_above(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id, 1, amount_cents=COST + 100_000))

    verdict = await acted(
        sender(ledger), {"decision_id": decision_id}, "change", version=2, **dearer(200_000)
    )
    [item] = (await report(ledger, a_payment(decision_id, 2, amount_cents=100_000)))["items"]

    assert verdict["committed_cents"] == COST + 200_000
    assert (item["commitment_left_cents"], item.get("excess_cents")) == (0, None)
    assert await sums_of(ledger) == (COST + 200_000, COST + 200_000, 0)
    assert await proved(ledger)


async def test_a_change_needs_no_money_for_what_was_paid_above(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger, cents=COST + 100_000)
    await report(ledger, a_payment(decision_id, 1, amount_cents=COST + 100_000))

    verdict = await acted(
        sender(ledger), {"decision_id": decision_id}, "change", version=2, **dearer(100_000)
    )

    assert (verdict["outcome"], verdict["committed_cents"]) == ("done", COST + 100_000)
    assert await sums_of(ledger) == (COST + 100_000, COST + 100_000, 0)
    assert await proved(ledger)


async def test_a_change_is_refused_where_payments_took_more_than_there_is(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger, cents=COST)
    await report(ledger, a_payment(decision_id, 1, amount_cents=COST + 100_000))

    verdict = await acted(
        sender(ledger), {"decision_id": decision_id}, "change", version=2, **dearer(100_000)
    )

    assert (verdict["outcome"], verdict["committed_cents"]) == ("refused", COST)
    assert await sums_of(ledger) == (COST, COST + 100_000, 100_000)
    assert await proved(ledger)


async def test_what_lies_above_in_the_newest_year_is_taken_in_there(ledger: Ledger) -> None:
    older = await give(ledger, cents=100_000, year=2021)
    newer = await give(ledger, cents=10_000_000, year=2022)
    await know_clients(ledger)
    ledger.clock.now = datetime(2022, 1, 10, 6, tzinfo=UTC)
    period = {"starts_on": "2022-02-01", "ends_on": "2022-11-30"}
    body: dict[str, Any] = {"decided_on": "2022-01-10", "budget_year": 2022, "period": period}
    decision_id = await committed(ledger, **body)
    ledger.clock.now = datetime(2022, 3, 15, 6, tzinfo=UTC)
    paid = {"month": "2022-02", "paid_on": "2022-03-15"}
    await report(ledger, a_payment(decision_id, 1, amount_cents=COST + 300, **paid))
    await give(ledger, cents=5_000_000, year=2021)
    facts = {**a_decision()["facts"], "holiday_pay_cents": HOLIDAY_PAY + 500}

    verdict = await acted(
        sender(ledger),
        {"decision_id": decision_id},
        "change",
        version=2,
        **changed(a_decision(**body), facts=facts),
    )

    assert verdict["committed_cents"] == COST + 200
    rows = {
        str(row["account_id"]): (row["committed_cents"], row["paid_excess_cents"])
        for row in await ledger.fetch("SELECT * FROM accounts")
    }
    assert rows == {older: (100_000, 0), newer: (COST - 100_000 + 200, 100)}
    assert await proved(ledger)
