"""Money that is not there or not to be had, where the tests of a noun do not look."""

from typing import Any

import pytest

from tests.quota_ledger.acts import act, acted
from tests.quota_ledger.decided import (
    decided,
    know_clients,
    send,
    sender,
    training,
)
from tests.quota_ledger.decision_books import all_faults_of
from tests.quota_ledger.orders import an_allocation, ordered, orderer
from tests.quota_ledger.paid import PAYDAY, a_granted, a_payment, a_recovery, proved, report
from tests.quota_ledger.service import Ledger


@pytest.mark.parametrize("cents", [0, -1, 100_000_000_001, 10**30, 0.5, "1", True])
async def test_a_grant_of_an_amount_that_is_none_is_refused(
    ledger: Ledger,
    cents: Any,  # noqa: ANN401 - of any type
) -> None:
    await know_clients(ledger)
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(instrument="TRAINING"))
    made = await decided(sender(ledger), training(cents=1_000))

    answer = await act(sender(ledger), made, "grant", amount_cents=cents)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")
    [row] = await ledger.fetch("SELECT state FROM decisions")
    assert row[0] == "reserved"


async def test_a_payment_for_a_cancelled_decision_is_booked_as_excess(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await acted(sender(ledger), {"decision_id": decision_id}, "cancel", version=2)

    told = await report(
        ledger,
        a_payment(decision_id),
        a_recovery(decision_id, 2, cents=106_001),
        a_recovery(decision_id, 3, cents=6_000),
    )

    [paid, above, recovered] = told["items"]
    assert (paid["result"], paid["excess_cents"]) == ("booked", 106_000)
    assert above["problem"]["code"] == "recovery_above_paid"
    assert recovered["result"] == "booked"
    [row] = await ledger.fetch(
        "SELECT committed_cents, paid_cents, paid_excess_cents FROM accounts"
    )
    assert tuple(row) == (0, 100_000, 100_000)
    assert await proved(ledger)


async def test_a_payment_for_a_decision_that_was_refused_is_booked_as_excess(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await ordered(orderer(ledger), "/allocations", an_allocation(instrument="TRAINING"))
    made = await decided(sender(ledger), training(cents=1_000))
    await acted(sender(ledger), made, "refuse")
    ledger.clock.now = PAYDAY

    item = a_payment(made["decision_id"], month="2021-10", amount_cents=1)
    [paid] = (await report(ledger, item))["items"]

    assert (paid["result"], paid["excess_cents"]) == ("booked", 1)
    assert await all_faults_of(ledger) == []


async def test_what_is_only_indicative_is_promised_to_nobody(ledger: Ledger) -> None:
    await know_clients(ledger)
    indicative = an_allocation(instrument="TRAINING", status="indicative")
    await ordered(orderer(ledger), "/allocations", indicative)

    answer = (await send(sender(ledger), training(cents=1))).json()

    assert answer["outcome"] == "refused"
    assert await all_faults_of(ledger) == []
