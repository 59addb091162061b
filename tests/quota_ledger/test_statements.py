"""Statements of account of some days, and what of each entry whom is told."""

import csv
import io

import pytest

from tests.quota_ledger.decided import COST, a_decision, client_id, give, sender
from tests.quota_ledger.decided import decided as reserved
from tests.quota_ledger.orders import a_cut, an_allocation, order, ordered, orderer
from tests.quota_ledger.paid import a_granted, a_payment, a_recovery, report
from tests.quota_ledger.responsibles import responsible
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json

NAMED = ("decision_id", "payment_id", "official_id", "reason")


def reader(ledger: Ledger, organisation: str, *more: str) -> Caller:
    return ledger.caller(organisation, "accounts.read", "balances.read", *more)


async def entries_of(caller: Caller, account_id: str, **params: str) -> Json:
    answer = await caller.get(f"/accounts/{account_id}/entries", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def lines_of(caller: Caller, account_id: str, **params: str) -> list[dict[str, str]]:
    path = f"/accounts/{account_id}/entries"
    answer = await caller.get(path, params={"format": "csv", **params})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def account_of(ledger: Ledger) -> str:
    [row] = await ledger.fetch("SELECT account_id::text FROM accounts")
    return str(row["account_id"])


async def paid_and_recovered(ledger: Ledger) -> str:
    """Return the account of a decision of which something was paid and taken back."""
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id))
    await report(ledger, a_recovery(decision_id, 2, cents=1_000))
    return await account_of(ledger)


async def test_whose_decision_it_is_reads_it_whole(ledger: Ledger) -> None:
    account_id = await paid_and_recovered(ledger)

    statement = await entries_of(reader(ledger, "cs-sotkamo"), account_id)

    _, made, granted, paid, recovered = statement["items"]
    assert made["decision_id"] == granted["decision_id"] == paid["decision_id"] is not None
    assert granted["official_id"] == "sotkamo:u-1007"
    assert paid["payment_id"] is not None
    assert recovered["reason"] == "absence_without_pay"


async def test_another_case_system_of_the_area_reads_sums_and_no_names(ledger: Ledger) -> None:
    account_id = await paid_and_recovered(ledger)
    kajaani = reader(ledger, "cs-kajaani", "events.restricted")

    statement = await entries_of(kajaani, account_id)
    lines = await lines_of(kajaani, account_id)

    first, *of_decision = statement["items"]
    assert first["official_id"] is None
    assert [one["kind"] for one in of_decision] == ["reserve", "grant", "payment", "recovery"]
    assert {one[name] for one in of_decision for name in NAMED} == {None}
    assert {one[name] for one in lines[1:] for name in NAMED} == {""}
    assert [one["paid"]["cents"] for one in of_decision] == [0, 0, 106_000, -1_000]


@pytest.mark.parametrize("organisation", ["ely-14", "operator"])
async def test_who_oversees_an_account_reads_it_whole_but_for_a_client_with_a_ban(
    ledger: Ledger, organisation: str
) -> None:
    await give(ledger, cents=10_000_000)
    banned, other = client_id(1), client_id(2)
    await ledger.learn(
        responsible(client_id=banned, is_restricted=True), responsible(client_id=other)
    )
    case_system = sender(ledger, "cs-sotkamo", "events.restricted")
    for number, client in enumerate((banned, other)):
        await reserved(case_system, a_decision(number, client_id=client))
    account_id = await account_of(ledger)

    statement = await entries_of(reader(ledger, organisation, "events.restricted"), account_id)
    own = await entries_of(reader(ledger, "cs-sotkamo"), account_id)

    given, of_banned, of_other = statement["items"]
    assert given["official_id"] == "ely-14:u-7"
    assert {of_banned[name] for name in NAMED} == {None}
    assert (of_other["official_id"], of_other["decision_id"] is None) == ("sotkamo:u-1007", False)
    assert all(one["decision_id"] is not None for one in own["items"][1:])


async def test_a_statement_of_some_days_begins_with_what_was_there_before(ledger: Ledger) -> None:
    account_id = await paid_and_recovered(ledger)
    ely = reader(ledger, "ely-14")

    whole = await entries_of(ely, account_id)
    october = await entries_of(ely, account_id, **{"from": "2021-10-01", "to": "2021-10-31"})
    lines = await lines_of(ely, account_id, **{"from": "2021-10-01", "to": "2021-10-31"})
    before = (await ely.get("/balances", params={"on": "2021-09-30"})).json()["items"][0]

    assert whole["opening"] is None
    assert [one["kind"] for one in october["items"]] == ["payment", "recovery"]
    assert october["opening"]["on"] == "2021-09-30"
    assert october["opening"]["committed"] == before["committed"] == {"cents": COST, "persons": 1}
    assert october["opening"]["available"] == before["available"]
    assert [one["kind"] for one in lines] == ["opening", "payment", "recovery"]
    assert (lines[0]["value_on"], lines[0]["committed_cents"]) == ("2021-09-30", str(COST))
    assert (lines[0]["position"], lines[0]["entry_id"]) == ("", "")


async def test_only_the_first_page_of_a_sheet_has_the_opening(ledger: Ledger) -> None:
    account_id = await paid_and_recovered(ledger)
    ely = reader(ledger, "ely-14")
    path, params = f"/accounts/{account_id}/entries", {"format": "csv", "from": "2021-10-01"}

    first = await ely.get(path, params={**params, "limit": 1})
    second = await ely.get(
        path, params={**params, "limit": 1, "after": first.headers["Next-Cursor"]}
    )

    kinds = [
        [line["kind"] for line in csv.DictReader(io.StringIO(page.text))]
        for page in (first, second)
    ]
    assert kinds == [["opening", "payment"], ["recovery"]]


async def test_what_was_there_before_the_first_entry_is_nothing(ledger: Ledger) -> None:
    account_id = await paid_and_recovered(ledger)

    statement = await entries_of(reader(ledger, "ely-14"), account_id, **{"from": "2000-01-01"})

    assert statement["opening"]["allocated"] == {"cents": 0, "persons": 0}
    assert len(statement["items"]) == 5


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2021-10-02", "to": "2021-10-01"}, "days_reversed"),
        ({"from": "October"}, None),
        ({"to": "2021-02-30"}, None),
        ({"format": "xlsx"}, None),
    ],
    ids=str,
)
async def test_a_bad_question_about_a_statement_is_refused(
    refusing: Ledger, query: dict[str, str], code: str | None
) -> None:
    path = "/accounts/0177ec61-3ab9-7893-923f-0824128b2f33/entries"

    answer = await reader(refusing, "ely-14").get(path, params=query)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_content")
    assert code is None or [one["code"] for one in problem["errors"]] == [code]


async def test_balances_open_in_a_spreadsheet(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    await ordered(ely, "/allocations", a_cut(amount_cents=200_000))
    await order(ely, "/allocations", an_allocation(instrument="TRAINING", status="indicative"))

    answer = await ely.get("/balances", params={"format": "csv", "limit": 1})
    rest = await ely.get(
        "/balances", params={"format": "csv", "after": answer.headers["Next-Cursor"]}
    )
    on = await ely.get("/balances", params={"format": "csv", "on": "2021-02-01"})

    [line] = csv.DictReader(io.StringIO(answer.text))
    [other] = csv.DictReader(io.StringIO(rest.text))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert (line["area_code"], line["municipality_code"]) == ("kainuu", "")
    assert (line["instrument"], line["budget_year"]) == ("PAY_SUBSIDY", "2021")
    assert (line["allocated_cents"], line["available_cents"]) == ("161000000", "161000000")
    assert (other["allocated_cents"], other["indicative_cents"]) == ("0", "161200000")
    assert "Next-Cursor" not in rest.headers
    days = {(one["on"], one["allocated_cents"]) for one in csv.DictReader(io.StringIO(on.text))}
    assert days == {("2021-02-01", "0")}


async def test_balances_are_no_other_form(refusing: Ledger) -> None:
    answer = await orderer(refusing).get("/balances", params={"format": "xlsx"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")
