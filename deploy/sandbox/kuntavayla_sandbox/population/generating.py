"""Populations as streams of lines: the whole country, or only those whom the law moves."""

from collections.abc import Iterator
from datetime import date
from random import Random
from zlib import crc32

from kuntavayla_sandbox.expectation import Confirmation, expect, load_memberships
from kuntavayla_sandbox.population.persons import Lines
from kuntavayla_sandbox.population.plan import full_size, planned
from kuntavayla_sandbox.population.statistics import EMPLOYMENT_AREAS_FROM_ON, load_figures

PILOTS_FROM_ON = date(2021, 3, 1)
"""Before this day the law moves nobody. Source: Act 1269/2020."""
# Planned among the pilots' municipalities for each person to be moved: about three quarters of them
# move.
_PLANNED_PER_MOVED = 1.5


class NobodyMoves(Exception):
    """The law moves nobody on the legal date, so there are no movers to generate."""


def generate(count: int | None, *, seed: int, legal_date: date) -> Iterator[bytes]:
    """Yield registrations of the whole country as NDJSON lines without line ends.

    Without a count: the full size. The same count, seed and legal date give the
    same bytes everywhere.
    """
    size = full_size() if count is None else count
    rng = Random(f"population:{seed}:{size}:{legal_date.isoformat()}")
    lines = Lines(rng=rng, legal_date=legal_date, batch=_batch("all", seed, size, legal_date))
    for number in planned(size, rng=rng):
        yield lines.line_of(number)


def movers_only(count: int, *, seed: int, legal_date: date) -> Iterator[bytes]:
    """Yield only registrations that the law moves to a municipality.

    Every membership counts as confirmed. Raises NobodyMoves before the pilots.
    """
    if legal_date < PILOTS_FROM_ON:
        raise NobodyMoves(legal_date.isoformat())
    rng = Random(f"movers:{seed}:{count}:{legal_date.isoformat()}")
    batch = _batch("movers", seed, count, legal_date)
    lines = Lines(rng=rng, legal_date=legal_date, batch=batch)
    memberships = load_memberships(confirmed=Confirmation.ALL)
    numbers = planned(
        int(count * _PLANNED_PER_MOVED) + 100, rng=rng, among=_codes_in_areas(legal_date)
    )
    found = 0
    for number in numbers:
        if found == count:
            return
        line = lines.line_of(number)
        if expect(line, memberships=memberships).outcome == "municipality":
            found += 1
            yield line
    assert found == count, "fewer moved than the plan allows for"


def _codes_in_areas(on: date) -> frozenset[str]:
    if on < EMPLOYMENT_AREAS_FROM_ON:
        return frozenset(row.code for row in load_figures() if row.pilot_area_code)
    return frozenset(row.code for row in load_figures() if row.employment_area_code)


def _batch(*parts: object) -> str:
    """Return a short name of the population, so that ids of two populations never meet."""
    return f"{crc32(':'.join(map(str, parts)).encode()):08x}"
