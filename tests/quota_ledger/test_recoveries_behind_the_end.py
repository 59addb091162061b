"""What is recovered of a decision that is over goes back to its year, or lapses with it."""

from datetime import UTC, datetime

from tests.quota_ledger.acts import acted
from tests.quota_ledger.decided import COST, client_id, know_clients, sender
from tests.quota_ledger.exceptions import (
    FREE,
    LACKING,
    an_approved,
    limits_of,
    standing,
    told_of,
)
from tests.quota_ledger.orders import OFFICIAL
from tests.quota_ledger.paid import (
    PAYDAY,
    a_granted,
    a_payment,
    a_recovery,
    committed,
    proved,
    report,
)
from tests.quota_ledger.reversed import WHY, reverse_payment
from tests.quota_ledger.service import Ledger, another_key

MONTH = 106_000
SUMS = """
SELECT committed_cents, committed_persons, paid_cents, paid_excess_cents, lapsed_cents FROM accounts
"""
HELD = "SELECT committed_cents, paid_cents FROM decision_draws ORDER BY decision_id LIMIT 1"


async def sums_of(ledger: Ledger) -> tuple[int, ...]:
    assert await proved(ledger)
    [row] = await ledger.fetch(SUMS)
    return tuple(row)


async def held_of(ledger: Ledger) -> tuple[int, ...]:
    [row] = await ledger.fetch(HELD)
    return tuple(row)


async def a_cancelled(ledger: Ledger, *, cents: int = 10_000_000) -> str:
    """Return a decision of which a month was paid before it was cancelled."""
    decision_id = await a_granted(ledger, cents=cents)
    await report(ledger, a_payment(decision_id, 1))
    await acted(sender(ledger), {"decision_id": decision_id}, "cancel", version=2)
    return decision_id


async def test_a_whole_recovery_lets_money_and_person_go(ledger: Ledger) -> None:
    decision_id = await a_cancelled(ledger)
    assert await sums_of(ledger) == (MONTH, 1, MONTH, 0, 0)

    [item] = (await report(ledger, a_recovery(decision_id, 2, cents=MONTH)))["items"]

    assert (item["result"], item["commitment_left_cents"]) == ("booked", 0)
    assert await sums_of(ledger) == (0, 0, 0, 0, 0)
    assert await held_of(ledger) == (0, 0)


async def test_a_part_that_is_recovered_keeps_the_person(ledger: Ledger) -> None:
    decision_id = await a_cancelled(ledger)

    await report(
        ledger,
        a_recovery(decision_id, 2, cents=6_000),
        a_recovery(decision_id, 3, cents=50_000),
    )

    assert await sums_of(ledger) == (50_000, 1, 50_000, 0, 0)
    assert await held_of(ledger) == (50_000, 50_000)


async def an_overridden(ledger: Ledger) -> tuple[str, str]:
    """Return a decision and its override; all of it was paid before it was cancelled."""
    decision, answer = await an_approved(ledger)
    decision_id = decision["decision_id"]
    await acted(sender(ledger), decision, "grant", version=2)
    ledger.clock.now = PAYDAY
    await report(ledger, a_payment(decision_id, 1, amount_cents=COST))
    await acted(sender(ledger), decision, "cancel", version=3)
    return decision_id, answer["override_id"]


async def test_what_was_raised_falls_back_first_as_it_is_recovered(ledger: Ledger) -> None:
    decision_id, override_id = await an_overridden(ledger)
    assert await limits_of(ledger) == (FREE, LACKING, 0, COST)

    await report(ledger, a_recovery(decision_id, 2, cents=100_000))

    assert await limits_of(ledger) == (FREE, LACKING - 100_000, 0, COST - 100_000)
    assert (await standing(ledger, override_id))[3:] == (100_000, LACKING - 100_000)
    await report(ledger, *(a_recovery(decision_id, 3 + n, cents=500_000) for n in range(2)))
    assert await limits_of(ledger) == (FREE, 0, 0, COST - 1_100_000)
    assert await standing(ledger, override_id) == ("returned", LACKING, 0, LACKING, 0)
    assert (await told_of(ledger))[-2:] == ["override.returned"] * 2
    assert await proved(ledger)


async def test_a_recovery_of_what_goes_on_returns_nothing_that_was_raised(ledger: Ledger) -> None:
    decision, answer = await an_approved(ledger)
    await acted(sender(ledger), decision, "grant", version=2)
    ledger.clock.now = PAYDAY
    await report(ledger, a_payment(decision["decision_id"], 1))

    await report(ledger, a_recovery(decision["decision_id"], 2, cents=MONTH))

    assert await limits_of(ledger) == (FREE, LACKING, 0, COST)
    assert (await standing(ledger, answer["override_id"]))[4] == LACKING


async def test_what_ended_keeps_what_is_still_to_be_paid(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id, 1))
    await acted(
        sender(ledger), {"decision_id": decision_id}, "end", version=2, last_on="2021-10-31"
    )
    [row] = await ledger.fetch(HELD)
    left = row["committed_cents"] - MONTH

    [item] = (await report(ledger, a_recovery(decision_id, 2, cents=6_000)))["items"]

    assert item["commitment_left_cents"] == left
    assert await held_of(ledger) == (MONTH - 6_000 + left, MONTH - 6_000)
    assert await proved(ledger)


async def test_a_decision_that_goes_on_keeps_its_commitment(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    await report(ledger, a_payment(decision_id, 1), a_recovery(decision_id, 2, cents=MONTH))

    assert await sums_of(ledger) == (COST, 1, 0, 0, 0)
    assert await held_of(ledger) == (COST, MONTH)


async def test_behind_the_lapse_it_lapses_and_the_year_stays_closed(ledger: Ledger) -> None:
    decision_id = await a_cancelled(ledger, cents=COST)
    ledger.clock.now = datetime(2023, 1, 2, 6, tzinfo=UTC)
    headers = {"Idempotency-Key": another_key(), "Acting-Official": OFFICIAL}
    ely = ledger.caller("ely-14", "years.read", "years.write")
    closed = await ely.post("/years/2021:lapse", WHY, headers=headers)
    assert closed.status_code == 200, closed.text
    assert await sums_of(ledger) == (MONTH, 1, MONTH, 0, COST - MONTH)

    paid_on = {"paid_on": "2023-01-02"}
    [item] = (await report(ledger, a_recovery(decision_id, 2, cents=MONTH, **paid_on)))["items"]

    assert await sums_of(ledger) == (0, 0, 0, 0, COST)
    back = await reverse_payment(ledger, item["payment_id"])
    assert back.status_code == 201, back.text
    assert await sums_of(ledger) == (MONTH, 1, MONTH, 0, COST - MONTH)


async def test_its_reversal_binds_again_what_it_let_go(ledger: Ledger) -> None:
    decision_id = await a_cancelled(ledger)
    [item] = (await report(ledger, a_recovery(decision_id, 2, cents=MONTH)))["items"]

    answer = await reverse_payment(ledger, item["payment_id"])

    assert answer.status_code == 201, answer.text
    assert await sums_of(ledger) == (MONTH, 1, MONTH, 0, 0)
    assert await held_of(ledger) == (MONTH, MONTH)


async def test_its_reversal_is_refused_where_the_money_is_promised_anew(ledger: Ledger) -> None:
    decision_id = await a_cancelled(ledger, cents=COST)
    other = client_id(7)
    await know_clients(ledger, other)
    [item] = (await report(ledger, a_recovery(decision_id, 2, cents=MONTH)))["items"]
    made = await committed(ledger, 45, client_id=other)

    answer = await reverse_payment(ledger, item["payment_id"])

    assert (answer.status_code, answer.json()["code"]) == (409, "later_bookings_stand")
    assert answer.json()["facts"] == {"needed": MONTH, "available": 0}
    # Once it is free again, the reversal fits.
    await acted(sender(ledger), {"decision_id": made}, "cancel", version=2)
    assert (await reverse_payment(ledger, item["payment_id"])).status_code == 201
    assert await proved(ledger)
