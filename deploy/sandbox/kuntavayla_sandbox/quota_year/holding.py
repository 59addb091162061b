"""A decision by what was sent and answered, and the accounts that it may draw from."""

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from kuntavayla_sandbox.quota_year.accounts import AccountName, Draws, held_cents

Document = Mapping[str, Any]
MONTH_LENGTH = len("2021-10")
OVER = frozenset({"ended", "cancelled", "refused", "expired"})
"""States behind which nothing more is done to a decision."""


class Held(Struct):
    """What a decision holds of which account, and when it expires; None once it was granted.

    `months` are what it costs month by month as it was calculated last, `period` the months that it
    covers.
    """

    client_id: str
    state: str
    draws: Draws
    expires_at: datetime | None
    months: list[tuple[str, int]]
    period: tuple[str, str]
    paid_cents: int = 0
    recovered_cents: int = 0
    paid_months: tuple[str, ...] = ()
    is_paid_late: bool = False
    """Something was paid when nothing more was due."""

    @property
    def cents(self) -> int:
        """Return what is promised."""
        return held_cents(self.draws)

    @property
    def reserved_cents(self) -> int:
        """Return what is reserved."""
        return sum(one.reserved_cents for one in self.draws.values())

    @property
    def committed_cents(self) -> int:
        """Return what is committed."""
        return sum(one.committed_cents for one in self.draws.values())

    @property
    def left_cents(self) -> int:
        """Return what may still be paid of the commitment."""
        return sum(one.left_cents for one in self.draws.values())

    @property
    def net_cents(self) -> int:
        """Return what was paid and not taken back."""
        return sum(one.net_cents for one in self.draws.values())

    @property
    def excess_cents(self) -> int:
        """Return what was paid above the commitment and not taken back."""
        return sum(one.excess_cents for one in self.draws.values())

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more is done to it."""
        return self.state in OVER

    def covers(self, month: str) -> bool:
        """Tell whether it was decided for a month."""
        return self.period[0] <= month <= self.period[1]

    def has_ended(self, now: datetime) -> bool:
        """Tell whether it is a reservation that has expired."""
        return self.expires_at is not None and self.expires_at <= now


def accounts_of(sent: Document, *, known: Container[AccountName]) -> list[AccountName]:
    """Return the accounts that a decision may draw, the oldest year first.

    Those of the year of the day decided on and of the year before, none newer than its own, in
    whose time the period begins; sent within the same year.
    """
    year, starts_in = int(sent["decided_on"][:4]), int(sent["period"]["starts_on"][:4])
    names = [(sent["area_code"], sent["instrument"], one) for one in (year - 1, year)]
    return [
        name
        for name in names
        if name in known and name[2] <= sent["budget_year"] and starts_in <= name[2] + 1
    ]


def months_of(verdict: Document) -> list[tuple[str, int]]:
    """Return what a decision costs month by month; a month of two years once."""
    found: dict[str, int] = {}
    for one in (verdict.get("calculation") or {}).get("months", ()):
        found[one["month"]] = found.get(one["month"], 0) + one["cents"]
    return list(found.items())


def charged_of(verdict: Document) -> dict[int, int]:
    """Return what a decision costs by the year that it is charged to."""
    found: dict[int, int] = {}
    for one in (verdict.get("calculation") or {}).get("months", ()):
        year = one["budget_year_charged"]
        found[year] = found.get(year, 0) + one["cents"]
    return {year: cents for year, cents in found.items() if cents}


def price_of(sent: Document) -> int | None:
    """Return what a decision costs where that needs no calculation: places by their price."""
    unit_cost = sent.get("unit_cost_cents")
    return None if unit_cost is None else int(sent["places"] * unit_cost)


def cost_of(sent: Document, verdict: Document) -> int:
    """Return what a decision costs: places by their price, others as they were calculated."""
    price = price_of(sent)
    return sum(cents for _, cents in months_of(verdict)) if price is None else price


def period_of(sent: Document) -> tuple[str, str]:
    """Return the first and the last month of a decision's period."""
    starts_on, ends_on = sent["period"]["starts_on"], sent["period"]["ends_on"]
    return starts_on[:MONTH_LENGTH], ends_on[:MONTH_LENGTH]
