"""The assumed numbers of `data/quota_year.toml`, typed."""

import calendar
import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files

import msgspec
from msgspec import Struct

MONTHS = 12


class ReferencePeriod(Struct, frozen=True):
    """The days by which past participation was counted."""

    starts_on: date
    ends_on: date


class Year(Struct, frozen=True):
    """The days on which decisions are made, whole months, and those on which it is settled.

    On the last of these the first appropriation lapses.
    """

    first_on: date
    last_on: date
    settled_on: tuple[date, ...]

    @property
    def month_ends(self) -> tuple[date, ...]:
        """Return the last day of each month in which decisions are made."""
        first = self.first_on.year * MONTHS + self.first_on.month - 1
        last = self.last_on.year * MONTHS + self.last_on.month - 1
        return tuple(_last_day(*divmod(month, MONTHS)) for month in range(first, last + 1))


def _last_day(year: int, month_before: int) -> date:
    month = month_before + 1
    return date(year, month, calendar.monthrange(year, month)[1])


class Appropriation(Struct, frozen=True):
    """An appropriation of the state, and its share of what is sized."""

    budget_year: int
    share_per_mille: int


class InstrumentRates(Struct, frozen=True):
    """How many of a thousand clients take part in a year, and what one costs."""

    past_participation_per_mille: int
    unit_cost_cents: int


class Demand(Struct, frozen=True):
    """The areas whose money ends, and how much is decided there of what was sized."""

    dry_areas: tuple[str, ...]
    dry_per_cent: int


class Exceptions(Struct, frozen=True):
    """Overrides asked where the money has ended, by area, and which of them."""

    of_an_area_max: int
    every: int
    refused_every: int
    covered_every: int
    cover_days: int
    days: int


class Decided(Struct, frozen=True):
    """What becomes of decisions, per mille."""

    refused: int
    forgotten_in_first_month: int
    cancelled: int
    ended: int
    shortened: int
    prolonged: int
    corrected: int
    corrected_before_grant: int
    interrupted: int
    interrupted_for_good: int
    granted_less: int
    continued: int
    beyond: int
    own_posts: int


class Assumptions(Struct, frozen=True):
    """All of it."""

    reference_period: ReferencePeriod
    year: Year
    appropriations: tuple[Appropriation, ...]
    instruments: dict[str, InstrumentRates]
    demand: Demand
    exceptions: Exceptions
    decided: Decided


@lru_cache(maxsize=1)
def load_assumptions() -> Assumptions:
    """Read the packaged file."""
    text = files("kuntavayla_sandbox").joinpath("data/quota_year.toml").read_text()
    return msgspec.convert(tomllib.loads(text), Assumptions)
