"""The register as it is published: what it knows on which day."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.register import OrganisationKind, Register, load_register

REGISTER = load_register()
FIRST_DAY, LAST_DAY = date(2021, 3, 1), date(2024, 12, 31)
AREAS_DAY = date(2025, 1, 1)
DAYS = st.dates(date(2020, 1, 1), date(2027, 12, 31))
CODES = st.sampled_from([entry.code for entry in REGISTER.municipalities(on=FIRST_DAY)])


def members(register: Register, *, on: date) -> list[str]:
    return [code for area in register.areas(on=on) for code in area.municipality_codes]


@pytest.mark.parametrize(
    ("on", "counts"),
    [
        pytest.param(date(2021, 2, 28), (309, 0, 0, 0, 15), id="the day before the pilots"),
        pytest.param(FIRST_DAY, (309, 25, 118, 31, 15), id="the pilots' first day"),
        pytest.param(LAST_DAY, (309, 25, 118, 31, 15), id="the pilots' last day"),
        pytest.param(AREAS_DAY, (308, 45, 292, 45, 0), id="the employment areas' first day"),
        pytest.param(date(2035, 1, 1), (308, 45, 292, 45, 0), id="a day far ahead"),
    ],
)
def test_the_register_counts_what_the_law_set_up(
    on: date, counts: tuple[int, int, int, int, int]
) -> None:
    counted = (
        len(REGISTER.municipalities(on=on)),
        len(REGISTER.areas(on=on)),
        len(members(REGISTER, on=on)),
        len(REGISTER.case_systems(on=on)),
        len(REGISTER.te_offices(on=on)),
    )

    assert counted == counts


def test_the_population_of_the_municipalities_is_the_published_one() -> None:
    total = sum(entry.population_2020 for entry in REGISTER.municipalities(on=FIRST_DAY))

    assert total == 5_533_793


@pytest.mark.parametrize("code", ["999", "198", "200", ""])
def test_a_code_that_is_no_municipality_is_unknown_on_every_day(code: str) -> None:
    answers = (
        REGISTER.municipality(code),
        REGISTER.membership(code, on=FIRST_DAY),
        REGISTER.te_office_of(code, on=FIRST_DAY),
    )

    assert answers == (None, None, None)


@pytest.mark.parametrize(
    ("on", "area_code", "case_system_id"),
    [
        pytest.param(date(2021, 2, 28), None, None, id="before"),
        pytest.param(FIRST_DAY, "kainuu", "cs-sotkamo", id="first day"),
        pytest.param(LAST_DAY, "kainuu", "cs-sotkamo", id="last day"),
        pytest.param(AREAS_DAY, "ta10", "cs-ta10", id="employment area"),
    ],
)
def test_sotkamo_belongs_to_its_pilot_and_then_to_its_employment_area(
    on: date, area_code: str | None, case_system_id: str | None
) -> None:
    membership = REGISTER.membership("765", on=on)

    told = membership and (membership.area_code, membership.case_system_id)
    assert told == (area_code and (area_code, case_system_id))


@pytest.mark.parametrize(
    ("municipality_code", "case_system_id"),
    [
        ("205", "cs-kajaani"),
        ("765", "cs-sotkamo"),
        ("290", "cs-kuhmo"),
        ("777", "cs-suomussalmi"),
        ("578", "cs-paltamo"),
        ("105", "cs-paltamo"),
        ("697", "cs-paltamo"),
        ("837", "cs-tampere"),
        ("020", "cs-pirkanmaa"),
        ("564", "cs-oulu"),
        ("072", "cs-oulun-seutu"),
        ("091", "cs-helsinki"),
        ("092", "cs-vantaa-kerava"),
    ],
)
def test_each_municipality_of_a_pilot_has_its_case_system(
    municipality_code: str, case_system_id: str
) -> None:
    membership = REGISTER.membership(municipality_code, on=FIRST_DAY)

    assert membership is not None
    assert membership.case_system_id == case_system_id


def test_fourteen_municipalities_of_three_areas_are_unconfirmed_until_the_pilots_end() -> None:
    unconfirmed = REGISTER.unconfirmed(on=FIRST_DAY)

    counted = Counter(membership.area_code for membership in unconfirmed)
    assert counted == {"joensuu": 6, "kuopio": 1, "yla-savo": 7}
    assert unconfirmed == REGISTER.unconfirmed(on=LAST_DAY)
    assert REGISTER.unconfirmed(on=AREAS_DAY) == ()


def test_pertunmaa_ends_with_2024_and_stays_known() -> None:
    pertunmaa = REGISTER.municipality("588")

    assert pertunmaa is not None
    assert (pertunmaa.period.ends_on, pertunmaa.successor_code) == (LAST_DAY, "491")
    assert REGISTER.membership("588", on=AREAS_DAY) is None


@pytest.mark.parametrize(
    ("municipality_code", "on", "te_office_code"),
    [
        pytest.param("765", date(2021, 1, 29), "te-kainuu", id="before the pilots"),
        pytest.param("291", FIRST_DAY, "te-pirkanmaa", id="Kuhmoinen, outside every area"),
        pytest.param("091", LAST_DAY, "te-uusimaa", id="last day"),
        pytest.param("765", AREAS_DAY, None, id="from 2025"),
        pytest.param("478", FIRST_DAY, None, id="Mariehamn, Åland"),
    ],
)
def test_the_te_office_is_the_one_of_the_municipalitys_ely_area(
    municipality_code: str, on: date, te_office_code: str | None
) -> None:
    assert REGISTER.te_office_of(municipality_code, on=on) == te_office_code


@pytest.mark.parametrize(
    ("code", "offices"),
    [
        pytest.param("te-kainuu", (True, True, False), id="a TE office, until 2024"),
        pytest.param("ta10", (False, False, True), id="an employment area, from 2025"),
        pytest.param("kainuu", (False, False, False), id="a pilot area, never"),
        pytest.param("te-national", (False, False, False), id="the national sender, never"),
        pytest.param("cs-sotkamo", (False, False, False), id="a case system, never"),
    ],
)
def test_an_office_is_a_te_office_or_from_2025_an_employment_area(
    code: str, offices: tuple[bool, bool, bool]
) -> None:
    days = (date(2021, 2, 28), LAST_DAY, AREAS_DAY)

    assert tuple(REGISTER.is_office(code, on=day) for day in days) == offices


def test_every_case_system_and_te_office_has_a_contact_point() -> None:
    sotkamo = REGISTER.case_system("cs-sotkamo")
    systems = REGISTER.case_systems(on=FIRST_DAY) + REGISTER.case_systems(on=AREAS_DAY)
    points = [system.contact_point for system in systems]
    points += [office.contact_point for office in REGISTER.te_offices(on=FIRST_DAY)]

    assert sotkamo is not None
    assert sotkamo.contact_point == "sotkamo-tyollisyyspalvelut"
    assert all(points)


def test_a_case_system_serves_its_own_municipalities_in_their_time() -> None:
    paltamo = REGISTER.case_system("cs-paltamo")

    assert paltamo is not None
    assert paltamo.municipality_codes(on=FIRST_DAY) == ("105", "578", "697")
    assert paltamo.municipality_codes(on=AREAS_DAY) == ()
    assert not paltamo.serves("765", on=FIRST_DAY)
    assert REGISTER.case_system("cs-nowhere") is None


def test_organisations_are_offices_case_systems_and_the_authorities_around_them() -> None:
    counted = Counter(entry.kind for entry in REGISTER.organisations())

    assert counted == {
        OrganisationKind.TE_OFFICE: 15 + 45,
        OrganisationKind.TE_NATIONAL: 1,
        OrganisationKind.CASE_SYSTEM: 31 + 45,
        OrganisationKind.ELY: 15,
        OrganisationKind.KEHA: 1,
        OrganisationKind.MINISTRY: 1,
        OrganisationKind.OPERATOR: 1,
        OrganisationKind.AUDITOR: 1,
        OrganisationKind.SERVICE: 2,
    }


@pytest.mark.parametrize(
    ("organisation_id", "kind"),
    [
        ("te-kainuu", OrganisationKind.TE_OFFICE),
        ("ta10", OrganisationKind.TE_OFFICE),
        ("te-national", OrganisationKind.TE_NATIONAL),
        ("cs-sotkamo", OrganisationKind.CASE_SYSTEM),
        ("ely-14", OrganisationKind.ELY),
        ("keha", OrganisationKind.KEHA),
        ("operator", OrganisationKind.OPERATOR),
        ("auditor", OrganisationKind.AUDITOR),
        ("nobody", None),
    ],
)
def test_an_organisation_is_known_by_its_id(
    organisation_id: str, kind: OrganisationKind | None
) -> None:
    organisation = REGISTER.organisation(organisation_id)

    assert (organisation and organisation.kind) == kind


@given(DAYS)
def test_lists_are_sorted_by_code(on: date) -> None:
    lists = (
        [entry.code for entry in REGISTER.municipalities(on=on)],
        [entry.code for entry in REGISTER.areas(on=on)],
        [entry.case_system_id for entry in REGISTER.case_systems(on=on)],
        [entry.code for entry in REGISTER.te_offices(on=on)],
        [entry.municipality_code for entry in REGISTER.unconfirmed(on=on)],
        [entry.organisation_id for entry in REGISTER.organisations()],
    )

    assert all(codes == sorted(set(codes)) for codes in lists)


@given(CODES, DAYS)
def test_a_membership_and_the_lists_of_the_day_say_the_same(code: str, on: date) -> None:
    membership = REGISTER.membership(code, on=on)

    areas = [area.code for area in REGISTER.areas(on=on) if code in area.municipality_codes]
    systems = [
        entry.case_system_id for entry in REGISTER.case_systems(on=on) if entry.serves(code, on=on)
    ]
    assert areas == ([membership.area_code] if membership else [])
    assert systems == ([membership.case_system_id] if membership else [])


@given(CODES, DAYS)
def test_a_membership_holds_on_each_day_of_its_period_and_on_none_around_it(
    code: str, on: date
) -> None:
    membership = REGISTER.membership(code, on=on)
    if membership is None:
        return

    period = membership.period
    day_before = REGISTER.membership(code, on=period.starts_on - timedelta(days=1))
    assert period.contains(on)
    assert REGISTER.membership(code, on=period.starts_on) == membership
    assert day_before != membership
