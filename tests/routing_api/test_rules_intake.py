from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from msgspec import structs

from kuntavayla.register import load_register
from routing_api.rules.intake import Accepted, Refused, examine
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import load_rule_sets
from tests.routing_api.scenarios.cases import LIMITS, RULE_SETS, Differing, registration_of

FIRST_DAY = date(2021, 3, 1)
CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def a_registration(**facts: object) -> Registration:
    return registration_of(Differing(**facts), on=FIRST_DAY)  # type: ignore[arg-type]


def with_identity_code(text: str) -> Registration:
    good = a_registration()
    return structs.replace(good, person=structs.replace(good.person, identity_code=text))


def code_with(digits: str, sign: str, number: str) -> str:
    return f"{digits}{sign}{number}{CHECK_CHARACTERS[int(digits + number) % 31]}"


def examined(
    registration: Registration, *, today: date = FIRST_DAY, allows: bool = True
) -> Accepted | Refused:
    return examine(
        registration,
        register=load_register(),
        rule_sets=load_rule_sets(RULE_SETS),
        today=today,
        limits=structs.replace(LIMITS, is_test_code_allowed=allows),
    )


def faults(result: Accepted | Refused) -> list[tuple[str, str]]:
    assert isinstance(result, Refused)
    return [(fault.pointer, fault.code) for fault in result.faults]


def test_all_faults_are_named_at_once_and_no_value_is_echoed() -> None:
    good = a_registration(home="999", office="te-nowhere")
    person = structs.replace(good.person, identity_code="240587-921P")
    bad = structs.replace(good, person=person, effective_on=date(2021, 12, 24))

    result = examined(bad)

    assert isinstance(result, Refused)
    assert faults(result) == [
        ("/effective_on", "effective_on_too_far_ahead"),
        ("/person/identity_code", "identity_code_check_character"),
        ("/person/home_municipality_code", "municipality_code_unknown"),
        ("/te_office_code", "te_office_code_unknown"),
    ]
    messages = " ".join(fault.message for fault in result.faults)
    for value in ("240587", "999", "te-nowhere", "2021-12-24", "24.12."):
        assert value not in messages


@pytest.mark.parametrize("sign", list("-YXWVU"))
def test_every_sign_of_the_1900s_is_taken(sign: str) -> None:
    result = examined(with_identity_code(code_with("240587", sign, "921")))

    assert isinstance(result, Accepted)
    assert result.identity_code.born_on == date(1987, 5, 24)


@pytest.mark.parametrize("sign", list("ABCDEF"))
def test_every_sign_of_the_2000s_is_taken(sign: str) -> None:
    result = examined(with_identity_code(code_with("240501", sign, "921")))

    assert isinstance(result, Accepted)
    assert result.identity_code.born_on == date(2001, 5, 24)


def test_the_sign_of_the_1800s_is_a_valid_code_of_a_person_too_old() -> None:
    result = examined(with_identity_code(code_with("240587", "+", "921")))

    assert faults(result) == [("/person/identity_code", "identity_code_too_old")]


def test_120_years_are_taken_and_121_refused() -> None:
    turns_121_tomorrow = with_identity_code(code_with("020300", "-", "921"))
    turned_121_today = with_identity_code(code_with("010300", "-", "921"))

    assert isinstance(examined(turns_121_tomorrow), Accepted)
    assert faults(examined(turned_121_today)) == [
        ("/person/identity_code", "identity_code_too_old")
    ]


def test_who_is_born_after_the_legal_day_is_refused() -> None:
    born_tomorrow = with_identity_code(code_with("020321", "A", "921"))
    born_today = with_identity_code(code_with("010321", "A", "921"))

    assert faults(examined(born_tomorrow)) == [
        ("/person/identity_code", "identity_code_born_in_future")
    ]
    assert isinstance(examined(born_today), Accepted)


def test_test_codes_are_refused_where_the_setting_says_so() -> None:
    result = examined(a_registration(), allows=False)

    assert faults(result) == [("/person/identity_code", "identity_code_for_tests_only")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("24058-7921N", "identity_code_malformed"),
        ("240587-92xN", "identity_code_malformed"),
        ("24\u0660587-921N", "identity_code_malformed"),
        ("240587*921N", "identity_code_century_sign"),
        ("240587a921N", "identity_code_century_sign"),
        (code_with("310290", "-", "921"), "identity_code_no_such_day"),
        (code_with("290221", "A", "921"), "identity_code_no_such_day"),
        (code_with("240587", "-", "001"), "identity_code_individual_number"),
        ("240587-921P", "identity_code_check_character"),
        ("240587-921n", "identity_code_check_character"),
    ],
)
def test_a_faulty_identity_code_is_refused_with_its_reason(text: str, code: str) -> None:
    result = examined(with_identity_code(text))

    assert faults(result) == [("/person/identity_code", code)]


def test_without_effective_on_the_helsinki_day_of_the_registration_counts() -> None:
    before_midnight_utc = structs.replace(
        a_registration(),
        effective_on=None,
        registered_at=datetime(2021, 2, 28, 22, 30, tzinfo=UTC),
    )

    result = examined(before_midnight_utc)

    assert isinstance(result, Accepted)
    assert result.effective_on == date(2021, 3, 1)


def test_a_legal_day_too_far_points_to_the_instant_that_gave_it() -> None:
    old = structs.replace(
        a_registration(), effective_on=None, registered_at=datetime(2020, 3, 1, tzinfo=UTC)
    )

    assert faults(examined(old)) == [("/registered_at", "effective_on_too_far_back")]


@pytest.mark.parametrize(
    ("instant", "code"),
    [
        (
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            "effective_on_too_far_back",
        ),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12))),
            "effective_on_too_far_ahead",
        ),
    ],
)
def test_the_ends_of_the_calendar_are_refused_like_other_far_days(
    instant: datetime, code: str
) -> None:
    result = examined(structs.replace(a_registration(), effective_on=None, registered_at=instant))

    assert faults(result) == [("/registered_at", code)]


@pytest.mark.parametrize(
    "effective_on", [date(2021, 4, 30), date(2021, 1, 29)], ids=["60 ahead", "31 back"]
)
def test_the_last_day_within_the_limits_is_taken(effective_on: date) -> None:
    result = examined(structs.replace(a_registration(), effective_on=effective_on))

    assert isinstance(result, Accepted)


def test_a_country_that_nobody_knows_is_taken_when_well_formed() -> None:
    result = examined(a_registration(citizenship=("998", "zzz")))

    assert isinstance(result, Accepted)


def test_a_municipality_that_has_ended_is_valid_input() -> None:
    registration = registration_of(Differing(home="588"), on=date(2025, 1, 1))

    assert isinstance(examined(registration, today=date(2025, 1, 1)), Accepted)


@pytest.mark.parametrize("code", ["197", "198", "200"])
def test_places_abroad_are_valid_input_before_and_after_the_pilots(code: str) -> None:
    for day in (date(2021, 2, 28), date(2025, 6, 1)):
        registration = registration_of(Differing(home=code), on=day)
        assert isinstance(examined(registration, today=day), Accepted)


def test_a_te_office_is_no_office_after_the_pilots() -> None:
    registration = registration_of(Differing(office="te-kainuu"), on=date(2025, 1, 1))

    result = examined(registration, today=date(2025, 1, 1))

    assert faults(result) == [("/te_office_code", "te_office_code_unknown")]
