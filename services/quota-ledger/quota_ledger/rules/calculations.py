"""What a calculation says: the amounts by month, and the rows of law that they rest on."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

BookingPolicy = Literal["commitment_year"]
"""All of a decision is charged to the years that it draws from. Source: sources.md#quota-years."""
COMMITMENT_YEAR: BookingPolicy = "commitment_year"
RefusalCode = Literal["nothing_payable", "enterprise_not_full_time"]


class CalculatedMonth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a calendar month ("2021-09") costs, and the budget year that it is charged to.

    `days` are the most that can be paid in the month, of what is paid by the day.
    """

    month: str
    days: int | None = None
    cents: int
    budget_year_charged: int


class Cut(Struct, frozen=True, kw_only=True):
    """Why less is granted than rate and cap give, and how much less in all.

    `wage_cost`: with other support it would be more than the whole wage cost.
    """

    code: Literal["wage_cost"]
    cents: int


class Calculation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A calculation as it is answered and stored; members that an instrument lacks are left out.

    `rate_per_mille`, `cents_per_month` and `cents_per_day` are those of the first day; where they
    change within the period, `rule_rows` names every row used. The months sum to `total_cents`.
    `is_estimate` says that days are the most that can be paid, at the rates known so far.
    """

    rate_per_mille: int | None = None
    months_max: int | None = None
    cap_cents_per_month: int | None = None
    cents_per_month: int | None = None
    holiday_pay_cents: int | None = None
    cents_per_day: int | None = None
    days_max: int | None = None
    places: int | None = None
    unit_cost_cents: int | None = None
    total_cents: int
    is_estimate: bool = False
    cuts: tuple[Cut, ...] = ()
    rule_rows: tuple[str, ...]
    booking_policy: BookingPolicy
    months: tuple[CalculatedMonth, ...]


class CalculationRefused(Struct, frozen=True):
    """Nothing can be reserved: a reason to refuse, no fault of the content."""

    code: RefusalCode
    rule_rows: tuple[str, ...]


class YearDraw(Struct, frozen=True):
    """What a decision draws from the account of one year."""

    budget_year: int
    cents: int


def charged(calculation: Calculation, draws: Sequence[YearDraw]) -> Calculation:
    """Return the calculation with its months charged to the years drawn, in the draws' order.

    The draws sum to the total. A month that two years share stands twice, once for
    each, with its days in the first.
    """
    assert sum(draw.cents for draw in draws) == calculation.total_cents
    left = [(draw.budget_year, draw.cents) for draw in reversed(draws) if draw.cents]
    months: list[CalculatedMonth] = []
    for calculated in calculation.months:
        month, rest = calculated, calculated.cents
        while rest > 0 and left[-1][1] < rest:
            year, cents = left.pop()
            if cents:
                months.append(replace(month, cents=cents, budget_year_charged=year))
                month = replace(month, days=None)
            rest -= cents
        year, cents = left[-1]
        months.append(replace(month, cents=rest, budget_year_charged=year))
        left[-1] = (year, cents - rest)
    return replace(calculation, months=tuple(months))
