"""How close a population comes to the published figures, by group and by municipality.

Reads only the lines, as any counterpart could, and says of each row whether its figure was
published, rescaled or fitted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from math import ceil
from typing import Literal

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.expectation import (
    FINLAND,
    UNKNOWN_COUNTRIES,
    Memberships,
    born_on,
    expect,
)
from kuntavayla_sandbox.population.assumptions import load_assumptions
from kuntavayla_sandbox.population.plan import full_size
from kuntavayla_sandbox.population.statistics import (
    UUSIMAA_ELY_CODE,
    load_benchmarks,
    load_figures,
)
from kuntavayla_sandbox.population.structure import COUNTRY, MONTH, UUSIMAA, benchmark_of, month_of

Basis = Literal["published", "rescaled", "fitted", "fitted to, sanity"]
"""What a figure is.

As published; published for another month and brought to 2/2021 by us; an assumption turned to fit;
or a figure of another day towards which assumptions were turned.
"""

# Less than this is the arithmetic's, not the population's.
_ROUNDING = 1e-6
COUNTRY_NAME = "whole country"
_GROUPS = (
    "unemployed",
    "men",
    "women",
    "under_20",
    "under_25",
    "over_50",
    "over_55",
    "fully_laid_off",
    "laid_off_all",
    "long_term_unemployed",
    "foreign_citizens",
)
_UUSIMAA_GROUPS = ("unemployed", "under_25", "long_term_unemployed", "laid_off", "foreign_citizens")
# Ages by the statistic's names; "over 50" has turned 50: assumed.
_UNDER = {"under_20": 20, "under_25": 25}
_OVER = {"over_50": 50, "over_55": 55}
_UNEMPLOYED, _LAID_OFF, _SHORT_WEEK = frozenset({"02", "03"}), "03", "04"
_IN_SERVICES = frozenset({"00", "07", "08"})
# Long-term unemployed: more than a year without a break, by the statistic's definition.
_YEAR_DAYS = 365


class Marginal(Struct, frozen=True):
    """One group: the figure, what it makes at this size, and what the population has."""

    group: str
    area: str
    """"whole country", or the area that the figure is of."""
    month: str
    """Month of the figure; brought to 2/2021 where it is another one."""
    basis: Basis
    figure: int | None
    """At full size; None where nothing was published and only the synthetic number is shown."""
    scaled: int | None
    synthetic: int

    @property
    def difference_per_cent(self) -> float | None:
        """Synthetic against scaled, in per cent."""
        if not self.scaled:
            return None
        return round(100 * (self.synthetic - self.scaled) / self.scaled, 2)


class Marginals(Struct, frozen=True):
    """The whole comparison."""

    registrations: int
    rows: tuple[Marginal, ...]
    municipalities: int
    municipality_difference_max: int
    """Largest difference of one municipality's unemployed from its real count at this size.

    Persons whose home municipality is hidden by a security ban are in no municipality's count.
    """


class _Person(Struct):
    identity_code: str
    home_municipality_code: str | None = None
    citizenship_codes: tuple[str, ...] = ()


class _Situation(Struct):
    employment_code: str
    unemployed_since_on: date | None = None
    service_code: str | None = None
    earnings_related_entitlement: str = "unknown"


class _Line(Struct):
    person: _Person
    situation: _Situation
    effective_on: date


_DECODER = msgspec.json.Decoder(_Line)


def marginals_of(lines: Iterable[bytes], *, memberships: Memberships | None = None) -> Marginals:
    """Count the lines and compare them with the benchmarks.

    With memberships it also counts whom the law moves, which takes twice as long.
    """
    counts: Counter[str] = Counter()
    unemployed: Counter[str | None] = Counter()
    registrations = 0
    for line in lines:
        registrations += 1
        registration = _DECODER.decode(line)
        counts.update(_groups_of(registration))
        is_unemployed = registration.situation.employment_code in _UNEMPLOYED
        unemployed[registration.person.home_municipality_code] += is_unemployed
        if memberships and expect(line, memberships=memberships).outcome == "municipality":
            counts["clients_moved"] += 1
            counts["unemployed_moved"] += is_unemployed
    rows = [*_published(), *_uusimaa(), *_fitted()]
    if memberships:
        rows += _moved()
    return Marginals(
        registrations=registrations,
        rows=tuple(_counted(row, counts=counts, registrations=registrations) for row in rows),
        municipalities=len(load_figures()),
        municipality_difference_max=_difference_max(unemployed, registrations=registrations),
    )


def _groups_of(registration: _Line) -> Iterator[str]:
    """Yield the names of the groups that count the person."""
    situation = registration.situation
    code = situation.employment_code
    if code in _UNEMPLOYED:
        groups = [*_unemployed_groups(registration)]
        yield from groups
        if registration.person.home_municipality_code in _uusimaa_codes():
            yield from (f"{UUSIMAA}:{group}" for group in groups)
    elif code == _SHORT_WEEK:
        yield "laid_off_all"
    elif code in _IN_SERVICES and situation.service_code:
        yield "in_services"
        if situation.earnings_related_entitlement == "not_entitled":
            yield "in_services_not_entitled"


def _unemployed_groups(registration: _Line) -> Iterator[str]:
    situation, person, on = registration.situation, registration.person, registration.effective_on
    yield "unemployed"
    yield "men" if int(person.identity_code[7:10]) % 2 else "women"
    yield from _age_groups(born_on(person.identity_code), on=on)
    if situation.employment_code == _LAID_OFF:
        yield from ("fully_laid_off", "laid_off", "laid_off_all")
    elif _days_since(situation, on=on) > _YEAR_DAYS:
        yield "long_term_unemployed"
    if FINLAND not in person.citizenship_codes and not UNKNOWN_COUNTRIES.issuperset(
        person.citizenship_codes
    ):
        yield "foreign_citizens"
    if situation.earnings_related_entitlement == "not_entitled":
        yield "unemployed_not_entitled"


def _days_since(situation: _Situation, *, on: date) -> int:
    since = situation.unemployed_since_on
    return (on - since).days if since else 0


def _age_groups(born: date, *, on: date) -> Iterator[str]:
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    yield from (group for group, limit in _UNDER.items() if age < limit)
    yield from (group for group, limit in _OVER.items() if age >= limit)


@cache
def _uusimaa_codes() -> frozenset[str]:
    return frozenset(row.code for row in load_figures() if row.ely_code == UUSIMAA_ELY_CODE)


def _row(
    group: str,
    *,
    area: str = COUNTRY_NAME,
    month: str = MONTH,
    basis: Basis = "published",
    figure: int | None = None,
) -> Marginal:
    return Marginal(
        group=group, area=area, month=month, basis=basis, figure=figure, scaled=None, synthetic=0
    )


def _published() -> Iterator[Marginal]:
    for group in _GROUPS:
        month, figure = month_of(group), benchmark_of(group)
        is_as_published = figure == load_benchmarks()[COUNTRY, month, group]
        yield _row(
            group, month=month, basis="published" if is_as_published else "rescaled", figure=figure
        )


def _uusimaa() -> Iterator[Marginal]:
    for group in _UUSIMAA_GROUPS:
        yield _row(group, area=UUSIMAA, figure=load_benchmarks()[UUSIMAA, MONTH, group])


def _fitted() -> Iterator[Marginal]:
    yield _row("in_services", basis="fitted", figure=load_assumptions().in_services)
    yield _row("unemployed_not_entitled", basis="fitted")
    yield _row("in_services_not_entitled", basis="fitted")


def _moved() -> Iterator[Marginal]:
    targets = load_assumptions().targets
    yield _row("clients_moved", basis="fitted", figure=targets.clients_moved)
    yield _row(
        "unemployed_moved",
        month="2021-03",
        basis="fitted to, sanity",
        figure=targets.unemployed_moved,
    )


def _counted(row: Marginal, *, counts: Counter[str], registrations: int) -> Marginal:
    key = row.group if row.area == COUNTRY_NAME else f"{row.area}:{row.group}"
    scaled = None if row.figure is None else round(row.figure * registrations / full_size())
    return msgspec.structs.replace(row, scaled=scaled, synthetic=counts[key])


def _difference_max(unemployed: Counter[str | None], *, registrations: int) -> int:
    share = registrations / full_size()
    return max(
        ceil(abs(unemployed[row.code] - row.unemployed * share) - _ROUNDING)
        for row in load_figures()
    )
