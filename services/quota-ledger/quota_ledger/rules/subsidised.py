"""Calculate a pay subsidy month by month: share, cap, other support, holiday pay."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from quota_ledger.rules.calculations import (
    COMMITMENT_YEAR,
    CalculatedMonth,
    Calculation,
    CalculationRefused,
    Cut,
)
from quota_ledger.rules.facts import PaySubsidyFacts
from quota_ledger.rules.items import DecidedPeriod, PaySubsidyItem
from quota_ledger.rules.months import MonthPart, half_up, last_day_of, month_parts
from quota_ledger.rules.pauses import Pauses, days_between
from quota_ledger.rules.pay_subsidy import PaySubsidyTable, Terms

_WHOLE = 1_000
"""Shares are per mille."""


class _Step(Struct, frozen=True):
    """Days of the period with one rate; `exact_cents` of a whole month are times `_WHOLE` twice."""

    starts_on: date
    ends_on: date
    row_id: str
    rate_per_mille: int
    exact_cents: int


class _Amount(Struct, frozen=True):
    cents: int
    cut_cents: int


def calculate_pay_subsidy(
    item: PaySubsidyItem, *, table: PaySubsidyTable, decided_on: date
) -> Calculation | CalculationRefused:
    """Pay a share of each month's wage cost, up to the cap, and of the holiday pay at the end.

    Source: sources.md#pay-subsidy.
    """
    facts, period = item.facts, item.period
    terms = table.terms(
        facts, kind=item.employer.kind, starts_on=period.starts_on, decided_on=decided_on
    )
    steps = _steps(facts, period, terms=terms)
    whole = _of_whole_month(steps[0], facts=facts)
    amounts = _amounts(period, steps=steps, facts=facts)
    holiday = _holiday_pay(facts.holiday_pay_cents * steps[-1].rate_per_mille, period)
    total = sum([amount.cents for amount in amounts]) + holiday
    rows = _rows(steps, terms=terms)
    if total == 0:
        return CalculationRefused("nothing_payable", rows)
    cut = sum([amount.cut_cents for amount in amounts])
    return Calculation(
        rate_per_mille=steps[0].rate_per_mille,
        months_max=terms.months_max,
        cap_cents_per_month=terms.cap.value,
        cents_per_month=whole.cents,
        holiday_pay_cents=holiday,
        total_cents=total,
        cuts=(Cut(code="wage_cost", cents=cut),) if cut else (),
        rule_rows=rows,
        booking_policy=COMMITMENT_YEAR,
        months=_months(item, amounts=amounts, holiday_cents=holiday),
    )


def _holiday_pay(exact_cents: int, period: DecidedPeriod) -> int:
    """Return the share of holiday pay: it is earned day by day, so of what ended earlier in part.

    Source: sources.md#pay-subsidy.
    """
    return half_up(exact_cents * period.days_kept, _WHOLE * period.days_planned)


def _months(
    item: PaySubsidyItem, *, amounts: Sequence[_Amount], holiday_cents: int
) -> tuple[CalculatedMonth, ...]:
    period = item.period
    parts = month_parts(period.starts_on, period.ends_on, period.pauses or ())
    cents = [amount.cents for amount in amounts]
    cents[-1] += holiday_cents
    return tuple(
        [
            CalculatedMonth(month=part.month, cents=of_month, budget_year_charged=item.budget_year)
            for part, of_month in zip(parts, cents, strict=True)
        ]
    )


def _steps(facts: PaySubsidyFacts, period: DecidedPeriod, *, terms: Terms) -> list[_Step]:
    """Return the steps of the rate that the period reaches, in the order of their days."""
    steps = []
    starts_on = period.starts_on
    wage = facts.wage_cost_cents_per_month * facts.working_time_per_mille
    for row in terms.rates:
        ends_on = min(last_day_of(period.starts_on, months=row.month_to), period.ends_on)
        exact = min(row.value * wage, terms.cap.value * _WHOLE * _WHOLE)
        steps.append(_Step(starts_on, ends_on, row.row_id, row.value, exact))
        starts_on = ends_on + timedelta(days=1)
        if ends_on == period.ends_on:
            break
    return steps


def _amounts(
    period: DecidedPeriod, *, steps: Sequence[_Step], facts: PaySubsidyFacts
) -> list[_Amount]:
    """Return what each month gets; whole months of one step get alike."""
    alike = [_of_whole_month(step, facts=facts) for step in steps]
    amounts, number, pauses = [], 0, period.pauses or ()
    for part in month_parts(period.starts_on, period.ends_on, pauses):
        while steps[number].ends_on < part.starts_on:
            number += 1
        if part.is_whole and part.ends_on <= steps[number].ends_on:
            amounts.append(alike[number])
        else:
            amounts.append(_amount(part, steps=steps, facts=facts, pauses=pauses))
    return amounts


def _of_whole_month(step: _Step, *, facts: PaySubsidyFacts) -> _Amount:
    """Return what a whole month gets by the rate of a step."""
    wage = half_up(facts.wage_cost_cents_per_month * facts.working_time_per_mille, _WHOLE)
    cents = half_up(step.exact_cents, _WHOLE * _WHOLE)
    return _cut(cents, room=wage - facts.other_support_cents_per_month)


def _amount(
    part: MonthPart, *, steps: Sequence[_Step], facts: PaySubsidyFacts, pauses: Pauses
) -> _Amount:
    """Return what a month gets: of a part of it, by its days."""
    exact = sum(step.exact_cents * _days_in(step, part, pauses=pauses) for step in steps)
    cents = half_up(exact, _WHOLE * _WHOLE * part.days_of_month)
    wage = facts.wage_cost_cents_per_month * facts.working_time_per_mille * part.days
    wage_cents = half_up(wage, _WHOLE * part.days_of_month)
    other_cents = half_up(facts.other_support_cents_per_month * part.days, part.days_of_month)
    return _cut(cents, room=wage_cents - other_cents)


def _cut(cents: int, *, room: int) -> _Amount:
    """Return an amount cut to what the wage cost leaves beside other support."""
    paid = min(cents, max(0, room))
    return _Amount(paid, cents - paid)


def _days_in(step: _Step, part: MonthPart, *, pauses: Pauses) -> int:
    first = max(step.starts_on, part.starts_on)
    last = min(step.ends_on, part.ends_on)
    return days_between(first, last, pauses=pauses)


def _rows(steps: Sequence[_Step], *, terms: Terms) -> tuple[str, ...]:
    hours = terms.working_time_max
    return (
        *(step.row_id for step in steps),
        terms.cap.row_id,
        *(() if hours is None else (hours.row_id,)),
    )
