import csv
import io
from datetime import UTC, datetime

import pytest

from tests.quota_ledger.orders import (
    a_cut,
    a_transfer,
    an_allocation,
    order,
    ordered,
    orderer,
)
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json


async def balances(caller: Caller, **query: str) -> list[Json]:
    answer = await caller.get("/balances", params=query)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_a_balance_adds_up_and_says_how_far_it_is_used(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    await ledger.reserve(cents=850)

    [balance] = await balances(ely, area="kainuu")

    assert balance["reserved"] == {"cents": 850, "persons": 1}
    assert balance["available"] == {"cents": 150, "persons": 154}
    assert (balance["threshold_told"], balance["is_lapsed"]) == (80, False)


async def test_a_balance_of_a_day_counts_what_counts_for_it(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    ledger.clock.now = datetime(2021, 9, 1, 6, tzinfo=UTC)
    later = an_allocation(kind="addition", basis=None, amount_cents=500, valid_from_on="2021-09-01")
    await ordered(ely, "/allocations", later)

    days = ("2021-02-28", "2021-03-01", "2021-08-31", "2021-09-01")
    found = [(await balances(ely, area="kainuu", on=day))[0] for day in days]

    assert [one["allocated"]["cents"] for one in found] == [0, 1_000, 1_000, 1_500]
    assert [one["on"] for one in found] == list(days)
    [of_now] = await balances(ely, area="kainuu")
    assert of_now["allocated"]["cents"] == 1_500


async def test_a_balance_as_it_was_known_forgets_what_was_booked_later(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    ledger.clock.now = datetime(2021, 9, 15, 6, tzinfo=UTC)
    # What is cut in September counts from June on: in August nobody knew.
    await ordered(ely, "/allocations", a_cut(amount_cents=300, valid_from_on="2021-06-01"))

    [of_now] = await balances(ely, area="kainuu", on="2021-07-01")
    [of_then] = await balances(
        ely, area="kainuu", on="2021-07-01", known_at="2021-08-31T12:00:00+03:00"
    )

    assert of_now["allocated"]["cents"] == 700
    assert of_then["allocated"]["cents"] == 1_000


async def test_balances_are_found_by_how_far_they_are_used(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    await ordered(ely, "/allocations", an_allocation(instrument="TRAINING"))
    await ledger.reserve(cents=800)

    at_80, at_81 = await balances(ely, threshold="80"), await balances(ely, threshold="81")

    assert [one["instrument"] for one in at_80] == ["PAY_SUBSIDY"]
    assert at_81 == []


async def test_balances_are_shown_to_those_whose_area_it_is(ledger: Ledger) -> None:
    await ordered(orderer(ledger), "/allocations", an_allocation())

    seen = {
        name: len(await balances(orderer(ledger, name)))
        for name in ("ely-14", "cs-sotkamo", "tem", "operator", "ely-01", "cs-helsinki")
    }
    refused = await orderer(ledger, "cs-helsinki").get("/balances", params={"area": "kainuu"})

    assert seen == {
        "ely-14": 1,
        "cs-sotkamo": 1,
        "tem": 1,
        "operator": 1,
        "ely-01": 0,
        "cs-helsinki": 0,
    }
    assert (refused.status_code, refused.json()["code"]) == (403, "area_not_yours")


@pytest.mark.parametrize("organisation", ["te-kainuu", "keha"])
async def test_te_offices_and_the_payer_see_no_balances(
    refusing: Ledger, organisation: str
) -> None:
    answer = await orderer(refusing, organisation).get("/balances")

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


async def test_balances_come_page_by_page(ledger: Ledger) -> None:
    ely = orderer(ledger)
    for instrument in ("TRAINING", "COACHING", "PAY_SUBSIDY"):
        await ordered(ely, "/allocations", an_allocation(instrument=instrument))

    first = (await ely.get("/balances", params={"limit": 2})).json()
    query = {"limit": 2, "after": first["next_cursor"]}
    second = (await ely.get("/balances", params=query)).json()

    told = [one["instrument"] for page in (first, second) for one in page["items"]]
    assert told == ["COACHING", "PAY_SUBSIDY", "TRAINING"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"on": "yesterday"},
        {"known_at": "2021-08-31T12:00:00"},
        {"threshold": "0"},
        {"threshold": "101"},
        {"instrument": "WORK_TRIAL"},
        {"limit": "0"},
    ],
    ids=str,
)
async def test_a_bad_question_about_balances_is_refused(
    refusing: Ledger, query: dict[str, str]
) -> None:
    answer = await orderer(refusing).get("/balances", params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")


async def test_a_statement_of_account_tells_every_entry_in_order(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocation-transfers", a_transfer())
    account_id = made["balance"]["account_id"]

    statement = (await ely.get(f"/accounts/{account_id}/entries")).json()

    first, second = statement["items"]
    assert (first["position"], first["kind"], first["document"]) == (
        1,
        "initial",
        "ELY-KAI-2021-EXAMPLE",
    )
    assert second["allocated"] == {"cents": -1_000_000, "persons": -1}
    assert second["available_after"] == {"cents": 160_200_000, "persons": 154}
    assert statement["balance"]["available"] == second["available_after"]
    assert statement["next_cursor"] is None
    assert "client_id" not in first


async def test_a_statement_goes_on_where_its_page_has_ended(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocations", a_cut(amount_cents=1))
    path = f"/accounts/{made['balance']['account_id']}/entries"

    first = (await ely.get(path, params={"limit": 1})).json()
    second = (await ely.get(path, params={"limit": 1, "after": first["next_cursor"]})).json()

    assert [page["items"][0]["position"] for page in (first, second)] == [1, 2]


async def test_the_same_statement_opens_in_a_spreadsheet_and_runs_nothing_there(
    ledger: Ledger,
) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation(reason='=1+1, "said" ely'))
    path = f"/accounts/{made['balance']['account_id']}/entries"

    answer = await ely.get(path, params={"format": "csv"})

    [line] = csv.DictReader(io.StringIO(answer.text))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert (line["position"], line["kind"], line["allocated_cents"]) == (
        "1",
        "initial",
        "161200000",
    )
    assert line["available_cents_after"] == "161200000"
    assert line["reason"] == '\'=1+1, "said" ely'
    assert line["value_on"] == "2021-03-01"


async def test_an_account_of_others_is_answered_like_none(ledger: Ledger) -> None:
    made = await ordered(orderer(ledger), "/allocations", an_allocation())
    helsinki = orderer(ledger, "cs-helsinki")

    of_others = await helsinki.get(f"/accounts/{made['balance']['account_id']}/entries")
    of_nobody = await helsinki.get("/accounts/0177ec61-3ab9-7893-923f-0824128b2f33/entries")

    assert of_others.status_code == of_nobody.status_code == 404
    assert of_others.json()["code"] == of_nobody.json()["code"] == "account_not_found"


async def test_the_accounts_of_a_year_stay_in_sight_when_the_areas_have_changed(
    ledger: Ledger,
) -> None:
    of_2024 = an_allocation(budget_year=2024, valid_from_on="2024-01-01")
    ledger.clock.now = datetime(2024, 1, 1, 6, tzinfo=UTC)
    await order(orderer(ledger), "/allocations", of_2024)
    ledger.clock.now = datetime(2025, 3, 1, 6, tzinfo=UTC)

    [of_centre] = await balances(orderer(ledger))

    assert of_centre["budget_year"] == 2024
