"""What no statistic gives: the fitted and assumed numbers of `data/assumptions.toml`, typed.

Only reading belongs here. The file says of every number whether it is fitted, assumed or published.
"""

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

EntitledGroup = str
"""A key of `[entitled]`: short_term, long_term, laid_off, in_services or other."""


class Targets(Struct, frozen=True):
    """What the fitted numbers were turned towards."""

    clients_moved: int
    unemployed_moved: int


class Size(Struct, frozen=True):
    """Unemployed persons without a home municipality in Finland, by code ("none" has no code)."""

    unemployed_without_municipality: dict[str, int]


class Structure(Struct, frozen=True):
    """How the proportions of 2026 become those of 2021; per mille where a share."""

    smoothing_persons: int
    share_25_to_29_of_25_to_49: int
    group_share_max: int
    group_months: dict[str, str]


class Associations(Struct, frozen=True):
    """Relative weights by age band and by status, before the municipality's own proportions."""

    short_term_by_age: list[int]
    long_term_by_age: list[int]
    laid_off_by_age: list[int]
    foreign_by_age: list[int]
    foreign_by_status: list[int]


class Ages(Struct, frozen=True):
    """The age at which each band starts, and the age that nobody has reached."""

    starts: list[int]
    ends: int


class Languages(Struct, frozen=True):
    """Mother tongue, citizenship and service language; per mille unless named otherwise."""

    swedish_relative: int
    foreign_tongue_relative: int
    dual_citizens_of_foreign_tongue: int
    serves_in_english: int
    interpreter_needed: int
    wants_swedish: int
    wants_swedish_unknown: int
    sami_municipalities: dict[str, int]
    sami_elsewhere_per_hundred_thousand: int


class Rare(Struct, frozen=True):
    """Facts that few persons have; per mille unless named otherwise."""

    security_ban_per_hundred_thousand: int
    protected_of_security_bans: int
    basis_residence: int
    citizenship_unknown: int
    tongue_unknown: int
    elsewhere_resident: int
    without_address: int
    joint_service: int
    integration_of_foreign: int
    with_plan: int
    with_second_plan: int
    with_open_matter: int


class Segment(Struct, frozen=True):
    """A group of persons who are not unemployed, with its number at full size."""

    name: str
    employment_code: str
    service_codes: list[str]
    persons: int
    column: str
    entitled: EntitledGroup
    is_in_services: bool
    by_age: list[int]
    foreign_relative: int


class Assumptions(Struct, frozen=True):
    """The whole file."""

    targets: Targets
    size: Size
    structure: Structure
    associations: Associations
    ages: Ages
    entitled: dict[str, list[int] | int]
    languages: Languages
    rare: Rare
    segments: list[Segment]

    @property
    def in_services(self) -> int:
        """The fitted number of persons in services at full size."""
        return sum(segment.persons for segment in self.segments if segment.is_in_services)

    @property
    def short_weeks(self) -> int:
        """Persons on a short week at full size: laid off, yet not unemployed."""
        return sum(row.persons for row in self.segments if row.employment_code == "04")


@cache
def load_assumptions() -> Assumptions:
    """Return the assumptions of the package."""
    text = files("kuntavayla_sandbox").joinpath("data/assumptions.toml").read_bytes()
    return msgspec.toml.decode(text, type=Assumptions)
