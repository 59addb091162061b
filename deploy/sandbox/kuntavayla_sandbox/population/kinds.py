"""What the plan's kinds mean: employment code, services, ages and rates of each.

A kind is a cell of the unemployed (`structure`) or a segment of the others (`assumptions`).
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from kuntavayla_sandbox.population.assumptions import Segment, load_assumptions
from kuntavayla_sandbox.population.structure import (
    CELLS,
    LAID_OFF,
    LONG_TERM,
    SHORT_TERM,
    Cell,
    cell_of,
)

PER_MILLE = 1000
_ENTITLED_BY_STATUS = {
    SHORT_TERM: "short_term",
    LONG_TERM: "long_term",
    LAID_OFF: "laid_off",
}
# Days since the situation began, shortest and longest: assumed, but long-term is more than a year
# by definition.
_DAYS_BY_STATUS = {SHORT_TERM: (1, 364), LONG_TERM: (366, 2600), LAID_OFF: (1, 345)}
_DAYS_IN_SEGMENT = (1, 240)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of registration."""

    cell: Cell | None
    """Age band, sex and citizenship, where the plan has settled them."""
    employment_code: str
    service_codes: tuple[str, ...]
    is_unemployed: bool
    days_since: tuple[int, int]
    entitled: tuple[float, ...]
    """Probability of earnings-related allowance by age band."""
    ages: tuple[float, ...]
    """Running share of the age bands, where the plan has not settled the age."""
    foreign_relative: float
    has_earlier_unemployment: bool


@cache
def kinds() -> tuple[Kind, ...]:
    """Return the kinds in the order of the plan's numbers."""
    cells = [_of_cell(cell_of(number)) for number in range(CELLS)]
    return (*cells, *map(_of_segment, load_assumptions().segments))


def entitled_rates(group: str) -> tuple[float, ...]:
    """Return the probability of being entitled, by age band, of a group of the assumptions."""
    rates = load_assumptions().entitled[group]
    assert isinstance(rates, list)
    return tuple(rate / PER_MILLE for rate in rates)


def entitled_rate(name: str) -> float:
    """Return one of the single rates beside the groups: `foreign_share` or `unknown`."""
    rate = load_assumptions().entitled[name]
    assert isinstance(rate, int)
    return rate / PER_MILLE


def _of_cell(cell: Cell) -> Kind:
    return Kind(
        cell=cell,
        employment_code="03" if cell.status == LAID_OFF else "02",
        service_codes=(),
        is_unemployed=True,
        days_since=_DAYS_BY_STATUS[cell.status],
        entitled=entitled_rates(_ENTITLED_BY_STATUS[cell.status]),
        ages=(),
        foreign_relative=1.0,
        has_earlier_unemployment=False,
    )


def _of_segment(segment: Segment) -> Kind:
    total = sum(segment.by_age)
    return Kind(
        cell=None,
        employment_code=segment.employment_code,
        service_codes=tuple(segment.service_codes),
        is_unemployed=False,
        days_since=_DAYS_IN_SEGMENT,
        entitled=entitled_rates(segment.entitled),
        ages=tuple(running / total for running in accumulate(segment.by_age)),
        foreign_relative=segment.foreign_relative / PER_MILLE,
        has_earlier_unemployment=segment.is_in_services,
    )
