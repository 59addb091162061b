from datetime import date

import pytest

from kuntavayla.register import OrganisationKind, load_register
from quota_ledger.rules.areas import areas_seen, ely_of, find_area, listeners_of

REGISTER = load_register()
IN_PILOT = date(2021, 8, 24)


def test_every_area_has_an_ely_centre_that_is_an_organisation() -> None:
    for day in (IN_PILOT, date(2025, 3, 1)):
        for area in REGISTER.areas(on=day):
            centre = REGISTER.organisation(ely_of(REGISTER, area))

            assert centre is not None, area.code
            assert centre.kind is OrganisationKind.ELY


def test_an_area_in_two_ely_areas_goes_by_most_of_its_inhabitants() -> None:
    # Employment area 10 is Kainuu with Kuusamo and Taivalkoski of North Ostrobothnia.
    area = find_area(REGISTER, "ta10", on=date(2025, 3, 1))
    assert area is not None

    municipalities = [REGISTER.municipality(code) for code in area.municipality_codes]

    assert {one.ely_code for one in municipalities if one} == {"13", "14"}
    assert ely_of(REGISTER, area) == "ely-14"


@pytest.mark.parametrize(
    "day",
    [date(2021, 1, 11), IN_PILOT, date(2024, 12, 31), date(2025, 1, 1), date(2026, 12, 31)],
    ids=["before the pilots", "in them", "their last day", "behind them", "at the lapse of 2025"],
)
def test_who_hears_of_an_account_is_known_as_long_as_it_is_in_use(day: date) -> None:
    heard = listeners_of(REGISTER, "kainuu", on=day)

    seen = areas_seen(REGISTER, "ely-14", kind=OrganisationKind.ELY, on=day)
    assert heard[0] == "ely-14"
    assert {"cs-sotkamo", "cs-kajaani", "cs-paltamo"} <= set(heard)
    assert seen is not None
    assert "kainuu" in seen


def test_an_area_that_there_never_was_is_nobodys() -> None:
    assert listeners_of(REGISTER, "atlantis", on=IN_PILOT) == []
    assert find_area(REGISTER, "atlantis", on=IN_PILOT) is None


@pytest.mark.parametrize(
    ("organisation", "kind", "areas"),
    [
        ("ely-14", OrganisationKind.ELY, frozenset({"kainuu"})),
        ("cs-helsinki", OrganisationKind.CASE_SYSTEM, frozenset({"helsinki"})),
        ("te-kainuu", OrganisationKind.TE_OFFICE, frozenset()),
    ],
)
def test_each_sees_its_own_areas(
    organisation: str, kind: OrganisationKind, areas: frozenset[str]
) -> None:
    assert areas_seen(REGISTER, organisation, kind=kind, on=IN_PILOT) == areas
