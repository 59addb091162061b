"""A payment or recovery that was reported in error is taken back, as if it had never come."""

import asyncio
from datetime import UTC, datetime

from tests.quota_ledger.acts import acted
from tests.quota_ledger.decided import COST, a_decision, sender
from tests.quota_ledger.decision_books import all_faults_of
from tests.quota_ledger.orders import ALLOCATION, OFFICIAL
from tests.quota_ledger.paid import (
    UNKNOWN,
    a_granted,
    a_payment,
    a_recovery,
    keha,
    proved,
    report,
)
from tests.quota_ledger.reversed import WHY, reverse_payment
from tests.quota_ledger.service import Ledger, another_key
from tests.served import Json

PAID = """
SELECT d.paid_cents, d.recovered_cents, h.paid_cents, a.paid_cents, a.paid_excess_cents
FROM decisions d JOIN decision_draws h USING (decision_id) JOIN accounts a USING (account_id)
"""


async def booked(ledger: Ledger, item: Json) -> str:
    """Report a payment that is booked, and return its id."""
    [one] = (await report(ledger, item))["items"]
    assert one["result"] == "booked", one
    payment_id: str = one["payment_id"]
    return payment_id


async def sums_of(ledger: Ledger) -> tuple[int, ...]:
    [row] = await ledger.fetch(PAID)
    return tuple(row)


async def test_a_reversed_payment_leaves_all_as_if_it_had_never_come(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    first = await booked(ledger, a_payment(decision_id))
    await booked(ledger, a_payment(decision_id, 2, month="2021-10"))

    answer = await reverse_payment(ledger, first)

    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["amount_cents"], made["excess_cents"]) == (-106_000, 0)
    assert made["commitment_left_cents"] == COST - 106_000
    assert await sums_of(ledger) == (106_000, 0, 106_000, 106_000, 0)
    listed = (await keha(ledger).get(f"/payments?decision_id={decision_id}")).json()
    assert [one["reversed_by"] for one in listed["items"]] == [made["reversal_id"], None]
    months = {one["month"]: one["paid_cents"] for one in listed["months"]}
    assert (months["2021-09"], months["2021-10"]) == (0, 106_000)
    assert await proved(ledger)
    assert await all_faults_of(ledger) == []


async def test_a_reversed_payment_is_told_and_on_record(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment_id = await booked(ledger, a_payment(decision_id))

    made = (await reverse_payment(ledger, payment_id)).json()

    told = [data for _, name, data in await ledger.outbox("cs-sotkamo") if name == "payment.booked"]
    assert [(one["kind"], one["amount_cents"]) for one in told] == [
        ("payment", 106_000),
        ("reversal", -106_000),
    ]
    assert told[-1]["payment_id"] == payment_id
    [row] = await ledger.fetch(
        "SELECT entry_id::text, reason, document FROM entries WHERE kind = 'reversal'"
    )
    assert tuple(row) == (
        made["entry_ids"][0],
        WHY["reason"],
        ALLOCATION["document"]["register_number"],
    )
    rows = await ledger.fetch("SELECT 1 FROM audit WHERE action = 'payment.reversed'")
    assert len(rows) == 1


async def test_an_excess_taken_back_is_free_again_and_its_thresholds_are_forgotten(
    ledger: Ledger,
) -> None:
    decision_id = await a_granted(ledger, cents=2_000_000)
    payment_id = await booked(ledger, a_payment(decision_id, amount_cents=1_900_000))
    before = await ledger.fetch("SELECT threshold_told FROM accounts")

    answer = await reverse_payment(ledger, payment_id)

    assert answer.json()["excess_cents"] == -(1_900_000 - COST)
    assert await sums_of(ledger) == (0, 0, 0, 0, 0)
    after = await ledger.fetch("SELECT threshold_told FROM accounts")
    assert ([row[0] for row in before], [row[0] for row in after]) == ([90], [0])
    assert await proved(ledger)


async def test_a_reversed_recovery_counts_as_paid_again(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await booked(ledger, a_payment(decision_id))
    recovery = await booked(ledger, a_recovery(decision_id, 2, cents=40_000))

    answer = await reverse_payment(ledger, recovery)

    assert answer.json()["amount_cents"] == 40_000
    assert await sums_of(ledger) == (106_000, 0, 106_000, 106_000, 0)
    assert await proved(ledger)


async def test_what_was_recovered_since_is_reversed_first(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment = await booked(ledger, a_payment(decision_id))
    recovery = await booked(ledger, a_recovery(decision_id, 2, cents=1))

    refused = await reverse_payment(ledger, payment)
    await reverse_payment(ledger, recovery)
    taken = await reverse_payment(ledger, payment)

    assert (refused.status_code, refused.json()["code"]) == (409, "later_bookings_stand")
    assert refused.json()["facts"] == {
        "state": "granted",
        "paid_cents": 105_999,
        "excess_cents": 0,
    }
    assert taken.status_code == 201, taken.text
    assert await sums_of(ledger) == (0, 0, 0, 0, 0)
    assert await proved(ledger)


async def test_a_payment_above_the_commitment_because_of_it_is_reversed_first(
    ledger: Ledger,
) -> None:
    decision_id = await a_granted(ledger)
    first = await booked(ledger, a_payment(decision_id, amount_cents=COST))
    second = await booked(ledger, a_payment(decision_id, 2))

    refused = await reverse_payment(ledger, first)
    taken = [await reverse_payment(ledger, one) for one in (second, first)]

    assert (refused.status_code, refused.json()["code"]) == (409, "later_bookings_stand")
    assert [one.status_code for one in taken] == [201, 201]
    assert await sums_of(ledger) == (0, 0, 0, 0, 0)


async def test_of_a_cancelled_decision_what_stays_committed_as_paid_is_not_reversed(
    ledger: Ledger,
) -> None:
    decision_id = await a_granted(ledger)
    payment = await booked(ledger, a_payment(decision_id))
    await acted(sender(ledger), {"decision_id": decision_id}, "cancel", version=2)
    excess = await booked(ledger, a_payment(decision_id, 2))

    within, above = await reverse_payment(ledger, payment), await reverse_payment(ledger, excess)

    assert (within.status_code, within.json()["code"]) == (409, "later_bookings_stand")
    assert above.status_code == 201, above.text
    assert await proved(ledger)


async def test_of_an_ended_decision_a_payment_is_reversed_and_reported_anew(
    ledger: Ledger,
) -> None:
    decision_id = await a_granted(ledger)
    payment = await booked(ledger, a_payment(decision_id))
    await acted(sender(ledger), {"decision_id": decision_id}, "end", version=2)

    taken = await reverse_payment(ledger, payment)
    await booked(ledger, a_payment(decision_id, 2, amount_cents=100_000))

    assert taken.status_code == 201, taken.text
    assert (await sums_of(ledger))[0] == 100_000
    assert await proved(ledger)


async def test_behind_the_lapse_of_the_year_what_is_taken_back_lapses(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger, cents=2_000_000)
    payment = await booked(ledger, a_payment(decision_id, amount_cents=COST + 300))
    ledger.clock.now = datetime(2023, 1, 2, 6, tzinfo=UTC)
    headers = {"Idempotency-Key": another_key(), "Acting-Official": OFFICIAL}
    ely = ledger.caller("ely-14", "years.write")
    lapsed = await ely.post("/years/2021:lapse", WHY, headers=headers)

    answer = await reverse_payment(ledger, payment)

    assert (lapsed.status_code, answer.status_code) == (200, 201), answer.text
    [row] = await ledger.fetch(
        "SELECT allocated_cents, committed_cents, paid_excess_cents, lapsed_cents FROM accounts"
    )
    assert tuple(row) == (COST, COST, 0, 2_000_000 - COST)
    assert await proved(ledger)


async def test_a_payment_is_reversed_once(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment_id = await booked(ledger, a_payment(decision_id))

    answers = await asyncio.gather(*(reverse_payment(ledger, payment_id) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    refused = [one.json() for one in answers if one.status_code == 409]
    [first] = [one.json()["reversal_id"] for one in answers if one.status_code == 201]
    assert {(one["code"], one["facts"]["reversal_id"]) for one in refused} == {
        ("already_reversed", first)
    }
    assert await all_faults_of(ledger) == []


async def test_a_reversal_of_a_payment_again_answers_as_the_first(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment_id = await booked(ledger, a_payment(decision_id))

    first = await reverse_payment(ledger, payment_id, key="r-1")
    await booked(ledger, a_payment(decision_id, 2))
    again = await reverse_payment(ledger, payment_id, key="r-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_payer_reference_stays_taken_behind_a_reversal(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment_id = await booked(ledger, a_payment(decision_id))
    await reverse_payment(ledger, payment_id)

    [again] = (await report(ledger, a_payment(decision_id)))["items"]

    assert again["payment_id"] == payment_id
    assert await sums_of(ledger) == (0, 0, 0, 0, 0)


async def test_a_refused_payment_and_an_unknown_one_are_not_reversed(ledger: Ledger) -> None:
    [refused] = (await report(ledger, a_payment(UNKNOWN, paid_on="2021-08-24")))["items"]

    of_refused = await reverse_payment(ledger, refused["payment_id"])
    of_none = await reverse_payment(ledger, UNKNOWN)

    assert (of_refused.status_code, of_refused.json()["code"]) == (409, "nothing_booked")
    assert of_none.status_code == 404, of_none.text


async def test_only_the_payer_reverses_a_payment(refusing: Ledger) -> None:
    of_system = await reverse_payment(refusing, UNKNOWN, organisation="cs-sotkamo")
    of_ely = await reverse_payment(refusing, UNKNOWN, organisation="ely-14")
    read_only = await refusing.caller("keha", "payments.read").post(
        f"/payments/{UNKNOWN}:reverse", WHY, headers={"Idempotency-Key": another_key()}
    )

    assert {of_system.json()["code"], of_ely.json()["code"]} == {"caller_kind_refused"}
    assert read_only.json()["code"] == "scope_missing"
    assert a_decision()["instrument"] == "PAY_SUBSIDY"
