"""Whose area an area is: its ELY centre, its case systems, and who may see its accounts."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from kuntavayla.register import Area, OrganisationKind, Register

YEARS_BACK = 2
"""A year's account is used until the end of the year behind it. Source: sources.md#quota-years."""
_LAST_DAY = date(2000, 12, 31)
_ALL = (OrganisationKind.MINISTRY, OrganisationKind.OPERATOR)


def find_area(register: Register, code: str, *, on: date) -> Area | None:
    """Return the area of the day, or None."""
    return next((area for area in register.areas(on=on) if area.code == code), None)


def ely_of(register: Register, area: Area) -> str:
    """Return the ELY centre of an area: that of most of its inhabitants.

    Source: sources.md#area-ely.
    """
    inhabitants: Counter[str] = Counter()
    for code in area.municipality_codes:
        municipality = register.municipality(code)
        assert municipality is not None, "an area holds municipalities of the register"
        inhabitants[municipality.ely_code] += municipality.population_2020
    most = max(inhabitants.items(), key=lambda each: (each[1], each[0]))
    return f"ely-{most[0]}"


def case_systems_of(register: Register, area: Area, *, on: date) -> list[str]:
    """Return the case systems that serve a municipality of the area on the day, by id."""
    memberships = (register.membership(code, on=on) for code in area.municipality_codes)
    return sorted({one.case_system_id for one in memberships if one is not None})


def recipient_of(register: Register, municipality_code: str, *, decided_by: str, on: date) -> str:
    """Return who hears of a decision: the case system that serves its municipality on the day.

    Who decided it, where nobody does.
    """
    membership = register.membership(municipality_code, on=on)
    return decided_by if membership is None else membership.case_system_id


def listeners_of(register: Register, code: str, *, on: date) -> list[str]:
    """Return who hears of an area's accounts: its ELY centre and its case systems."""
    area = area_near(register, code, on=on)
    if area is None:
        return []
    day = max(on, area.period.starts_on)
    return [ely_of(register, area), *case_systems_of(register, area, on=min(day, _last(area)))]


def area_near(register: Register, code: str, *, on: date) -> Area | None:
    """Return an area of the day or of the years around it, whose accounts may still be in use."""
    for day in (on, *_days_around(on)):
        area = find_area(register, code, on=day)
        if area is not None:
            return area
    return None


def areas_seen(
    register: Register, organisation: str, *, kind: OrganisationKind, on: date
) -> frozenset[str] | None:
    """Return the areas whose accounts an organisation sees by the day; None stands for all."""
    if kind in _ALL:
        return None
    found: set[str] = set()
    for day in {on, *_days_around(on)}:
        for area in register.areas(on=day):
            if organisation in _parties_of(register, area, kind=kind, on=day):
                found.add(area.code)
    return frozenset(found)


def _parties_of(
    register: Register, area: Area, *, kind: OrganisationKind, on: date
) -> Iterable[str]:
    if kind is OrganisationKind.ELY:
        return [ely_of(register, area)]
    return case_systems_of(register, area, on=on) if kind is OrganisationKind.CASE_SYSTEM else []


def _days_around(on: date) -> list[date]:
    """Return the last days of the year and of those around it that its accounts touch."""
    years = range(on.year + 1, on.year - YEARS_BACK - 1, -1)
    return [_LAST_DAY.replace(year=year) for year in years]


def _last(area: Area) -> date:
    return area.period.last_day
