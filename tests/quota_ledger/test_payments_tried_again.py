"""A payment that was refused is tried again when it comes again, or corrected."""

import asyncio

from tests.quota_ledger.decided import COST, a_decision, decided, give, know_clients, sender
from tests.quota_ledger.paid import (
    PAYDAY,
    UNKNOWN,
    a_granted,
    a_payment,
    a_recovery,
    keha,
    proved,
    report,
    report_lines,
)
from tests.quota_ledger.service import Ledger


async def test_a_recovery_is_booked_once_enough_was_paid(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    recovery = a_recovery(decision_id, 1, cents=500)

    [refused] = (await report(ledger, recovery))["items"]
    [again] = (await report(ledger, recovery))["items"]
    await report(ledger, a_payment(decision_id, 2, amount_cents=500))
    [booked] = (await report(ledger, recovery, report_id="KEHA-LATER"))["items"]
    [replayed] = (await report(ledger, recovery))["items"]

    assert again == refused
    assert refused["problem"]["code"] == "recovery_above_paid"
    assert (booked["result"], booked["payment_id"]) == ("booked", refused["payment_id"])
    assert replayed == booked
    assert await ledger.count("payments") == 2
    assert (await keha(ledger).get("/payments?state=refused")).json()["items"] == []
    [row] = await ledger.fetch("SELECT report_id FROM payments WHERE kind = 'recovery'")
    assert row["report_id"] == "KEHA-LATER"
    assert await proved(ledger)


async def test_what_was_refused_may_be_corrected(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    [refused] = (await report(ledger, a_payment(UNKNOWN)))["items"]

    [booked] = (await report(ledger, a_payment(decision_id)))["items"]
    [other] = (await report(ledger, a_payment(decision_id, amount_cents=1)))["items"]

    assert (booked["result"], booked["payment_id"]) == ("booked", refused["payment_id"])
    assert booked["commitment_left_cents"] == COST - 106_000
    assert other["problem"]["code"] == "payer_reference_reused"
    [listed] = (await keha(ledger).get("/payments")).json()["items"]
    assert (listed["state"], listed["decision_id"]) == ("booked", decision_id)
    assert await proved(ledger)


async def test_a_correction_may_be_refused_for_another_reason(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(UNKNOWN))

    [item] = (await report(ledger, a_recovery(decision_id, 1, cents=1)))["items"]

    [listed] = (await keha(ledger).get("/payments?state=refused")).json()["items"]
    assert item["problem"]["code"] == listed["refused_code"] == "recovery_above_paid"
    assert await proved(ledger)


async def test_a_report_under_its_key_is_answered_as_the_first(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    recovery = a_recovery(decision_id, 1, cents=500)
    first = await report(ledger, recovery, key="report-1")
    await report(ledger, a_payment(decision_id, 2, amount_cents=500))

    again = await report(ledger, recovery, key="report-1")

    assert again == first
    assert await ledger.count("entries") == 4


async def test_a_report_that_was_never_booked_is_no_replay(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    body = {"report_id": "KEHA-1", "items": [a_payment(decision_id)]}
    headers = {"Idempotency-Key": "report-1"}
    await ledger.execute("ALTER TABLE payments RENAME TO payments_away")
    failed = await keha(ledger).post("/payments", body, headers=headers)
    await ledger.execute("ALTER TABLE payments_away RENAME TO payments")

    first = await keha(ledger).post("/payments", body, headers=headers)
    again = await keha(ledger).post("/payments", body, headers=headers)

    assert failed.status_code == 500
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (first.status_code, again.json()) == (200, first.json())
    assert await proved(ledger)


async def test_lines_that_were_refused_are_tried_again(ledger: Ledger) -> None:
    await give(ledger, cents=10_000_000)
    await know_clients(ledger)
    ledger.clock.now = PAYDAY
    refused, _ = await report_lines(ledger, [a_payment(UNKNOWN)])
    made = await decided(sender(ledger), a_decision())

    booked, _ = await report_lines(ledger, [a_payment(made["decision_id"])])

    assert (refused["status"], booked["status"], "replayed" in booked) == (409, 201, False)
    assert await proved(ledger)


async def test_an_item_that_is_tried_by_many_at_once_is_booked_once(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, *(a_payment(UNKNOWN, number) for number in range(6)))
    items = [a_payment(decision_id, number) for number in range(6)]

    answers = await asyncio.gather(*(report(ledger, *items[::step]) for step in (1, -1, 1, -1)))

    assert {one["accepted"] for one in answers} == {6}
    [account] = await ledger.fetch("SELECT paid_cents FROM accounts")
    assert account["paid_cents"] == 6 * 106_000
    assert await proved(ledger)


async def test_not_even_the_service_itself_changes_what_is_booked(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id, 1), a_payment(UNKNOWN, 2))

    async with ledger.desk.transaction() as connection:
        done = await connection.execute("UPDATE payments SET report_id = 'other'")

    assert done == "UPDATE 1"
    rows = await ledger.fetch("SELECT state FROM payments WHERE report_id = 'other'")
    assert [row["state"] for row in rows] == ["refused"]
