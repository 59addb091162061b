"""A payment is a fact: it is booked whatever its month, and a recovery takes back what was paid."""

from tests.quota_ledger.acts import acted
from tests.quota_ledger.decided import COST, sender
from tests.quota_ledger.paid import a_granted, a_payment, a_recovery, keha, proved, report
from tests.quota_ledger.service import Ledger

MONTH = 106_000


async def test_a_month_behind_an_end_is_booked_as_excess_and_listed(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id, 1), a_payment(decision_id, 2, month="2021-10"))
    verdict = await acted(
        sender(ledger), {"decision_id": decision_id}, "end", version=2, last_on="2021-09-30"
    )

    [late] = (await report(ledger, a_payment(decision_id, 3, month="2021-11")))["items"]

    assert verdict["paid_cents"] == 2 * MONTH
    assert (late["result"], late["excess_cents"]) == ("booked", MONTH)
    query = {"state": "exceeds_commitment"}
    [listed] = (await keha(ledger).get("/payments", params=query)).json()["items"]
    assert (listed["month"], listed["within_cents"]) == ("2021-11", 0)
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["paid_cents"], account["paid_excess_cents"]) == (3 * MONTH, MONTH)
    assert await proved(ledger)


async def test_a_month_behind_an_end_is_recovered(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id, 1), a_payment(decision_id, 2, month="2021-10"))
    await acted(
        sender(ledger), {"decision_id": decision_id}, "end", version=2, last_on="2021-09-30"
    )

    [back] = (await report(ledger, a_recovery(decision_id, 3, cents=MONTH, month="2021-10")))[
        "items"
    ]

    assert (back["result"], back["commitment_left_cents"]) == ("booked", 0)
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert account["paid_cents"] == MONTH
    assert await proved(ledger)


async def test_a_month_before_the_period_takes_nothing_of_the_commitment(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    before, within, behind = (
        await report(
            ledger,
            a_payment(decision_id, 1, month="2021-08", amount_cents=700),
            a_payment(decision_id, 2, month="2022-06", amount_cents=800),
            a_payment(decision_id, 3, month="2022-07", amount_cents=900),
        )
    )["items"]

    assert [one.get("excess_cents") for one in (before, within, behind)] == [700, None, 900]
    assert behind["commitment_left_cents"] == COST - 800
    assert await proved(ledger)


async def test_what_was_paid_before_the_decision_counts_from_its_day(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    await report(ledger, a_payment(decision_id, paid_on="2021-08-01"))

    [entry] = await ledger.fetch("SELECT value_on::text FROM entries WHERE kind = 'payment'")
    [payment] = await ledger.fetch("SELECT paid_on::text FROM payments")
    assert (entry["value_on"], payment["paid_on"]) == ("2021-08-23", "2021-08-01")
    assert await proved(ledger)
