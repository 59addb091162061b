from datetime import date
from typing import Any

import msgspec
import pytest

from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation, YearDraw, charged
from quota_ledger.rules.intake import examine, examine_changed
from quota_ledger.rules.months import half_up, last_day_of
from quota_ledger.rules.years import is_open, years_drawn
from tests.quota_ledger.scenarios.cases import (
    Example,
    decoded,
    examples,
    good_body,
    the_register,
    the_tables,
)

ON = date(2021, 9, 20)
AGREED = [pytest.param(one, id=one.request["instrument"]) for one in examples()]


def calculated(body: dict[str, Any]) -> Calculation:
    item = decoded(body)
    outcome = calculate(item, tables=the_tables(), decided_on=item.decided_on or ON)
    assert isinstance(outcome, Calculation)
    return outcome


def by_year(calculation: Calculation) -> dict[int, int]:
    sums: dict[int, int] = {}
    for month in calculation.months:
        year = month.budget_year_charged
        sums[year] = sums.get(year, 0) + month.cents
    return sums


@pytest.mark.parametrize("example", AGREED)
def test_each_agreed_request_has_no_fault(example: Example) -> None:
    item = decoded(example.request)

    assert examine(item, tables=the_tables(), register=the_register(), today=ON) == ()


@pytest.mark.parametrize("example", [one for one in AGREED if one.values[0].calculation])  # type: ignore[union-attr]
def test_each_agreed_calculation_comes_out_as_it_stands(example: Example) -> None:
    told = msgspec.json.encode(calculated(example.request))

    assert msgspec.json.decode(told) == example.calculation


@pytest.mark.parametrize(
    ("decided_on", "ends_on", "codes"),
    [
        pytest.param(date(2022, 2, 1), date(2022, 3, 31), [], id="shorter"),
        pytest.param(date(2023, 2, 1), date(2022, 3, 31), [], id="year closed"),
        pytest.param(date(2025, 2, 3), date(2022, 3, 31), [], id="area ended"),
        pytest.param(date(2022, 2, 1), date(2022, 9, 1), ["period_too_long"], id="too long"),
        pytest.param(date(2022, 2, 1), date(2021, 8, 1), ["day_before_another"], id="reversed"),
        pytest.param(date(2025, 2, 4), date(2022, 3, 31), ["in_future"], id="future"),
    ],
)
def test_a_change_is_examined_by_its_own_day_but_for_year_and_area(
    decided_on: date, ends_on: date, codes: list[str]
) -> None:
    body = good_body("PAY_SUBSIDY") | {"decided_on": decided_on}
    body["period"]["ends_on"] = ends_on

    faults = examine_changed(
        decoded(body), tables=the_tables(), register=the_register(), today=date(2025, 2, 3)
    )

    assert [fault.code for fault in faults] == codes


def test_places_of_the_agreed_example_cost_what_they_cost() -> None:
    assert calculated(good_body("TRAINING")).total_cents == 310_000


@pytest.mark.parametrize("example", AGREED)
def test_a_stored_calculation_is_the_one_of_its_stored_content(example: Example) -> None:
    item = decoded(example.request)
    kept = msgspec.json.encode(calculated(example.request))

    again = calculate(
        decoded(msgspec.json.decode(msgspec.json.encode(item))),
        tables=the_tables(),
        decided_on=item.decided_on or ON,
    )

    assert msgspec.json.decode(kept, type=Calculation) == again


def test_a_decision_of_two_years_charges_its_first_months_to_the_older() -> None:
    calculation = calculated(good_body("PAY_SUBSIDY"))

    split = charged(calculation, [YearDraw(2020, 212_000), YearDraw(2021, 898_000)])

    assert [month.budget_year_charged for month in split.months] == [2020] * 2 + [2021] * 8
    assert by_year(split) == {2020: 212_000, 2021: 898_000}


def test_a_month_of_two_years_stands_twice_with_its_days_once() -> None:
    calculation = calculated(good_body("START_UP_GRANT"))

    split = charged(calculation, [YearDraw(2020, 75_000), YearDraw(2021, 360_762)])

    october = [
        (month.days, month.cents, month.budget_year_charged)
        for month in split.months
        if month.month == "2021-10"
    ]
    assert october == [(21, 684, 2020), (None, 70_254, 2021)]
    assert sum(month.days or 0 for month in split.months) == calculation.days_max
    assert by_year(split) == {2020: 75_000, 2021: 360_762}


def test_a_draw_of_nothing_charges_no_month() -> None:
    calculation = calculated(good_body("PAY_SUBSIDY"))

    split = charged(calculation, [YearDraw(2020, 0), YearDraw(2021, 1_110_000)])

    assert split == calculation


@pytest.mark.parametrize(
    ("starts_on", "months", "last"),
    [
        (date(2021, 9, 1), 6, date(2022, 2, 28)),
        (date(2021, 9, 15), 12, date(2022, 9, 14)),
        (date(2021, 8, 31), 6, date(2022, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2023, 8, 29), 6, date(2024, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2021, 12, 1), 1, date(2021, 12, 31)),
        (date(2021, 12, 2), 1, date(2022, 1, 1)),
    ],
    ids=str,
)
def test_months_end_the_day_before_the_same_day(starts_on: date, months: int, last: date) -> None:
    assert last_day_of(starts_on, months=months) == last


@pytest.mark.parametrize(
    ("numerator", "denominator", "whole"),
    [(0, 1, 0), (1, 2, 1), (49, 100, 0), (3, 2, 2), (5, 3, 2)],
)
def test_half_a_cent_goes_up(numerator: int, denominator: int, whole: int) -> None:
    assert half_up(numerator, denominator) == whole


@pytest.mark.parametrize(
    ("budget_year", "decided_on", "years"),
    [
        (2021, date(2021, 12, 31), (2020, 2021)),
        (2021, date(2022, 1, 1), (2021,)),
        (2022, date(2022, 1, 1), (2021, 2022)),
        (2022, date(2022, 12, 31), (2021, 2022)),
        (2022, date(2023, 1, 1), (2022,)),
        (2021, date(2023, 1, 1), ()),
    ],
    ids=str,
)
def test_the_years_drawn_are_those_open_and_none_newer_than_the_own(
    budget_year: int, decided_on: date, years: tuple[int, ...]
) -> None:
    found = years_drawn(budget_year, decided_on=decided_on, starts_on=decided_on, today=decided_on)

    assert found == years
    assert all(is_open(year, on=decided_on) for year in years)


@pytest.mark.parametrize(
    ("starts_on", "today", "years"),
    [
        (date(2022, 12, 31), date(2022, 12, 31), (2021, 2022)),
        (date(2023, 1, 1), date(2022, 12, 31), (2022,)),
        (date(2024, 1, 1), date(2022, 12, 31), ()),
        (date(2022, 3, 1), date(2023, 1, 1), (2022,)),
        (date(2022, 3, 1), date(2024, 1, 1), ()),
    ],
    ids=str,
)
def test_a_year_is_drawn_while_it_is_open_for_periods_that_begin_in_its_time(
    starts_on: date, today: date, years: tuple[int, ...]
) -> None:
    decided_on = date(2022, 3, 1)

    assert years_drawn(2022, decided_on=decided_on, starts_on=starts_on, today=today) == years
