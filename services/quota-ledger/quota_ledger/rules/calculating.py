"""Calculate what a decision costs, from its facts and the dated tables of law.

Whole cents throughout: each month is one fraction, rounded half up once. Nothing here reads a
clock; the day decided is an argument, and says which rows were known.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from quota_ledger.rules.calculations import (
    COMMITMENT_YEAR,
    CalculatedMonth,
    Calculation,
    CalculationRefused,
)
from quota_ledger.rules.dated import DatedRow
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem, PlacesItem, StartUpGrantItem
from quota_ledger.rules.law_tables import QuotaTables
from quota_ledger.rules.months import half_up, month_parts, payable_days
from quota_ledger.rules.start_up_grant import StartUpGrantTable
from quota_ledger.rules.subsidised import calculate_pay_subsidy

__all__ = ["QuotaTables", "calculate"]


def calculate(
    item: DecisionItem, *, tables: QuotaTables, decided_on: date
) -> Calculation | CalculationRefused:
    """Calculate the decision by the rows known on the day it is decided.

    The item is examined (`quota_ledger.rules.intake`). Every month is charged to the item's own
    budget year; see `charged` for a decision that draws from two.
    """
    match item:
        case PaySubsidyItem():
            return calculate_pay_subsidy(item, table=tables.pay_subsidy, decided_on=decided_on)
        case StartUpGrantItem():
            return _start_up_grant(item, tables=tables, decided_on=decided_on)
        case _:
            return _places(item, tables=tables, decided_on=decided_on)


def _start_up_grant(
    item: StartUpGrantItem, *, tables: QuotaTables, decided_on: date
) -> Calculation | CalculationRefused:
    """Pay each payable day by the rate of the day, as far as rates are known.

    Source: sources.md#start-up-grant.
    """
    period, table = item.period, tables.start_up_grant
    rate = table.row("daily", on=period.starts_on, decided_on=decided_on)
    if not item.facts.is_full_time:
        return CalculationRefused("enterprise_not_full_time", (rate.row_id,))
    months, rows = _paid_months(item, table=table, decided_on=decided_on)
    total = sum(month.cents for month in months)
    if total == 0:
        return CalculationRefused("nothing_payable", (rate.row_id,))
    return Calculation(
        cents_per_day=rate.value,
        days_max=sum(month.days or 0 for month in months),
        total_cents=total,
        is_estimate=True,
        rule_rows=tuple(rows),
        booking_policy=COMMITMENT_YEAR,
        months=tuple(months),
    )


def _paid_months(
    item: StartUpGrantItem, *, table: StartUpGrantTable, decided_on: date
) -> tuple[list[CalculatedMonth], list[str]]:
    """Return what each month gets, and the ids of the rates used, in the order of their days."""
    months, rows, period = [], {}, item.period
    per_week, pauses = item.facts.days_per_week_max, period.pauses or ()
    for part in payable_days(
        period.starts_on, period.ends_on, days_per_week=per_week, pauses=pauses
    ):
        cents = 0
        for row, days in _by_rate(part.days, table=table, decided_on=decided_on):
            rows[row.row_id] = row
            cents += days * row.value
        months.append(
            CalculatedMonth(
                month=part.month,
                days=len(part.days),
                cents=cents,
                budget_year_charged=item.budget_year,
            )
        )
    return months, list(rows)


def _by_rate(
    days: Sequence[date], *, table: StartUpGrantTable, decided_on: date
) -> Iterator[tuple[DatedRow, int]]:
    """Yield the rates of a month's days, each with the number of days it holds on."""
    if not days:
        return
    first = table.row("daily", on=days[0], decided_on=decided_on)
    last = table.row("daily", on=days[-1], decided_on=decided_on)
    if first is last:
        yield first, len(days)
        return
    for day in days:
        yield table.row("daily", on=day, decided_on=decided_on), 1


def _places(item: PlacesItem, *, tables: QuotaTables, decided_on: date) -> Calculation:
    """Multiply places by their cost; a month has its share of the days, and all sum to the total.

    What ended earlier costs the share of the days kept. Source: sources.md#places.
    """
    period = item.period
    total = half_up(item.places * item.unit_cost_cents * period.days_kept, period.days_planned)
    parts = month_parts(period.starts_on, period.ends_on, period.pauses or ())
    all_days = sum(part.days for part in parts)
    months, days, told = [], 0, 0
    for part in parts:
        days += part.days
        until = half_up(total * days, all_days)
        months.append(
            CalculatedMonth(
                month=part.month, cents=until - told, budget_year_charged=item.budget_year
            )
        )
        told = until
    code = tables.service_codes.find(item.service_code, on=decided_on)
    assert code is not None, "the code was examined"
    limit = tables.limits.period_row(item.instrument, on=decided_on)
    return Calculation(
        places=item.places,
        unit_cost_cents=item.unit_cost_cents,
        total_cents=total,
        rule_rows=(code.row_id, limit.row_id),
        booking_policy=COMMITMENT_YEAR,
        months=tuple(months),
    )
