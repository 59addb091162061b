"""The register within one span of days on which nothing in it changes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from kuntavayla.register.content import Content, MembershipEntry
from kuntavayla.register.entries import Area, CaseSystem, Membership, Municipality, TeOffice
from kuntavayla.values.periods import Period


@dataclass(frozen=True, slots=True)
class Span:
    """All that holds on each day of the span: by municipality code, and in lists by code."""

    memberships: dict[str, Membership]
    te_office_by_municipality: dict[str, str]
    office_codes: frozenset[str]
    areas: tuple[Area, ...]
    municipalities: tuple[Municipality, ...]
    case_systems: tuple[CaseSystem, ...]
    te_offices: tuple[TeOffice, ...]
    unconfirmed: tuple[Membership, ...]

    @classmethod
    def of(cls, content: Content, *, on: date) -> "Span":
        """Return the span to which the day belongs."""
        memberships = _memberships(content, on=on)
        areas = _areas(content, memberships)
        te_offices = tuple(
            sorted(
                (office for office in content.te_offices if office.period.contains(on)),
                key=lambda office: office.code,
            )
        )
        return cls(
            memberships=memberships,
            te_office_by_municipality=_te_office_by_municipality(content, te_offices),
            office_codes=frozenset(
                [office.code for office in te_offices]
                + [area.code for area in areas if area.kind == "employment_area"]
            ),
            areas=areas,
            municipalities=tuple(
                sorted(
                    (entry for entry in content.municipalities if entry.period.contains(on)),
                    key=lambda entry: entry.code,
                )
            ),
            case_systems=_case_systems(content, memberships),
            te_offices=te_offices,
            unconfirmed=tuple(
                entry for entry in memberships.values() if entry.status == "unconfirmed"
            ),
        )


def span_starts(content: Content) -> tuple[date, ...]:
    """Return the first day of every span in order; the first is the calendar's own."""
    starts = {date.min}
    for period in _periods(content):
        starts.add(period.starts_on)
        if period.ends_on is not None:
            starts.add(period.ends_on + timedelta(days=1))
    return tuple(sorted(starts))


def _periods(content: Content) -> Iterator[Period]:
    for dated in (content.municipalities, content.memberships, content.te_offices):
        for entry in dated:
            yield entry.period
    for system in content.case_systems:
        for served in system.served:
            yield served.period


def _memberships(content: Content, *, on: date) -> dict[str, Membership]:
    case_system_of = {
        served.municipality_code: system.case_system_id
        for system in content.case_systems
        for served in system.served
        if served.period.contains(on)
    }
    entries = (entry for entry in content.memberships if entry.period.contains(on))
    return {
        entry.municipality_code: Membership(
            municipality_code=entry.municipality_code,
            area_code=entry.area_code,
            area_name_fi=entry.area_name_fi,
            area_name_sv=entry.area_name_sv,
            status=entry.status,
            case_system_id=case_system_of[entry.municipality_code],
            period=entry.period,
            kind=entry.kind,
        )
        for entry in sorted(entries, key=lambda entry: entry.municipality_code)
    }


def _areas(content: Content, memberships: dict[str, Membership]) -> tuple[Area, ...]:
    codes: dict[str, list[str]] = defaultdict(list)
    for membership in memberships.values():
        codes[membership.area_code].append(membership.municipality_code)
    rows: dict[str, list[MembershipEntry]] = defaultdict(list)
    for entry in content.memberships:
        rows[entry.area_code].append(entry)
    return tuple(_area(rows[code], tuple(codes[code])) for code in sorted(codes))


def _area(rows: list[MembershipEntry], municipality_codes: tuple[str, ...]) -> Area:
    last_day = max(row.period.last_day for row in rows)
    return Area(
        code=rows[0].area_code,
        name_fi=rows[0].area_name_fi,
        name_sv=rows[0].area_name_sv,
        name_en=rows[0].area_name_en,
        kind=rows[0].kind,
        period=Period(
            min(row.period.starts_on for row in rows), None if last_day == date.max else last_day
        ),
        municipality_codes=municipality_codes,
    )


def _case_systems(content: Content, memberships: dict[str, Membership]) -> tuple[CaseSystem, ...]:
    serving = {membership.case_system_id for membership in memberships.values()}
    systems = (system for system in content.case_systems if system.case_system_id in serving)
    return tuple(sorted(systems, key=lambda system: system.case_system_id))


def _te_office_by_municipality(
    content: Content, te_offices: tuple[TeOffice, ...]
) -> dict[str, str]:
    office_of_ely = {office.ely_code: office.code for office in te_offices}
    return {
        entry.code: office_of_ely[entry.ely_code]
        for entry in content.municipalities
        if entry.ely_code in office_of_ely
    }
