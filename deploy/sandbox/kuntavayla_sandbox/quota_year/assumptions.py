"""The assumed numbers of `data/quota_year.toml`, typed."""

import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files

import msgspec
from msgspec import Struct


class ReferencePeriod(Struct, frozen=True):
    """The days by which past participation was counted."""

    starts_on: date
    ends_on: date


class Year(Struct, frozen=True):
    """The budget year and its months in which decisions are made."""

    budget_year: int
    first_month: int
    last_month: int

    @property
    def months(self) -> range:
        """Return the months in which decisions are made."""
        return range(self.first_month, self.last_month + 1)


class InstrumentRates(Struct, frozen=True):
    """How many of a thousand clients take part in a year, and what one costs."""

    past_participation_per_mille: int
    unit_cost_cents: int


class Demand(Struct, frozen=True):
    """The areas whose money ends, and how much is decided there of what was sized."""

    dry_areas: tuple[str, ...]
    dry_per_cent: int


class Decided(Struct, frozen=True):
    """What becomes of decisions, per mille."""

    granted: int
    refused: int
    forgotten_in_first_month: int
    cancelled: int
    ended: int
    shortened: int
    own_posts: int


class Assumptions(Struct, frozen=True):
    """All of it."""

    reference_period: ReferencePeriod
    year: Year
    instruments: dict[str, InstrumentRates]
    demand: Demand
    decided: Decided


@lru_cache(maxsize=1)
def load_assumptions() -> Assumptions:
    """Read the packaged file."""
    text = files("kuntavayla_sandbox").joinpath("data/quota_year.toml").read_text()
    return msgspec.convert(tomllib.loads(text), Assumptions)
