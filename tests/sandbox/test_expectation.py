import ast
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kuntavayla_sandbox import expectation
from kuntavayla_sandbox.expectation import (
    Confirmation,
    Expected,
    Memberships,
    born_on,
    expect,
    load_memberships,
)

CONFIRMED = load_memberships(confirmed=Confirmation.ALL)
AS_PUBLISHED = load_memberships(confirmed=Confirmation.AS_PUBLISHED)


Facts = dict[str, Any]


def a_line(on: str = "2021-04-15", **facts: object) -> bytes:
    """An ordinary laid-off or unemployed Finn of Sotkamo, born 1980, entitled; facts change it."""
    person: Facts = {
        "identity_code": "240580-9264",
        "home_municipality_code": "765",
        "home_municipality_basis": "population_register",
        "citizenship_codes": ["246"],
        "mother_tongue_code": "fi",
        "has_security_ban": False,
    }
    situation: Facts = {
        "employment_code": "02",
        "earnings_related_entitlement": "entitled",
        "wants_service_in_swedish": "no",
    }
    for name, value in facts.items():
        assert name in {**person, **situation, "service_code": None}
        (person if name in person else situation)[name] = value
    return msgspec.json.encode(
        {
            "source": {"system": "ura", "registration_id": "R-1"},
            "registered_at": f"{on}T08:00:00+02:00",
            "effective_on": on,
            "te_office_code": "te-kainuu",
            "person": person,
            "situation": situation,
        }
    )


def judged(line: bytes, *, memberships: Memberships = CONFIRMED) -> tuple[str, str]:
    expected = expect(line, memberships=memberships)
    return expected.outcome, expected.decided_by


NOT_ENTITLED = {"earnings_related_entitlement": "not_entitled"}
UNKNOWN = {"earnings_related_entitlement": "unknown"}
CASES: list[tuple[str, Facts, tuple[str, str]]] = [
    ("2021-02-28", NOT_ENTITLED, ("te_office", "R1")),
    ("2021-03-01", NOT_ENTITLED, ("municipality", "R7a")),
    ("2021-04-15", {}, ("te_office", "R9")),
    (
        "2021-04-15",
        {"home_municipality_code": None, "home_municipality_basis": "none"},
        ("te_office", "R3"),
    ),
    ("2021-04-15", {**NOT_ENTITLED, "home_municipality_code": "198"}, ("te_office", "R3")),
    ("2021-04-15", {**NOT_ENTITLED, "home_municipality_code": "291"}, ("te_office", "R3")),
    ("2021-04-15", {**NOT_ENTITLED, "home_municipality_code": "478"}, ("te_office", "R3")),
    (
        "2021-04-15",
        {**NOT_ENTITLED, "home_municipality_code": None, "home_municipality_basis": "protected"},
        ("review", "R3c"),
    ),
    ("2021-02-28", {"home_municipality_basis": "protected"}, ("te_office", "R1")),
    ("2025-01-01", {"home_municipality_basis": "protected"}, ("review", "R3c")),
    ("2021-04-15", {"employment_code": "01", "identity_code": "010100A930Y"}, ("te_office", "R6")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "05"}, ("te_office", "R6")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "09"}, ("te_office", "R6")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "00"}, ("municipality", "R7a")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "03"}, ("municipality", "R7a")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "07"}, ("municipality", "R7a")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "04"}, ("review", "R6b")),
    ("2021-04-15", {**NOT_ENTITLED, "employment_code": "08"}, ("te_office", "R6b")),
    (
        "2021-04-15",
        {**NOT_ENTITLED, "employment_code": "08", "service_code": "60"},
        ("te_office", "R6b"),
    ),
    (
        "2021-04-15",
        {**NOT_ENTITLED, "employment_code": "08", "service_code": "0"},
        ("municipality", "R7a"),
    ),
    (
        "2021-04-15",
        {**NOT_ENTITLED, "employment_code": "08", "service_code": "06"},
        ("municipality", "R7a"),
    ),
    ("2021-04-15", {**NOT_ENTITLED, "wants_service_in_swedish": "yes"}, ("te_office", "X2")),
    (
        "2021-04-15",
        {**NOT_ENTITLED, "wants_service_in_swedish": "yes", "home_municipality_code": "091"},
        ("municipality", "R7a"),
    ),
    ("2021-03-01", {"identity_code": "020391-9311"}, ("municipality", "R7b")),
    ("2021-03-01", {"identity_code": "010391-9311"}, ("te_office", "R9")),
    ("2022-02-28", {"identity_code": "290292-9311"}, ("municipality", "R7b")),
    ("2022-03-01", {"identity_code": "290292-9311"}, ("te_office", "R9")),
    (
        "2021-04-15",
        {"citizenship_codes": ["752"], "mother_tongue_code": "sv"},
        ("municipality", "R7c"),
    ),
    ("2021-04-15", {"citizenship_codes": ["246", "643"]}, ("te_office", "R9")),
    ("2021-04-15", {"citizenship_codes": ["752", "999"]}, ("municipality", "R7c")),
    ("2021-04-15", {"citizenship_codes": []}, ("review", "R8")),
    ("2021-04-15", {"citizenship_codes": ["999"]}, ("review", "R8")),
    ("2021-04-15", {"mother_tongue_code": "ru"}, ("municipality", "R7d")),
    ("2021-04-15", {"mother_tongue_code": "sms"}, ("te_office", "R9")),
    ("2021-04-15", {"mother_tongue_code": "zz"}, ("review", "R8")),
    ("2021-04-15", UNKNOWN, ("review", "R8")),
    ("2021-04-15", {**UNKNOWN, "identity_code": "080896-9311"}, ("municipality", "R7b")),
    ("2024-12-31", NOT_ENTITLED, ("municipality", "R7a")),
    ("2025-01-01", {"employment_code": "01"}, ("municipality", "R2")),
    ("2025-01-01", {"home_municipality_code": "588"}, ("review", "R3b")),
    ("2025-01-01", {"home_municipality_code": "478"}, ("te_office", "R3")),
    ("2025-01-01", {"home_municipality_code": "200"}, ("te_office", "R3")),
]


@pytest.mark.parametrize(("on", "facts", "outcome"), CASES)
def test_the_law_puts_each_boundary_case(on: str, facts: Facts, outcome: tuple[str, str]) -> None:
    assert judged(a_line(on, **facts)) == outcome


def test_people_of_an_unconfirmed_municipality_wait_only_as_published() -> None:
    line = a_line(**NOT_ENTITLED, home_municipality_code="297")

    assert judged(line, memberships=AS_PUBLISHED) == ("review", "R3b")
    assert judged(line) == ("municipality", "R7a")


def test_an_unconfirmed_row_burdens_nobody_whose_situation_decides() -> None:
    line = a_line(home_municipality_code="297", employment_code="01")

    assert judged(line, memberships=AS_PUBLISHED) == ("te_office", "R6")


@pytest.mark.parametrize(
    ("municipality", "area", "case_system"),
    [
        ("765", "kainuu", "cs-sotkamo"),
        ("697", "kainuu", "cs-paltamo"),
        ("837", "pirkanmaa", "cs-tampere"),
        ("536", "pirkanmaa", "cs-pirkanmaa"),
        ("564", "oulu", "cs-oulu"),
        ("091", "helsinki", "cs-helsinki"),
    ],
)
def test_the_case_system_follows_the_municipality(
    municipality: str, area: str, case_system: str
) -> None:
    expected = expect(
        a_line(**NOT_ENTITLED, home_municipality_code=municipality), memberships=CONFIRMED
    )

    assert expected == Expected(
        registration_id="R-1",
        outcome="municipality",
        decided_by="R7a",
        municipality_code=municipality,
        area_code=area,
        case_system_id=case_system,
        is_restricted=False,
    )


def test_there_are_31_case_systems_of_25_areas_and_118_municipalities() -> None:
    places = CONFIRMED.pilots.values()

    assert len(places) == 118
    assert len({place.area_code for place in places}) == 25
    assert len({place.case_system_id for place in places}) == 31
    assert sum(not place.is_confirmed for place in AS_PUBLISHED.pilots.values()) == 14
    assert len(CONFIRMED.employment_areas) == 292
    assert len({place.area_code for place in CONFIRMED.employment_areas.values()}) == 45


def test_a_client_with_a_security_ban_is_restricted_wherever_the_law_puts_them() -> None:
    line = a_line(**NOT_ENTITLED, has_security_ban=True)

    assert expect(line, memberships=CONFIRMED).is_restricted
    assert judged(line) == ("municipality", "R7a")


def test_without_an_effective_day_the_helsinki_day_of_registering_counts() -> None:
    line = msgspec.json.decode(a_line(**NOT_ENTITLED))
    del line["effective_on"]
    line["registered_at"] = "2021-02-28T22:30:00Z"

    assert judged(msgspec.json.encode(line)) == ("municipality", "R7a")


@pytest.mark.parametrize(
    ("code", "born"),
    [
        ("010100+9Y2A", date(1800, 1, 1)),
        ("240580-9264", date(1980, 5, 24)),
        ("240580U9264", date(1980, 5, 24)),
        ("010100A930Y", date(2000, 1, 1)),
        ("010100F930Y", date(2000, 1, 1)),
    ],
)
def test_the_century_sign_gives_the_birth_year(code: str, born: date) -> None:
    assert born_on(code) == born


def test_the_judge_knows_nothing_of_what_it_judges() -> None:
    tree = ast.parse(Path(expectation.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }

    assert not imported & {"routing_api", "kuntavayla", "kuntavayla_sandbox"}
