"""Who is in the file before anyone has a name: so many of each kind in each municipality.

At full size each municipality has exactly its real number of unemployed. A smaller file gives each
municipality its proportional number by largest remainder; within a municipality the kinds are
rounded systematically, so that no kind is favoured. Only whole numbers leave this module.
"""

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from math import floor, fsum
from random import Random

from kuntavayla_sandbox.population.assumptions import Segment, load_assumptions
from kuntavayla_sandbox.population.statistics import Figures, load_figures
from kuntavayla_sandbox.population.structure import CELLS, group_shares, unemployed_cells


@dataclass(frozen=True, slots=True)
class Place:
    """A municipality, or one of the ways of having no home municipality in Finland."""

    code: str | None
    figures: Figures
    """Where the person registers; for a place abroad a municipality that lends its office."""
    foreign_share: float
    men_share: float

    @property
    def is_in_finland(self) -> bool:
        """Whether the place is a Finnish municipality."""
        return self.code == self.figures.code


@cache
def places() -> tuple[Place, ...]:
    """Return the municipalities by code, then the places without a home municipality in Finland."""
    figures = load_figures()
    foreign, men = (group_shares()[group] for group in ("foreign_citizens", "men"))
    biggest = max(figures, key=lambda row: row.unemployed)
    without = load_assumptions().size.unemployed_without_municipality
    return tuple(
        Place(code=row.code, figures=row, foreign_share=foreign[index], men_share=men[index])
        for index, row in enumerate(figures)
    ) + tuple(
        Place(code=_code(key), figures=biggest, foreign_share=0.3, men_share=0.6) for key in without
    )


@cache
def full_size() -> int:
    """Return the number of registrations at full size."""
    return sum(_sizes())


@cache
def kinds_per_place() -> int:
    """Return how many kinds there are: the cells of the unemployed, then the segments."""
    return CELLS + len(load_assumptions().segments)


def planned(count: int, *, rng: Random, among: Collection[str] | None = None) -> "array[int]":
    """Return one number per registration, in random order: place * kinds + kind.

    `among` leaves only the municipalities with these codes.
    """
    everywhere = range(len(places()))
    chosen = [index for index in everywhere if among is None or places()[index].code in among]
    sizes = largest_remainder(count, weights=[_sizes()[index] for index in chosen])
    plan: array[int] = array("I")
    kinds = kinds_per_place()
    for index, size in zip(chosen, sizes, strict=True):
        weights = _kind_weights()[index]
        scale = size / _sizes()[index] if _sizes()[index] else 0.0
        for kind, number in enumerate(_rounded(weights, scale=scale, start=rng.random())):
            plan.extend([index * kinds + kind] * number)
    rng.shuffle(plan)
    return plan


def largest_remainder(count: int, *, weights: Sequence[float]) -> list[int]:
    """Return whole numbers proportional to the weights that add up to the count."""
    total = fsum(weights)
    quotas = [count * weight / total for weight in weights]
    whole = [floor(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda index: (whole[index] - quotas[index], index))
    for index in order[: count - sum(whole)]:
        whole[index] += 1
    return whole


def _code(key: str) -> str | None:
    return None if key == "none" else key


@cache
def _unemployed() -> tuple[int, ...]:
    without = load_assumptions().size.unemployed_without_municipality
    return (*(row.unemployed for row in load_figures()), *without.values())


@cache
def _sizes() -> tuple[int, ...]:
    segments = load_assumptions().segments
    expected = [fsum(row) for row in zip(*map(_spread, segments), strict=True)]
    persons = sum(segment.persons for segment in segments)
    others = largest_remainder(persons, weights=expected)
    return tuple(
        unemployed + other for unemployed, other in zip(_unemployed(), others, strict=True)
    )


@cache
def _kind_weights() -> tuple[tuple[float, ...], ...]:
    """Return the expected number of each kind in each place at full size."""
    cells = [*unemployed_cells()]
    cells += [cells[-1]] * (len(places()) - len(cells))
    segments = list(zip(*map(_spread, load_assumptions().segments), strict=True))
    rows = []
    for index, unemployed in enumerate(_unemployed()):
        others = _sizes()[index] - unemployed
        factor = others / (fsum(segments[index]) or 1.0)
        rows.append(
            (
                *(share * unemployed for share in cells[index]),
                *(expected * factor for expected in segments[index]),
            )
        )
    return tuple(rows)


def _spread(segment: Segment) -> list[float]:
    """Spread a segment's persons: half by the statistic of 2026, half by the unemployed of 2021."""
    figures = load_figures()
    by_statistic = [float(row.structure.get(segment.column) or 0) for row in figures]
    by_unemployed = [float(number) for number in _unemployed()]
    whole_statistic, whole_unemployed = fsum(by_statistic), fsum(by_unemployed)
    by_statistic += [0.0] * (len(by_unemployed) - len(by_statistic))
    return [
        segment.persons * 0.5 * (one / whole_statistic + other / whole_unemployed)
        for one, other in zip(by_statistic, by_unemployed, strict=True)
    ]


def _rounded(weights: Sequence[float], *, scale: float, start: float) -> list[int]:
    """Round systematically: the running total decides, so that no sum is off by one or more.

    The unemployed come first and are a whole number at full size, which the rounding keeps.
    """
    unemployed = fsum(weights[:CELLS])
    numbers: list[int] = []
    for block, before in ((weights[:CELLS], 0.0), (weights[CELLS:], unemployed)):
        running = before * scale
        last = floor(_snapped(running) + start)
        for position, weight in enumerate(block, start=1):
            running += weight * scale
            is_last = position == len(block)
            ends = (before + fsum(block)) * scale if is_last else running
            now = floor(_snapped(ends) + start)
            numbers.append(max(now - last, 0))
            last = max(now, last)
    return numbers


def _snapped(value: float) -> float:
    """Take a running total that misses a whole number only by the last bits for that number."""
    nearest = round(value)
    return float(nearest) if abs(value - nearest) < 1e-7 else value  # noqa: PLR2004 - bits, not law
