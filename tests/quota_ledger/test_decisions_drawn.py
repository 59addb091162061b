"""From which accounts decisions draw, whom they count, and how much fits."""

import asyncio
from datetime import UTC, datetime

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    client_id,
    decided,
    give,
    know_clients,
    sender,
    training,
)
from tests.quota_ledger.responsibles import CLIENT
from tests.quota_ledger.service import Ledger

GRANTED = 161_200_000


async def test_the_oldest_open_year_is_drawn_first_and_two_together(ledger: Ledger) -> None:
    await know_clients(ledger)
    ledger.clock.pass_days(365)
    await give(ledger, cents=500_000, instrument="TRAINING", year=2021)
    await give(ledger, cents=500_000, instrument="TRAINING", year=2022)
    period = {"starts_on": "2022-10-04", "ends_on": "2022-12-16"}
    later = {"decided_on": "2022-08-24", "budget_year": 2022, "period": period}
    caller = sender(ledger)

    first = await decided(caller, training(1, cents=400_000, **later))
    both = await decided(caller, training(2, cents=400_000, client_id=CLIENT, **later))
    none = await decided(caller, training(3, cents=200_001, **later))

    draws = await ledger.fetch(
        "SELECT decision_id::text, budget_year, reserved_cents FROM decision_draws"
        " ORDER BY decision_id, budget_year"
    )
    assert sorted(tuple(row) for row in draws) == sorted(
        [
            (first["decision_id"], 2021, 400_000),
            (both["decision_id"], 2021, 100_000),
            (both["decision_id"], 2022, 300_000),
        ]
    )
    assert {month["budget_year_charged"] for month in both["calculation"]["months"]} == {2021, 2022}
    assert none["outcome"] == "refused"
    assert none["reasons"][0]["available_cents"] == 200_000
    assert await faults_of(ledger) == []


async def test_a_municipality_with_an_account_draws_on_that_alone(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED, instrument="TRAINING")
    own = await give(ledger, cents=310_000, instrument="TRAINING", municipality="765")
    caller = sender(ledger)

    first = await decided(caller, training(1))
    second = await decided(caller, training(2))

    [draw] = await ledger.fetch("SELECT account_id::text FROM decision_draws")
    assert draw["account_id"] == own
    assert (first["outcome"], second["outcome"]) == ("reserved", "refused")
    assert second["reasons"][0]["available_cents"] == 0


async def test_a_client_is_one_person_of_an_account_whatever_is_decided(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED, instrument="TRAINING", persons=5)
    caller = sender(ledger)

    first = await decided(caller, training(1))
    second = await decided(caller, training(2))

    assert (first["reservation"]["persons"], second["reservation"]["persons"]) == (1, 0)
    assert second["available_after"]["persons"] == 4
    assert await faults_of(ledger) == []


async def test_exactly_as_many_fit_as_there_is_money_for(ledger: Ledger) -> None:
    fit = 5
    clients = [client_id(number) for number in range(4 * fit)]
    await know_clients(ledger, *clients)
    await give(ledger, cents=fit * 310_000, instrument="TRAINING")
    caller = sender(ledger)

    answers = await asyncio.gather(
        *(
            decided(caller, training(number, client_id=client))
            for number, client in enumerate(clients)
        )
    )

    assert sum(answer["outcome"] == "reserved" for answer in answers) == fit
    assert await ledger.count("decisions") == 4 * fit
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["reserved_cents"], account["reserved_persons"]) == (fit * 310_000, fit)
    assert await faults_of(ledger) == []


async def test_persons_bind_where_the_account_says_so(ledger: Ledger) -> None:
    clients = [client_id(number) for number in range(2)]
    await know_clients(ledger, *clients)
    await give(ledger, cents=GRANTED, instrument="TRAINING", persons=1, binds_persons=True)
    caller = sender(ledger)

    first = await decided(caller, training(1, client_id=clients[0]))
    other = await decided(caller, training(2, client_id=clients[1]))
    again = await decided(caller, training(3, client_id=clients[0]))

    [reason] = other["reasons"]
    assert (first["outcome"], other["outcome"], again["outcome"]) == (
        "reserved",
        "refused",
        "reserved",
    )
    assert reason["limit"] == "persons"
    assert (reason["needed_persons"], reason["available_persons"]) == (1, 0)
    assert "needed_cents" not in reason
    assert await faults_of(ledger) == []


async def test_a_year_that_has_lapsed_is_passed_over(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED, instrument="TRAINING")
    await ledger.execute("UPDATE accounts SET is_lapsed = true")

    made = await decided(sender(ledger), training(1))

    [reason] = made["reasons"]
    assert (made["outcome"], reason["limit"], reason["available_cents"]) == ("refused", "lapsed", 0)


async def test_the_year_ends_at_midnight_in_helsinki(ledger: Ledger) -> None:
    await know_clients(ledger)
    old = await give(ledger, cents=GRANTED, instrument="TRAINING", year=2021)
    new = await give(ledger, cents=GRANTED, instrument="TRAINING", year=2022)
    ledger.clock.now = datetime(2022, 12, 31, 21, 59, tzinfo=UTC)
    undated = {name: value for name, value in training(1).items() if name != "decided_on"}
    period = {"starts_on": "2022-12-19", "ends_on": "2023-02-17"}
    caller = sender(ledger)

    await decided(caller, {**undated, "budget_year": 2022, "period": period})
    ledger.clock.now = datetime(2022, 12, 31, 22, 0, tzinfo=UTC)
    later = {**undated, "municipal_id": "SOT-TR-2", "budget_year": 2022, "period": period}
    await decided(caller, later)

    rows = await ledger.fetch(
        "SELECT d.decided_on::text, h.account_id::text FROM decisions d"
        " JOIN decision_draws h USING (decision_id) ORDER BY d.decision_id"
    )
    assert [tuple(row) for row in rows] == [("2022-12-31", old), ("2023-01-01", new)]
