from datetime import date, timedelta
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation, CalculationRefused, YearDraw, charged
from quota_ledger.rules.intake import examine
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem
from quota_ledger.rules.months import half_up, month_parts
from tests.quota_ledger.scenarios.cases import decoded, good_body, the_register, the_tables

TODAY = date(2024, 12, 31)
PERIODS = st.tuples(st.dates(date(2021, 3, 1), date(2024, 6, 30)), st.integers(0, 760))
AMOUNTS = st.integers(0, 800_000)


@st.composite
def pay_subsidies(draw: st.DrawFn) -> PaySubsidyItem:
    starts_on, days = draw(PERIODS)
    of_14 = draw(st.integers(0, 14))
    item = decoded(
        dated(good_body("PAY_SUBSIDY"), starts_on, days=days)
        | {
            "employer": {
                "business_id": "9900456-1",
                "kind": draw(st.sampled_from(["company", "association"])),
                "name": "Esimerkki Oy",
            },
            "facts": {
                "unemployed_months_in_last_14": of_14,
                "unemployed_months_in_last_28": of_14 + draw(st.integers(0, 14)),
                "has_reduced_work_capacity": draw(st.booleans()),
                "has_turned_55": draw(st.booleans()),
                "wage_cost_cents_per_month": draw(st.integers(1, 800_000)),
                "holiday_pay_cents": draw(AMOUNTS),
                "working_time_per_mille": draw(st.integers(1, 1_000)),
                "aid_scheme": "de_minimis",
                "other_support_cents_per_month": draw(st.just(0) | AMOUNTS),
            },
        }
    )
    assert isinstance(item, PaySubsidyItem)
    assume(is_good(item))
    return item


@st.composite
def others(draw: st.DrawFn) -> DecisionItem:
    starts_on, days = draw(PERIODS)
    instrument = draw(st.sampled_from(["START_UP_GRANT", "TRAINING", "COACHING"]))
    body = dated(good_body(instrument), starts_on, days=days)
    if instrument == "START_UP_GRANT":
        body = dated(body, starts_on, days=days % 180)
        body["facts"] = {
            "days_per_week_max": draw(st.integers(1, 5)),
            "months_granted_before": draw(st.integers(0, 6)),
            "is_full_time": True,
        }
    else:
        body |= {
            "places": draw(st.integers(1, 1_000)),
            "unit_cost_cents": draw(st.integers(1, 100_000_000)),
        }
    item = decoded(body)
    assume(is_good(item))
    return item


def dated(body: dict[str, Any], starts_on: date, *, days: int) -> dict[str, Any]:
    return body | {
        "budget_year": starts_on.year,
        "decided_on": starts_on,
        "period": {"starts_on": starts_on, "ends_on": starts_on + timedelta(days=days)},
    }


def is_good(item: DecisionItem) -> bool:
    today = item.decided_on or TODAY
    return examine(item, tables=the_tables(), register=the_register(), today=today) == ()


def outcome_of(item: DecisionItem) -> Calculation | CalculationRefused:
    return calculate(item, tables=the_tables(), decided_on=item.period.starts_on)


def total_of(item: DecisionItem) -> int:
    outcome = outcome_of(item)
    return outcome.total_cents if isinstance(outcome, Calculation) else 0


def changed(item: PaySubsidyItem, **facts: object) -> PaySubsidyItem:
    body = msgspec.to_builtins(item)
    body["facts"] |= facts
    again = decoded(body)
    assert isinstance(again, PaySubsidyItem)
    return again


EVERY = st.one_of(pay_subsidies(), others())


@given(EVERY)
def test_the_months_sum_to_the_total_and_name_rows_of_law(item: DecisionItem) -> None:
    outcome = outcome_of(item)

    assert outcome.rule_rows
    if isinstance(outcome, Calculation):
        assert sum(month.cents for month in outcome.months) == outcome.total_cents
        assert all(month.cents >= 0 for month in outcome.months)
        assert outcome.total_cents > 0


@given(EVERY)
def test_the_months_are_those_of_the_period_each_once_and_in_order(item: DecisionItem) -> None:
    outcome = outcome_of(item)
    assume(isinstance(outcome, Calculation))
    assert isinstance(outcome, Calculation)

    parts = month_parts(item.period.starts_on, item.period.ends_on)
    assert [month.month for month in outcome.months] == [part.month for part in parts]
    assert sum(part.days for part in parts) == (
        (item.period.ends_on - item.period.starts_on).days + 1
    )


@given(EVERY)
def test_recomputed_from_what_is_stored_it_is_the_same(item: DecisionItem) -> None:
    again = decoded(msgspec.to_builtins(item))

    assert outcome_of(again) == outcome_of(item)


@given(pay_subsidies())
def test_no_month_is_above_its_cap_or_above_the_wage_cost(item: PaySubsidyItem) -> None:
    outcome = outcome_of(item)
    assume(isinstance(outcome, Calculation))
    assert isinstance(outcome, Calculation)
    facts, cap = item.facts, outcome.cap_cents_per_month
    assert cap is not None

    months = [month.cents for month in outcome.months]
    months[-1] -= outcome.holiday_pay_cents or 0
    for part, cents in zip(
        month_parts(item.period.starts_on, item.period.ends_on), months, strict=True
    ):
        wage = facts.wage_cost_cents_per_month * facts.working_time_per_mille * part.days
        other = half_up(facts.other_support_cents_per_month * part.days, part.days_of_month)
        assert cents <= half_up(cap * part.days, part.days_of_month)
        assert cents == 0 or cents + other <= half_up(wage, 1_000 * part.days_of_month)
    assert (outcome.holiday_pay_cents or 0) <= facts.holiday_pay_cents


@given(pay_subsidies(), st.integers(1, 100_000))
def test_a_higher_wage_cost_never_gives_less(item: PaySubsidyItem, more: int) -> None:
    raised = changed(item, wage_cost_cents_per_month=item.facts.wage_cost_cents_per_month + more)

    assert total_of(raised) >= total_of(item)


@given(pay_subsidies(), st.integers(1, 100_000))
def test_more_other_support_never_gives_more(item: PaySubsidyItem, more: int) -> None:
    supported = changed(
        item, other_support_cents_per_month=item.facts.other_support_cents_per_month + more
    )

    assert total_of(supported) <= total_of(item)


@given(pay_subsidies(), st.integers(1, 100_000))
def test_more_holiday_pay_never_gives_less(item: PaySubsidyItem, more: int) -> None:
    raised = changed(item, holiday_pay_cents=item.facts.holiday_pay_cents + more)

    assert total_of(raised) >= total_of(item)


@given(pay_subsidies(), st.integers(1, 60))
def test_a_longer_period_never_gives_less(item: PaySubsidyItem, days: int) -> None:
    plain = changed(item, holiday_pay_cents=0, other_support_cents_per_month=0)
    body = msgspec.to_builtins(plain)
    body["period"]["ends_on"] = item.period.ends_on + timedelta(days=days)
    longer = decoded(body)
    assume(is_good(longer))

    assert total_of(longer) >= total_of(plain)


@given(pay_subsidies())
def test_longer_unemployment_never_gives_less_at_first(item: PaySubsidyItem) -> None:
    longest = changed(item, unemployed_months_in_last_14=14, unemployed_months_in_last_28=28)
    outcome, before = outcome_of(longest), outcome_of(item)
    assume(isinstance(before, Calculation))
    assert isinstance(before, Calculation)

    assert isinstance(outcome, Calculation)
    assert (outcome.cents_per_month or 0) >= (before.cents_per_month or 0)


@given(EVERY, st.data())
def test_charged_to_years_each_year_gets_what_it_gives(
    item: DecisionItem, data: st.DataObject
) -> None:
    outcome = outcome_of(item)
    assume(isinstance(outcome, Calculation))
    assert isinstance(outcome, Calculation)
    older = data.draw(st.integers(0, outcome.total_cents))
    year = item.budget_year
    draws = [YearDraw(year - 1, older), YearDraw(year, outcome.total_cents - older)]

    split = charged(outcome, draws)

    for draw in draws:
        of_year = [m.cents for m in split.months if m.budget_year_charged == draw.budget_year]
        assert sum(of_year) == draw.cents
    years = [month.budget_year_charged for month in split.months]
    assert years == sorted(years)
    assert split.total_cents == outcome.total_cents


@given(others())
def test_a_start_up_grant_pays_no_more_days_than_a_week_has(item: DecisionItem) -> None:
    outcome = outcome_of(item)
    assume(isinstance(outcome, Calculation))
    assert isinstance(outcome, Calculation)
    assume(outcome.days_max is not None)

    days = (item.period.ends_on - item.period.starts_on).days + 1
    assert sum(month.days or 0 for month in outcome.months) == outcome.days_max
    assert (outcome.days_max or 0) <= min(days, 5 * (days // 7 + 2))
