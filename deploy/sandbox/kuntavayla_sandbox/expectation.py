"""A second opinion on where the law puts each person of a population file.

Written from the rules of domain.md, section 2, for first entries on a day of the pilots or from
2025. Nothing here knows the services, their rules or their register: it reads the lines and the
sandbox's own CSV files, so that a mistake of the services shows.
"""

import csv
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from importlib.resources import files
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

Outcome = Literal["municipality", "te_office", "review"]

PILOTS_FROM_ON = date(2021, 3, 1)
EMPLOYMENT_AREAS_FROM_ON = date(2025, 1, 1)
FINLAND = "246"
DOMESTIC_LANGUAGES = frozenset({"fi", "sv", "se", "smn", "sms"})
UNKNOWN_LANGUAGES = frozenset({"zz", "yy"})
UNKNOWN_COUNTRIES = frozenset({"999", "000", "zzz"})
SITUATIONS_INSIDE = frozenset({"00", "02", "03", "07"})
SHORT_WEEK, IN_EDUCATION = "04", "08"
EDUCATION_SERVICES = frozenset({"0", "1", "06"})
ADULT_YEARS = 30
# Joined to Mikkeli at the turn of the year: assumed (domain.md, section 1).
LAST_DAYS = {"588": date(2024, 12, 31)}
# Municipalities with a case system of their own or of their neighbours; every other one uses its
# area's (domain.md, section 1).
CASE_SYSTEMS = {
    "205": "cs-kajaani",
    "765": "cs-sotkamo",
    "290": "cs-kuhmo",
    "777": "cs-suomussalmi",
    "578": "cs-paltamo",
    "105": "cs-paltamo",
    "697": "cs-paltamo",
    "837": "cs-tampere",
    "564": "cs-oulu",
}
CASE_SYSTEMS_BY_AREA = {"pirkanmaa": "cs-pirkanmaa", "oulu": "cs-oulun-seutu"}
_HELSINKI = ZoneInfo("Europe/Helsinki")
_CENTURIES = {"+": 1800, **dict.fromkeys("-YXWVU", 1900), **dict.fromkeys("ABCDEF", 2000)}


class Confirmation(Enum):
    """How the unconfirmed rows of the register are taken."""

    ALL = "all"
    """As the sandbox starts: every row confirmed."""
    AS_PUBLISHED = "as_published"
    """As the data are published: unconfirmed rows wait in review."""


class Expected(NamedTuple):
    """Where the law puts one registration."""

    registration_id: str
    outcome: Outcome
    decided_by: str
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    is_restricted: bool


class _Place(NamedTuple):
    municipality_code: str
    area_code: str
    case_system_id: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Memberships:
    """Which municipality belongs to which area, in the pilots and from 2025."""

    pilots: dict[str, _Place]
    employment_areas: dict[str, _Place]
    finnish_only: frozenset[str]


class _Source(Struct, frozen=True):
    registration_id: str


class _Person(Struct, frozen=True):
    identity_code: str
    home_municipality_basis: str
    home_municipality_code: str | None = None
    citizenship_codes: tuple[str, ...] = ()
    mother_tongue_code: str = "zz"
    has_security_ban: bool = False


class _Situation(Struct, frozen=True):
    employment_code: str
    service_code: str | None = None
    earnings_related_entitlement: str = "unknown"
    wants_service_in_swedish: str = "unknown"


class _Line(Struct, frozen=True):
    source: _Source
    person: _Person
    situation: _Situation
    registered_at: datetime
    effective_on: date | None = None


class _Verdict(NamedTuple):
    outcome: Outcome
    decided_by: str
    place: _Place | None = None


_DECODER = msgspec.json.Decoder(_Line)


def load_memberships(*, confirmed: Confirmation) -> Memberships:
    """Return the areas of the sandbox's own CSV files."""
    return Memberships(
        pilots={
            row["municipality_code"]: _Place(
                municipality_code=row["municipality_code"],
                area_code=row["area_code"],
                case_system_id=_case_system(row),
                is_confirmed=confirmed is Confirmation.ALL or row["status"] != "unconfirmed",
            )
            for row in _rows("area_members")
        },
        employment_areas={
            row["municipality_code"]: _Place(
                municipality_code=row["municipality_code"],
                area_code=row["area_code"],
                case_system_id=f"cs-{row['area_code']}",
                is_confirmed=True,
            )
            for row in _rows("employment_area_members")
        },
        finnish_only=frozenset(
            row["code"] for row in _rows("municipalities") if row["language_status"] == "0"
        ),
    )


def expect(line: bytes, *, memberships: Memberships) -> Expected:
    """Return where the law puts the person of the line, as a first entry."""
    registration = _DECODER.decode(line)
    person = registration.person
    on = registration.effective_on or registration.registered_at.astimezone(_HELSINKI).date()
    verdict = _judge(registration, on=on, memberships=memberships)
    place = verdict.place
    return Expected(
        registration_id=registration.source.registration_id,
        outcome=verdict.outcome,
        decided_by=verdict.decided_by,
        municipality_code=place.municipality_code if place else None,
        area_code=place.area_code if place else None,
        case_system_id=place.case_system_id if place else None,
        is_restricted=person.has_security_ban or person.home_municipality_basis == "protected",
    )


def born_on(identity_code: str) -> date:
    """Return the birth day of a valid identity code."""
    century = _CENTURIES[identity_code[6]]
    return date(century + int(identity_code[4:6]), int(identity_code[2:4]), int(identity_code[:2]))


def _judge(registration: _Line, *, on: date, memberships: Memberships) -> _Verdict:
    person = registration.person
    if on < PILOTS_FROM_ON:
        return _Verdict("te_office", "R1")
    if person.home_municipality_basis == "protected":
        return _Verdict("review", "R3c")
    home = person.home_municipality_code
    if on >= EMPLOYMENT_AREAS_FROM_ON:
        return _of_employment_areas(home, on=on, memberships=memberships)
    place = memberships.pilots.get(home or "")
    if place is None:
        return _Verdict("te_office", "R3")
    outside = _outside(registration.situation)
    return outside or _of_pilot(registration, on=on, place=place, memberships=memberships)


def _of_employment_areas(home: str | None, *, on: date, memberships: Memberships) -> _Verdict:
    """R3, R2 and R3b from 2025: the area of the home municipality, whoever the person is."""
    place = memberships.employment_areas.get(home or "")
    if place is not None:
        return _Verdict("municipality", "R2", place)
    if home in LAST_DAYS and on > LAST_DAYS[home]:
        return _Verdict("review", "R3b")
    return _Verdict("te_office", "R3")


def _outside(situation: _Situation) -> _Verdict | None:
    """R6 and R6b: the situation decides before the person does."""
    code = situation.employment_code
    if code in SITUATIONS_INSIDE:
        return None
    if code == SHORT_WEEK:
        return _Verdict("review", "R6b")
    if code == IN_EDUCATION:
        is_service = situation.service_code in EDUCATION_SERVICES
        return None if is_service else _Verdict("te_office", "R6b")
    return _Verdict("te_office", "R6")


def _of_pilot(
    registration: _Line, *, on: date, place: _Place, memberships: Memberships
) -> _Verdict:
    """R3b, X2, R7a-R7d, R8 and R9: the target groups of the pilots."""
    person, situation = registration.person, registration.situation
    if not place.is_confirmed:
        return _Verdict("review", "R3b")
    is_finnish_only = place.municipality_code in memberships.finnish_only
    if situation.wants_service_in_swedish == "yes" and is_finnish_only:
        return _Verdict("te_office", "X2")
    known = [code for code in person.citizenship_codes if code not in UNKNOWN_COUNTRIES]
    tongue = person.mother_tongue_code
    grounds = (
        ("R7a", situation.earnings_related_entitlement == "not_entitled"),
        ("R7b", _is_under_30(born_on(person.identity_code), on=on)),
        ("R7c", bool(known) and FINLAND not in known),
        ("R7d", tongue not in DOMESTIC_LANGUAGES and tongue not in UNKNOWN_LANGUAGES),
    )
    for rule, is_held in grounds:
        if is_held:
            return _Verdict("municipality", rule, place)
    is_open = (
        situation.earnings_related_entitlement == "unknown"
        or not known
        or tongue in UNKNOWN_LANGUAGES
    )
    return _Verdict("review", "R8") if is_open else _Verdict("te_office", "R9")


def _is_under_30(born: date, *, on: date) -> bool:
    """R7b: up to the day before the birthday; who is born on 29 February has it on 1 March."""
    return (on.year - ADULT_YEARS, on.month, on.day) < (born.year, born.month, born.day)


def _case_system(row: dict[str, str]) -> str:
    area = row["area_code"]
    by_area = CASE_SYSTEMS_BY_AREA.get(area, f"cs-{area}")
    return CASE_SYSTEMS.get(row["municipality_code"], by_area)


def _rows(name: str) -> list[dict[str, str]]:
    source = files("kuntavayla_sandbox").joinpath(f"data/{name}.csv")
    return list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
