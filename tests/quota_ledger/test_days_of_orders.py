"""No money is spent before its day, and none is given to a year that is over."""

from datetime import UTC, datetime

import pytest

from tests.quota_ledger.decided import a_decision, decided, give, know_clients, sender
from tests.quota_ledger.orders import a_cut, a_transfer, an_allocation, order, ordered, orderer
from tests.quota_ledger.paid import a_payment, proved, report
from tests.quota_ledger.service import Ledger
from tests.served import Json

TODAY, TOMORROW = "2021-08-24", "2021-08-25"
NEW_YEAR = datetime(2022, 1, 1, 6, tzinfo=UTC)
OVER = datetime(2023, 1, 2, 6, tzinfo=UTC)
PERSONS_MAX, PERSONS_OF_ACCOUNT_MAX = 1_000_000, 2_000_000_000


@pytest.mark.parametrize("path", ["/allocations", "/allocations:preview"])
@pytest.mark.parametrize("kind", ["initial", "addition", "cut"])
async def test_what_is_allocated_is_valid_today_at_the_latest(
    ledger: Ledger, kind: str, path: str
) -> None:
    ely = orderer(ledger)

    answer = await order(ely, path, an_allocation(kind=kind, valid_from_on=TOMORROW))

    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, "/valid_from_on")
    assert fault["code"] == "day_in_future"
    assert await ledger.count("entries") == 0


async def test_a_transfer_counts_today_at_the_latest(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(valid_from_on=TODAY))

    answer = await order(ely, "/allocation-transfers", a_transfer(value_on=TOMORROW))

    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/value_on", "day_in_future")
    assert await ledger.count("entries") == 1


async def test_the_initial_allocation_of_a_year_is_made_on_its_first_day(ledger: Ledger) -> None:
    ely = orderer(ledger)
    of_2022: Json = {"budget_year": 2022, "valid_from_on": "2022-01-01"}
    shown = await ordered(ely, "/allocations", an_allocation(status="indicative", **of_2022))

    early = await order(ely, "/allocations", an_allocation(**of_2022))
    ledger.clock.now = NEW_YEAR
    made = await ordered(ely, "/allocations", an_allocation(**of_2022))

    assert (shown["entry_ids"], early.status_code) == ([], 422)
    assert made["balance"]["allocated"]["cents"] == 161_200_000


@pytest.mark.parametrize("path", ["/allocations", "/allocations:preview"])
async def test_a_year_that_is_over_is_given_nothing_closed_or_not(
    ledger: Ledger, path: str
) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    ledger.clock.now = OVER

    answers = [
        await order(ely, path, body)
        for body in (
            an_allocation(kind="addition"),
            an_allocation(instrument="COACHING"),
            a_cut(amount_cents=1),
            an_allocation(instrument="COACHING", status="indicative"),
        )
    ]

    assert {(one.status_code, one.json()["code"]) for one in answers} == {(409, "year_lapsed")}
    assert answers[0].json()["facts"] == {"budget_year": 2021}
    assert await ledger.count("accounts") == 1
    assert await ledger.count("allocations") == 1


@pytest.mark.parametrize("path", ["/allocation-transfers", "/allocation-transfers:preview"])
async def test_nothing_is_transferred_within_a_year_that_is_over(ledger: Ledger, path: str) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    ledger.clock.now = OVER

    answer = await order(ely, path, a_transfer())

    assert (answer.status_code, answer.json()["code"]) == (409, "year_lapsed")
    assert await ledger.count("accounts") == 1


async def test_an_order_of_a_year_that_is_over_by_now_answers_as_it_did(ledger: Ledger) -> None:
    ely = orderer(ledger)
    first = await order(ely, "/allocations", an_allocation(), key="first")
    ledger.clock.now = OVER

    again = await order(ely, "/allocations", an_allocation(), key="first")

    assert (again.status_code, again.json()) == (201, first.json())


async def test_an_account_that_a_payment_opens_for_a_year_that_is_over_is_closed(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    made = await decided(sender(ledger), a_decision())
    assert made["outcome"] == "refused"
    ledger.clock.now = OVER

    paid = a_payment(made["decision_id"], paid_on="2023-01-02", amount_cents=900)
    [item] = (await report(ledger, paid))["items"]

    assert item["excess_cents"] == 900
    [account] = await ledger.fetch("SELECT * FROM accounts WHERE paid_cents > 0")
    assert (account["is_lapsed"], account["paid_excess_cents"]) == (True, 900)
    assert await proved(ledger)


async def test_an_account_counts_no_more_persons_than_it_can(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await give(ledger, cents=1_000, persons=PERSONS_OF_ACCOUNT_MAX - PERSONS_MAX)
    addition = an_allocation(kind="addition", persons=PERSONS_MAX)

    await ordered(ely, "/allocations", addition)
    answer = await order(ely, "/allocations", {**addition, "persons": 1})

    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, "/persons", "too_large")
    [row] = await ledger.fetch("SELECT allocated_persons FROM accounts")
    assert row["allocated_persons"] == PERSONS_OF_ACCOUNT_MAX
