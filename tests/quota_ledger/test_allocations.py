import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.orders import (
    ALLOCATION,
    ORDER_SCOPES,
    a_cut,
    a_transfer,
    an_allocation,
    order,
    ordered,
    orderer,
)
from tests.quota_ledger.service import Ledger
from tests.served import Json


async def test_the_agreed_example_comes_out_to_the_cent(ledger: Ledger) -> None:
    answer = await order(orderer(ledger), "/allocations", an_allocation())

    made = answer.json()
    balance = made["balance"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/quota/v1/allocations/{made['allocation_id']}"
    assert len(made["entry_ids"]) == 1
    assert balance["allocated"] == {"cents": 161_200_000, "persons": 155}
    assert balance["available"] == {"cents": 161_200_000, "persons": 155}
    assert balance["reserved"] == balance["committed"] == {"cents": 0, "persons": 0}
    assert balance["paid"] == {"cents": 0}
    assert (balance["area_code"], balance["budget_year"], balance["on"]) == (
        "kainuu",
        2021,
        "2021-03-01",
    )
    assert await faults_of(ledger) == []


async def test_additions_and_cuts_change_the_account_by_entries(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    more = an_allocation(kind="addition", basis=None, amount_cents=800_000, persons=5)
    await ordered(ely, "/allocations", more)
    made = await ordered(ely, "/allocations", a_cut(amount_cents=2_000_000, persons=10))

    rows = await ledger.fetch("SELECT kind, allocated_cents FROM entries ORDER BY position")
    assert made["balance"]["allocated"] == {"cents": 160_000_000, "persons": 150}
    assert [(row["kind"], row["allocated_cents"]) for row in rows] == [
        ("initial", 161_200_000),
        ("addition", 800_000),
        ("cut", -2_000_000),
    ]
    assert await faults_of(ledger) == []


async def test_an_order_and_its_events_come_together(ledger: Ledger) -> None:
    made = await ordered(orderer(ledger), "/allocations", an_allocation())

    for recipient in ("ely-14", "cs-sotkamo", "cs-kajaani"):
        [(channel, kind, data)] = await ledger.outbox(recipient)
        assert (channel, kind, data["kind"]) == ("common", "allocation.changed", "initial")
        assert data["allocation_id"] == made["allocation_id"]
        assert (data["amount_cents"], data["available_cents"]) == (161_200_000, 161_200_000)
    assert await ledger.outbox("cs-helsinki") == []


async def test_a_repeat_of_the_call_answers_as_the_first_and_changes_nothing(
    ledger: Ledger,
) -> None:
    ely = orderer(ledger)
    first = await order(ely, "/allocations", an_allocation(), key="k-1")
    await ordered(ely, "/allocations", a_cut(amount_cents=100))

    again = await order(ely, "/allocations", an_allocation(), key="k-1")
    other = await order(ely, "/allocations", an_allocation(persons=1), key="k-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await ledger.count("entries") == 2


async def test_the_same_call_at_once_is_one_allocation(ledger: Ledger) -> None:
    ely = orderer(ledger)

    answers = await asyncio.gather(
        *(order(ely, "/allocations", an_allocation(), key="k-1") for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await ledger.count("entries") == 1


async def test_a_cut_below_what_is_bound_is_refused_with_both_figures(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    await ledger.reserve(cents=1_200_000)

    answer = await order(ely, "/allocations", a_cut(amount_cents=160_000_001))
    fits = await order(ely, "/allocations", a_cut(amount_cents=160_000_000))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "allocation_cut_below_bound")
    facts = problem["facts"]
    assert (facts["bound_cents"], facts["allocated_cents"]) == (1_200_000, 161_200_000)
    assert (facts["needed"], facts["available"]) == (160_000_001, 160_000_000)
    assert fits.status_code == 201
    assert await faults_of(ledger) == []


async def test_more_persons_are_not_cut_than_there_are(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    answer = await order(ely, "/allocations", a_cut(amount_cents=1, persons=156))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "allocation_cut_below_bound")
    assert (problem["facts"]["limit"], problem["facts"]["available"]) == ("persons", 155)


async def test_an_account_has_one_initial_allocation(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())

    again = await order(ely, "/allocations", an_allocation())
    ledger.clock.now = datetime(2022, 1, 1, 6, tzinfo=UTC)
    other = await order(
        ely, "/allocations", an_allocation(budget_year=2022, valid_from_on="2022-01-01")
    )

    assert (again.status_code, again.json()["code"]) == (409, "allocation_already_initial")
    assert other.status_code == 201


async def test_two_initial_allocations_at_once_are_one_and_a_refusal(ledger: Ledger) -> None:
    ely = orderer(ledger)

    answers = await asyncio.gather(*(order(ely, "/allocations", an_allocation()) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_indicative_allocation_is_shown_and_never_spent(ledger: Ledger) -> None:
    ely = orderer(ledger)

    made = await ordered(ely, "/allocations", an_allocation(status="indicative"))
    before = (await ely.get("/balances", params={"area": "kainuu"})).json()["items"]
    await ordered(ely, "/allocations", an_allocation(amount_cents=100, persons=1))
    after = (await ely.get("/balances", params={"area": "kainuu"})).json()["items"]

    assert (made["entry_ids"], made["balance"]) == ([], None)
    assert before[0]["indicative"] == {"cents": 161_200_000, "persons": 155}
    assert before[0]["available"] == {"cents": 0, "persons": 0}
    # What is confirmed takes the place of what was indicative before it.
    assert after[0]["indicative"] == {"cents": 0, "persons": 0}
    assert after[0]["available"] == {"cents": 100, "persons": 1}
    assert await ledger.count("entries") == 1


async def test_what_is_indicative_is_added_to_cut_and_replaced(ledger: Ledger) -> None:
    ely = orderer(ledger)
    orders = [
        an_allocation(amount_cents=1_000, persons=10),
        a_cut(amount_cents=300, persons=4),
        an_allocation(kind="addition", amount_cents=50, persons=1),
        an_allocation(amount_cents=800, persons=8),
        a_cut(amount_cents=900, persons=9),
    ]

    shown = []
    for body in orders:
        ledger.clock.now += timedelta(minutes=1)
        await ordered(ely, "/allocations", {**body, "status": "indicative"})
        [balance] = (await ely.get("/balances", params={"area": "kainuu"})).json()["items"]
        shown.append((balance["indicative"]["cents"], balance["indicative"]["persons"]))

    assert shown == [(1_000, 10), (700, 6), (750, 7), (800, 8), (0, 0)]


async def test_what_is_indicative_is_shown_by_its_day_and_as_it_was_known(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(
        ely, "/allocations", an_allocation(status="indicative", valid_from_on="2021-10-01")
    )
    ledger.clock.now = datetime(2021, 10, 2, 6, tzinfo=UTC)
    await ordered(ely, "/allocations", an_allocation(amount_cents=100, valid_from_on="2021-10-02"))

    queries = [
        {"on": "2021-09-30"},
        {"on": "2021-10-01"},
        {"on": "2021-10-02"},
        {"on": "2021-10-02", "known_at": "2021-10-01T12:00:00+03:00"},
        {"on": "2021-10-02", "known_at": "2021-08-01T12:00:00+03:00"},
    ]
    shown = [
        (await ely.get("/balances", params=query)).json()["items"][0]["indicative"]["cents"]
        for query in queries
    ]

    assert shown == [0, 161_200_000, 0, 161_200_000, 0]


async def test_a_preview_shows_what_would_be_and_stores_nothing(ledger: Ledger) -> None:
    ely = orderer(ledger)

    first = await order(ely, "/allocations:preview", an_allocation())
    await ordered(ely, "/allocations", an_allocation())
    cut = await order(ely, "/allocations:preview", a_cut(amount_cents=200_000))
    too_much = await order(ely, "/allocations:preview", a_cut(amount_cents=161_200_001))

    assert first.json()["balance_before"]["allocated"]["cents"] == 0
    assert first.json()["balance"]["allocated"]["cents"] == 161_200_000
    assert cut.json()["balance"]["allocated"]["cents"] == 161_000_000
    assert (too_much.status_code, too_much.json()["code"]) == (409, "allocation_cut_below_bound")
    assert await ledger.count("entries") == 1
    rows = await ledger.fetch("SELECT action FROM audit WHERE action LIKE '%previewed'")
    assert len(rows) == 2


async def test_the_ministry_allocates_to_all_and_an_ely_centre_to_its_own(ledger: Ledger) -> None:
    of_ministry = await order(orderer(ledger, "tem"), "/allocations", an_allocation())
    of_others = await order(
        orderer(ledger, "ely-01"), "/allocations", an_allocation(kind="addition")
    )

    assert of_ministry.status_code == 201
    assert (of_others.status_code, of_others.json()["code"]) == (403, "area_not_yours")


@pytest.mark.parametrize("organisation", ["cs-sotkamo", "keha", "te-kainuu", "operator"])
async def test_nobody_else_allocates(refusing: Ledger, organisation: str) -> None:
    answer = await order(orderer(refusing, organisation), "/allocations", an_allocation())

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


async def test_only_a_decider_allocates_and_must_be_named(refusing: Ledger) -> None:
    ely = orderer(refusing)

    caseworker = await order(
        ely, "/allocations", an_allocation(), official="ely-14:u-7; role=caseworker"
    )
    nobody = await ely.post("/allocations", an_allocation(), headers={"Idempotency-Key": "k"})

    assert (caseworker.status_code, caseworker.json()["code"]) == (403, "official_role_refused")
    assert (nobody.status_code, nobody.json()["code"]) == (400, "acting_official_missing")


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount_cents": 0}, "/amount_cents", "too_small"),
        ({"amount_cents": -1}, "/amount_cents", "too_small"),
        ({"amount_cents": 100_000_000_001}, "/amount_cents", "too_large"),
        ({"amount_cents": 10**30}, "/amount_cents", "too_large"),
        ({"amount_cents": 1.5}, "/amount_cents", "not_an_integer"),
        ({"amount_cents": "100"}, "/amount_cents", "not_an_integer"),
        ({"persons": -1}, "/persons", "too_small"),
        ({"persons": 1_000_001}, "/persons", "too_large"),
        ({"area_code": "atlantis"}, "/area_code", "area_unknown"),
        ({"area_code": "Kainuu"}, "/area_code", "area_code_malformed"),
        ({"valid_from_on": "2020-12-31"}, "/valid_from_on", "day_outside_years"),
        ({"valid_from_on": "2023-01-01"}, "/valid_from_on", "day_outside_years"),
        ({"budget_year": 2020}, "/budget_year", "too_small"),
        ({"instrument": "WORK_TRIAL"}, "/instrument", "value_not_listed"),
        ({"kind": "gift"}, "/kind", "value_not_listed"),
        ({"basis": None}, "/basis", "basis_missing"),
        ({"reason": ""}, "/reason", "too_short"),
        ({"reason": "240587-921N"}, "/reason", "text_holds_identity_code"),
        ({"owner": "x"}, "/owner", "unknown_field"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_bad_input_is_refused_with_its_place_and_books_nothing(
    refusing: Ledger, changes: dict[str, object], *, pointer: str, code: str
) -> None:
    answer = await order(orderer(refusing), "/allocations", an_allocation(**changes))

    problem = answer.json()
    faults = {(fault["pointer"], fault["code"]) for fault in problem["errors"]}
    assert (answer.status_code, problem["code"]) == (422, "invalid_content")
    assert (pointer, code) in faults
    assert await refusing.count("entries") == 0


async def test_allocations_are_listed_to_those_whose_area_it_is(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocations", an_allocation(instrument="TRAINING"))
    query = {"instrument": "PAY_SUBSIDY", "budget_year": "2021", "status": "confirmed"}

    [listed] = (await ely.get("/allocations", params=query)).json()["items"]
    of_sotkamo = await orderer(ledger, "cs-sotkamo").get("/allocations")
    of_helsinki = await orderer(ledger, "cs-helsinki").get("/allocations")
    asked = await orderer(ledger, "cs-helsinki").get("/allocations", params={"area": "kainuu"})

    assert listed["allocation_id"] == made["allocation_id"]
    assert listed["basis"] == an_allocation()["basis"]
    assert (listed["organisation"], listed["official_id"]) == ("ely-14", "ely-14:u-7")
    assert len(of_sotkamo.json()["items"]) == 2
    assert of_helsinki.json()["items"] == []
    assert (asked.status_code, asked.json()["code"]) == (403, "area_not_yours")


async def test_a_list_goes_on_where_its_page_has_ended(ledger: Ledger) -> None:
    ely = orderer(ledger)
    for instrument in ("TRAINING", "COACHING", "PAY_SUBSIDY"):
        await ordered(ely, "/allocations", an_allocation(instrument=instrument))
        ledger.clock.tick()

    first = (await ely.get("/allocations", params={"limit": 2})).json()
    query = {"limit": 2, "after": first["next_cursor"]}
    second = (await ely.get("/allocations", params=query)).json()

    told = [one["instrument"] for page in (first, second) for one in page["items"]]
    assert told == ["TRAINING", "COACHING", "PAY_SUBSIDY"]
    assert second["next_cursor"] is None


async def test_a_lapsed_year_takes_no_allocation(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    await ledger.execute("UPDATE accounts SET is_lapsed = true")

    more = await order(ely, "/allocations", an_allocation(kind="addition"))
    less = await order(ely, "/allocations", a_cut(amount_cents=1))

    assert [(one.status_code, one.json()["code"]) for one in (more, less)] == [
        (409, "year_lapsed"),
        (409, "year_lapsed"),
    ]


IN_THE_YEAR = datetime(2021, 8, 24, 6, tzinfo=UTC)
BEHIND_THE_APPROPRIATION = datetime(2023, 1, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "body", "now"),
    [
        ("/allocations:preview", a_cut(amount_cents=1), IN_THE_YEAR),
        ("/allocation-transfers:preview", a_transfer(), IN_THE_YEAR),
        (
            "/years/2021:preview",
            {"document": ALLOCATION["document"], "reason": "It is over"},
            BEHIND_THE_APPROPRIATION,
        ),
    ],
    ids=["allocation", "transfer", "lapse"],
)
async def test_any_official_of_the_caller_may_preview(
    ledger: Ledger, *, path: str, body: Json, now: datetime
) -> None:
    ely = ledger.caller("ely-14", *ORDER_SCOPES, "years.read")
    await ordered(ely, "/allocations", an_allocation())
    ledger.clock.now = now

    answer = await order(ely, path, body, official="ely-14:u-7; role=caseworker")

    assert answer.status_code == 200, answer.text
