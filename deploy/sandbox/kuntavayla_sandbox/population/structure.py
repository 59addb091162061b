"""The unemployed of each municipality by status, citizenship, age and sex, as shares of one.

The proportions between municipalities are those of 2026; factors bring each group to its benchmark
of 2021; iterative proportional fitting makes one table of them. Sums use `math.fsum`, which is the
same on every machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum

from kuntavayla_sandbox.population.assumptions import Associations, load_assumptions
from kuntavayla_sandbox.population.statistics import (
    UUSIMAA_ELY_CODE,
    Figures,
    load_benchmarks,
    load_figures,
)

SHORT_TERM, LONG_TERM, LAID_OFF = range(3)
STATUSES = 3
AGE_BANDS = 6
CELLS = STATUSES * 2 * AGE_BANDS * 2
"""Cell number: ((status * 2 + is foreign) * AGE_BANDS + age band) * 2 + is man."""

COUNTRY = "Koko maa"
UUSIMAA = "Uudenmaan ELY (01)"
MONTH = "2021-02"
_PER_MILLE = 1000
_ROUNDS = 25
# The groups of the 2026 statistic, with the name that the benchmark of the Uusimaa ELY area uses,
# if there is one.
_GROUPS = {
    "men": None,
    "under_20": None,
    "under_25": "under_25",
    "over_50": None,
    "long_term_unemployed": "long_term_unemployed",
    "foreign_citizens": "foreign_citizens",
    "fully_laid_off": "laid_off",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table."""

    status: int
    is_foreign: bool
    age_band: int
    is_man: bool


def cell_of(number: int) -> Cell:
    """Return the cell with that number."""
    rest, sex = divmod(number, 2)
    rest, age_band = divmod(rest, AGE_BANDS)
    status, foreign = divmod(rest, 2)
    return Cell(status=status, is_foreign=foreign == 1, age_band=age_band, is_man=sex == 1)


def month_of(group: str) -> str:
    """Return the month of the group's benchmark."""
    return load_assumptions().structure.group_months.get(group, MONTH)


def benchmark_of(group: str) -> int:
    """Return the country's benchmark of a group for 2/2021, scaled from its own month."""
    benchmarks, month = load_benchmarks(), month_of(group)
    value = benchmarks[COUNTRY, month, group]
    if (COUNTRY, month, "unemployed") not in benchmarks:
        return value
    now, then = (benchmarks[COUNTRY, each, "unemployed"] for each in (MONTH, month))
    return (2 * value * now + then) // (2 * then)


@cache
def group_shares() -> dict[str, tuple[float, ...]]:
    """Return each group's share of the unemployed, per municipality in the order of the figures."""
    return {group: _fitted_shares(group) for group in _GROUPS}


@cache
def country_shares() -> dict[str, float]:
    """Return each group's share of the country's unemployed."""
    total = benchmark_of("unemployed")
    return {group: benchmark_of(group) / total for group in _GROUPS}


@cache
def unemployed_cells() -> tuple[tuple[float, ...], ...]:
    """Return the table of each municipality, and last that of persons without one."""
    shares = group_shares()
    per_municipality = [
        {group: shares[group][index] for group in _GROUPS} for index in range(len(load_figures()))
    ]
    return tuple(_table(row) for row in [*per_municipality, country_shares()])


def age_shares(groups: dict[str, float]) -> list[float]:
    """Return the shares of the six age bands, from those of the published groups."""
    structure = load_assumptions().structure
    oldest = groups["over_50"] * benchmark_of("over_55") / benchmark_of("over_50")
    middle = max(1.0 - groups["under_25"] - groups["over_50"], 0.01)
    late_twenties = middle * structure.share_25_to_29_of_25_to_49 / _PER_MILLE
    bands = [
        groups["under_20"],
        max(groups["under_25"] - groups["under_20"], 0.01),
        late_twenties,
        middle - late_twenties,
        groups["over_50"] - oldest,
        oldest,
    ]
    total = fsum(bands)
    return [band / total for band in bands]


def _fitted_shares(group: str) -> tuple[float, ...]:
    figures = load_figures()
    shares = _smoothed_shares(group)
    regional = _GROUPS[group]
    whole = country_shares()[group] * sum(row.unemployed for row in figures)
    if regional is None:
        return tuple(_scaled(shares, figures, total=whole))
    uusimaa = float(load_benchmarks()[UUSIMAA, MONTH, regional])
    inside = _scaled(shares, figures, total=uusimaa, where=_is_uusimaa)
    return tuple(_scaled(inside, figures, total=whole - uusimaa, where=_is_elsewhere))


def _is_uusimaa(row: Figures) -> bool:
    return row.ely_code == UUSIMAA_ELY_CODE


def _is_elsewhere(row: Figures) -> bool:
    return row.ely_code != UUSIMAA_ELY_CODE


def _everywhere(_: Figures) -> bool:
    return True


def _smoothed_shares(group: str) -> list[float]:
    figures = load_figures()
    known = [row for row in figures if row.structure.get(group) and row.structure["unemployed"]]
    average = fsum(row.structure[group] or 0 for row in known) / fsum(
        row.structure["unemployed"] or 0 for row in known
    )
    weight = load_assumptions().structure.smoothing_persons
    shares = []
    for row in figures:
        total, part = row.structure.get("unemployed"), row.structure.get(group)
        observed = (part, total) if part is not None and total else (0, 0)
        shares.append((observed[0] + weight * average) / (observed[1] + weight))
    return shares


def _scaled(
    shares: Sequence[float],
    figures: Sequence[Figures],
    *,
    total: float,
    where: Callable[[Figures], bool] = _everywhere,
) -> list[float]:
    """Scale the shares of the chosen municipalities so that their persons add up to the total."""
    share_max = load_assumptions().structure.group_share_max / _PER_MILLE
    chosen = [where(row) for row in figures]
    scaled = list(shares)
    for _ in range(_ROUNDS):
        reached = fsum(
            row.unemployed * share
            for row, share, is_chosen in zip(figures, scaled, chosen, strict=True)
            if is_chosen
        )
        scaled = [
            min(share * total / reached, share_max) if is_chosen else share
            for share, is_chosen in zip(scaled, chosen, strict=True)
        ]
    return scaled


def _table(groups: dict[str, float]) -> tuple[float, ...]:
    """Fit status x citizenship x age to the municipality's shares; sex is independent of them."""
    laid_off, long_term = groups["fully_laid_off"], groups["long_term_unemployed"]
    over = max(laid_off + long_term, 0.95) / 0.95
    laid_off, long_term = laid_off / over, long_term / over
    statuses = [1.0 - laid_off - long_term, long_term, laid_off]
    foreign = [1.0 - groups["foreign_citizens"], groups["foreign_citizens"]]
    cells = _seed(load_assumptions().associations)
    ages = age_shares(groups)
    for _ in range(_ROUNDS):
        _fit(cells, statuses, of=lambda number: number // (2 * AGE_BANDS))
        _fit(cells, foreign, of=lambda number: number // AGE_BANDS % 2)
        _fit(cells, ages, of=lambda number: number % AGE_BANDS)
    return tuple(cell * share for cell in cells for share in (1.0 - groups["men"], groups["men"]))


def _seed(weights: Associations) -> list[float]:
    by_age = [weights.short_term_by_age, weights.long_term_by_age, weights.laid_off_by_age]
    return [
        float(by_age[status][band])
        * (
            weights.foreign_by_age[band] * weights.foreign_by_status[status]
            if foreign
            else _PER_MILLE * 100
        )
        for status in range(STATUSES)
        for foreign in (0, 1)
        for band in range(AGE_BANDS)
    ]


def _fit(cells: list[float], shares: Sequence[float], *, of: Callable[[int], int]) -> None:
    members: list[list[int]] = [[] for _ in shares]
    for number in range(len(cells)):
        members[of(number)].append(number)
    for numbers, share in zip(members, shares, strict=True):
        factor = share / fsum(cells[number] for number in numbers)
        for number in numbers:
            cells[number] *= factor
