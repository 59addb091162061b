import asyncio

import pytest

from quota_ledger.rules.accounts import AccountKey
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.orders import (
    a_transfer,
    an_allocation,
    order,
    ordered,
    orderer,
)
from tests.quota_ledger.service import Ledger

SOTKAMO = AccountKey("kainuu", "765", "PAY_SUBSIDY", 2021)


async def test_what_one_account_gives_the_other_gets(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    made = await ordered(ely, "/allocation-transfers", a_transfer())

    given, gotten = made["from_balance"], made["to_balance"]
    assert given["allocated"] == {"cents": 160_200_000, "persons": 154}
    assert gotten["allocated"] == {"cents": 1_000_000, "persons": 1}
    assert (given["municipality_code"], gotten["municipality_code"]) == (None, "765")
    rows = await ledger.fetch("SELECT kind FROM entries ORDER BY booked_at, kind")
    assert {row["kind"] for row in rows} == {"initial", "transfer_in", "transfer_out"}
    assert len(made["entry_ids"]) == 2
    assert await faults_of(ledger) == []


async def test_a_transfer_is_told_for_both_accounts(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    made = await ordered(ely, "/allocation-transfers", a_transfer())

    _, *told = [data for _, _, data in await ledger.outbox("ely-14")]
    assert [(one["kind"], one["amount_cents"]) for one in told] == [
        ("transfer_out", -1_000_000),
        ("transfer_in", 1_000_000),
    ]
    assert {one["transfer_id"] for one in told} == {made["transfer_id"]}


async def test_a_transfer_again_answers_as_the_first(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    first = await order(ely, "/allocation-transfers", a_transfer(), key="t-1")
    await ordered(ely, "/allocation-transfers", a_transfer())
    again = await order(ely, "/allocation-transfers", a_transfer(), key="t-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await ledger.count("allocation_transfers") == 2


async def test_what_is_bound_stays_where_it_is(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=2_000_000))
    await ledger.reserve(cents=1_500_000)

    answer = await order(ely, "/allocation-transfers", a_transfer())

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "allocation_cut_below_bound")
    assert (problem["facts"]["bound_cents"], problem["facts"]["available"]) == (
        1_500_000,
        500_000,
    )
    assert await ledger.count("entries") == 2
    assert await faults_of(ledger) == []


async def test_a_threshold_that_a_transfer_reaches_is_told(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=2_000_000))
    await ledger.reserve(cents=900_000)

    await ordered(ely, "/allocation-transfers", a_transfer())

    [(kind, data)] = [
        (kind, data)
        for _, kind, data in await ledger.outbox("cs-sotkamo")
        if kind == "quota.threshold_reached"
    ]
    assert (kind, data["threshold_per_cent"]) == ("quota.threshold_reached", 90)
    assert (data["used_cents"], data["allocated_cents"]) == (900_000, 1_000_000)


async def test_a_preview_of_a_transfer_opens_nothing(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    answer = await order(ely, "/allocation-transfers:preview", a_transfer())
    short = await order(ely, "/allocation-transfers:preview", a_transfer(amount_cents=161_200_001))

    assert answer.status_code == 200
    assert answer.json()["to_balance"]["allocated"] == {"cents": 1_000_000, "persons": 1}
    assert (short.status_code, short.json()["code"]) == (409, "allocation_cut_below_bound")
    assert await ledger.count("accounts") == 1


async def test_transfers_both_ways_at_once_lose_nothing(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocation-transfers", a_transfer(amount_cents=5_000_000))
    there = a_transfer(amount_cents=70_000, persons=0)
    back = {**there, "from_account": there["to_account"], "to_account": there["from_account"]}

    answers = await asyncio.gather(
        *(order(ely, "/allocation-transfers", body) for body in [there, back] * 8)
    )

    rows = await ledger.fetch("SELECT sum(allocated_cents)::int8 AS total FROM accounts")
    assert {answer.status_code for answer in answers} == {201}
    assert rows[0]["total"] == 161_200_000
    assert await faults_of(ledger) == []


@pytest.mark.parametrize("organisation", ["ely-01", "ely-14"])
async def test_an_area_of_another_centre_neither_gives_nor_gets(
    refusing: Ledger, organisation: str
) -> None:
    to_others = a_transfer(to_account={"area_code": "helsinki"})

    answer = await order(orderer(refusing, organisation), "/allocation-transfers", to_others)

    assert (answer.status_code, answer.json()["code"]) == (403, "area_not_yours")


async def test_not_even_the_ministry_transfers_from_centre_to_centre(refusing: Ledger) -> None:
    to_others = a_transfer(to_account={"area_code": "helsinki"})

    answer = await order(orderer(refusing, "tem"), "/allocation-transfers", to_others)

    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["code"]) == (422, "areas_of_two_centres")


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount_cents": 0}, "/amount_cents", "too_small"),
        ({"amount_cents": -1}, "/amount_cents", "too_small"),
        ({"amount_cents": 100_000_000_001}, "/amount_cents", "too_large"),
        ({"to_account": {"area_code": "kainuu"}}, "/to_account", "accounts_alike"),
        ({"to_account": {"area_code": "atlantis"}}, "/to_account/area_code", "area_unknown"),
        (
            {"to_account": {"area_code": "kainuu", "municipality_code": "091"}},
            "/to_account/municipality_code",
            "municipality_outside_area",
        ),
        (
            {"from_account": {"area_code": "kainuu", "municipality_code": "999"}},
            "/from_account/municipality_code",
            "municipality_outside_area",
        ),
        ({"value_on": "2023-01-01"}, "/value_on", "day_outside_years"),
        ({"reason": "240587-921N"}, "/reason", "text_holds_identity_code"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_transfer_is_refused_with_its_place(
    refusing: Ledger, changes: dict[str, object], *, pointer: str, code: str
) -> None:
    answer = await order(orderer(refusing), "/allocation-transfers", a_transfer(**changes))

    problem = answer.json()
    faults = {(fault["pointer"], fault["code"]) for fault in problem["errors"]}
    assert (answer.status_code, problem["code"]) == (422, "invalid_content")
    assert (pointer, code) in faults


async def test_a_lapsed_year_neither_gives_nor_gets(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocation-transfers", a_transfer())
    await ledger.execute("UPDATE accounts SET is_lapsed = true WHERE municipality_code <> ''")

    there = await order(ely, "/allocation-transfers", a_transfer())

    assert (there.status_code, there.json()["code"]) == (409, "year_lapsed")
