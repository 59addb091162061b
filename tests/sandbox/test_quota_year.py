"""The year before it is sent: sized by the formula, drawn by a seed, without a fault."""

from collections import Counter
from datetime import date, timedelta
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from kuntavayla.register import load_register
from kuntavayla.values.business_ids import is_valid
from kuntavayla_sandbox.quota_year.acts import ACTS, act_of, due_on
from kuntavayla_sandbox.quota_year.assumptions import load_assumptions
from kuntavayla_sandbox.quota_year.books import Unequal
from kuntavayla_sandbox.quota_year.generating import (
    Planned,
    YearClient,
    counts,
    generate_year,
)
from kuntavayla_sandbox.quota_year.holding import accounts_of
from kuntavayla_sandbox.quota_year.running import YearRun
from kuntavayla_sandbox.quota_year.sizing import (
    allocations,
    ely_of,
    participants,
    share_of,
)
from kuntavayla_sandbox.quota_year.telling import year_parts
from quota_ledger.app import tables_of_release
from quota_ledger.rules import areas
from quota_ledger.rules.allocations import AllocationRequest
from quota_ledger.rules.intake import examine, examine_changed
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.step_requests import kept_faults, year_faults
from tests.sandbox.year_books import balance, honest

REGISTER, ASSUMED = load_register(), load_assumptions()
MARCH_1, JANUARY_1, LAST_DAY = date(2021, 3, 1), date(2022, 1, 1), ASSUMED.year.last_on
YEARS = [one.budget_year for one in ASSUMED.appropriations]
TABLES = tables_of_release()
PILOTS = REGISTER.areas(on=MARCH_1)


def clients(count: int) -> list[YearClient]:
    """Return so many clients in every area, spread over its municipalities."""
    found = []
    for area in PILOTS:
        codes = sorted(area.municipality_codes)
        for number in range(count):
            code = codes[number % len(codes)]
            membership = REGISTER.membership(code, on=MARCH_1)
            assert membership is not None
            name = f"{PILOTS.index(area):08x}-0000-7000-8000-{number:012x}"
            found.append(YearClient(name, code, area.code, membership.case_system_id))
    return found


def year(*, decisions: int = 1_500, seed: int = 1) -> list[Planned]:
    return generate_year(
        clients(100), decisions=decisions, seed=seed, assumed=ASSUMED, register=REGISTER
    )


def orders(moved: dict[str, int], *, budget_year: int) -> list[dict[str, Any]]:
    return list(allocations(moved, budget_year=budget_year, assumed=ASSUMED, decided_on=JANUARY_1))


def test_an_allocation_is_clients_times_participation_times_unit_cost_in_two_years() -> None:
    older, newer = (
        {one["instrument"]: (one["persons"], one["amount_cents"]) for one in of_year}
        for of_year in (orders({"kainuu": 1_000}, budget_year=year) for year in YEARS)
    )

    assert older["PAY_SUBSIDY"] == (40, 40 * 760_000)
    assert newer["PAY_SUBSIDY"] == (120, 120 * 760_000)
    assert older["COACHING"] == (24, 24 * 95_000)
    assert newer["COACHING"] == (71, 71 * 95_000)
    assert len(older) == len(newer) == 4


def test_an_area_in_which_nobody_takes_part_gets_nothing() -> None:
    assert [orders({"kainuu": 3}, budget_year=year) for year in YEARS] == [[], []]


@pytest.mark.parametrize("persons", range(12))
def test_the_years_share_all_persons_that_were_sized(persons: int) -> None:
    shares = [share_of(persons, budget_year=year, assumed=ASSUMED) for year in YEARS]

    assert sum(shares) == persons
    assert min(shares) >= 0
    assert share_of(persons, budget_year=2023, assumed=ASSUMED) == 0


def test_half_a_participant_is_one() -> None:
    assert (participants(3, per_mille=166), participants(3, per_mille=167)) == (0, 1)


@pytest.mark.parametrize("budget_year", [2021, 2022])
def test_the_orders_are_as_the_service_takes_them(budget_year: int) -> None:
    official = {"official_id": "ely-14:u-0001", "role": "decider"}
    for order in orders({"kainuu": 1_000}, budget_year=budget_year):
        body = msgspec.json.encode({**order, "acting_official": official})
        request = msgspec.json.decode(body, type=AllocationRequest)
        assert list(request.faults(today=JANUARY_1)) == []


def test_each_area_has_the_ely_centre_that_the_service_knows() -> None:
    assert {area.code: ely_of(REGISTER, area) for area in PILOTS} == {
        area.code: areas.ely_of(REGISTER, area) for area in PILOTS
    }


def test_the_same_seed_gives_the_same_year_and_another_one_another() -> None:
    assert year() == year()
    assert year() != year(seed=2)


def test_about_so_many_are_decided_as_asked_and_more_than_was_sized_where_money_ends() -> None:
    moved = dict.fromkeys((area.code for area in PILOTS), 1_000)

    wanted = counts(moved, decisions=5_000, assumed=ASSUMED)

    assert sum(wanted.values()) == 5_000
    for (area, instrument), count in wanted.items():
        per_mille = ASSUMED.instruments[instrument].past_participation_per_mille
        sized = participants(1_000, per_mille=per_mille)
        assert (count > sized) is (area in ASSUMED.demand.dry_areas)


def test_where_nobody_has_moved_nothing_is_decided() -> None:
    assert generate_year([], decisions=10, seed=1, assumed=ASSUMED, register=REGISTER) == []


def faults_of(document: dict[str, Any], *, today: date) -> list[str]:
    item: DecisionItem = msgspec.json.decode(msgspec.json.encode(document), type=DecisionItem)
    found = examine(item, tables=TABLES, register=REGISTER, today=today)
    return [one.code for one in found]


def test_no_decision_of_the_year_has_a_fault_but_what_asks_beyond_the_law() -> None:
    for one in year(decisions=10_000):
        wanted = ["months_used_up"] if one.is_beyond else []
        assert faults_of(one.document, today=one.decided_on) == wanted


def test_no_change_of_the_year_has_a_fault() -> None:
    changed = 0
    for one in year(decisions=5_000):
        for number in range(len(ACTS[one.fate])):
            due = due_on(one, number)
            assert due is not None
            action, body = act_of(one, number, on=due)
            if action == "change":
                changed += 1
                stands = msgspec.convert(one.document, DecisionItem)
                item = msgspec.convert(body["decision"], DecisionItem)
                assert list(kept_faults(item, stands=stands)) == []
                assert list(year_faults(item, stands=stands)) == []
                assert examine_changed(item, tables=TABLES, register=REGISTER, today=due) == ()

    assert changed


def test_a_start_up_grant_goes_on_the_next_day_and_only_as_far_as_the_law_lets_it() -> None:
    planned = year(decisions=10_000)
    by_name = {one.document["municipal_id"]: one for one in planned}
    following = [one for one in planned if one.follows]

    assert {one.is_beyond for one in following} == {True, False}
    for one in following:
        first = by_name[one.follows]
        ends_on = date.fromisoformat(first.document["period"]["ends_on"])
        assert one.document["period"]["starts_on"] == str(ends_on + timedelta(days=1))
        assert one.document["client_id"] == first.document["client_id"]
        assert first.decided_on < one.decided_on <= LAST_DAY
        assert first.fate == "granted"


def test_a_decision_of_january_may_draw_on_both_years_and_one_of_december_on_its_own() -> None:
    known = {("kainuu", "TRAINING", one) for one in YEARS}
    sent = {
        "area_code": "kainuu",
        "instrument": "TRAINING",
        "budget_year": 2022,
        "decided_on": "2022-01-03",
        "period": {"starts_on": "2022-01-10", "ends_on": "2022-02-10"},
    }
    december = {**sent, "budget_year": 2021, "decided_on": "2021-12-30"}
    next_year = {**sent, "decided_on": "2022-12-30", "period": {"starts_on": "2023-01-02"}}

    assert [name[2] for name in accounts_of(sent, known=known)] == [2021, 2022]
    assert [name[2] for name in accounts_of(december, known=known)] == [2021]
    assert [name[2] for name in accounts_of(next_year, known=known)] == [2022]
    assert accounts_of(sent, known=()) == []


def test_every_business_id_is_one() -> None:
    employers = [one.document["employer"] for one in year() if one.document.get("employer")]

    assert employers
    assert all(is_valid(each["business_id"]) for each in employers)


def test_everything_that_may_become_of_a_decision_does_and_only_the_first_month_forgets() -> None:
    planned = year(decisions=8_000)

    assert set(Counter(one.fate for one in planned)) == set(ACTS)
    assert {one.decided_on.month for one in planned if one.fate == "forgotten"} == {10}
    assert all(due_on(one, 0) for one in planned if one.fate != "forgotten")


def test_acts_are_due_one_behind_the_other_and_behind_the_last_there_is_none() -> None:
    for one in year(decisions=3_000):
        due = [due_on(one, number) for number in range(len(ACTS[one.fate]) + 1)]
        days = [day for day in due if day is not None]
        assert due[-1] is None
        assert len(days) == len(due) - 1
        assert days == sorted(days)


def test_what_is_to_go_on_when_its_last_day_has_come_is_ended_instead() -> None:
    one = next(one for one in year(decisions=8_000) if one.fate == "interrupted")
    ends_on = date.fromisoformat(one.document["period"]["ends_on"])

    goes_on = act_of(one, 2, on=ends_on - timedelta(days=1))
    has_ended = act_of(one, 2, on=ends_on)

    assert (goes_on[0], has_ended[0]) == ("change", "end")


@pytest.mark.parametrize(("is_intact", "said"), [(True, "Verified, no"), (False, "Verified: 2")])
def test_the_closing_shows_areas_reasons_exactness_and_verification(
    *, is_intact: bool, said: str
) -> None:
    text = _shown(_run(is_intact=is_intact))

    assert "allocation_exhausted" in text
    assert "Exact to the cent" in text
    assert said in text
    assert "10,000" in text


def test_what_does_not_add_up_is_shown() -> None:
    run = _run(is_intact=True)
    run.books.unequal.append(Unequal("free", "kainuu/TRAINING", "5", "6"))

    assert "It does not add up: 1 differences" in _shown(run)
    assert not run.is_right


def _run(*, is_intact: bool) -> YearRun:
    verification = {
        "is_intact": is_intact,
        "account_count": 1,
        "entry_count": 4,
        "decision_count": 3,
        "difference_count": 0 if is_intact else 2,
    }
    return YearRun(
        books=honest()[0],
        decisions=3,
        deciding_s=0.5,
        balances=[balance()],
        verification=verification,
    )


def _shown(run: YearRun) -> str:
    screen = StringIO()
    Console(file=screen, width=160).print(*year_parts(run))
    return screen.getvalue()
