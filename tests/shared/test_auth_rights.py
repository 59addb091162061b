import pytest

from kuntavayla.auth import (
    Caller,
    Refusal,
    official_of,
    parse_official,
    require_kind,
    require_official,
    require_scope,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.values.officials import ActingOfficial

CALLER = Caller(
    "cs-sotkamo", OrganisationKind.CASE_SYSTEM, frozenset({"persons.read"}), frozenset()
)


@pytest.mark.parametrize(
    "text",
    [
        ";",
        "sotkamo:u-1042",
        "sotkamo:u-1042; role=mayor",
        "sotkamo:u-1042; role=caseworker; municipality=7",
        "sotkamo:u-1042; role=caseworker; municipality=765; municipality=765",
        "sotkamo:u-1042; role=caseworker; colour=blue",
        "sotkamo:u-1042; role",
        "Aino Esimerkki; role=caseworker",
        f"{'x' * 65}; role=caseworker",
        f"u-1; role=caseworker{' ' * 300}; municipality=765",
    ],
)
def test_an_official_that_is_not_in_the_agreed_form_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_official(text)

    assert refused.value.problem.code == "acting_official_malformed"
    assert "Aino" not in str(refused.value.detail)


def test_a_municipal_official_is_read_from_the_header() -> None:
    official = parse_official("sotkamo:u-1042; role=caseworker; municipality=765")

    assert official == ActingOfficial("sotkamo:u-1042", "caseworker", municipality_code="765")


def test_an_offices_official_is_read_from_the_header() -> None:
    official = parse_official("te-kainuu:u-7;role=caseworker;office=te-kainuu")

    assert official == ActingOfficial("te-kainuu:u-7", "caseworker", office="te-kainuu")


def test_the_header_of_x_road_serves_where_ours_is_missing() -> None:
    text = "sotkamo:u-1042; role=caseworker; municipality=765"

    assert official_of({"X-Road-UserId": text}) == parse_official(text)
    assert official_of({}) is None


def test_the_body_goes_before_the_header() -> None:
    in_body = ActingOfficial("sotkamo:u-1", "decider", municipality_code="765")

    found = require_official({"Acting-Official": "kajaani:u-2; role=import"}, in_body=in_body)

    assert found == in_body


def test_a_call_that_needs_an_official_is_refused_without_one() -> None:
    with pytest.raises(Refusal) as refused:
        require_official({})

    assert refused.value.problem.code == "acting_official_missing"


@pytest.mark.parametrize("official_id", ["240587-921N", "te:240587-921n"])
def test_an_official_s_id_holds_no_identity_code(official_id: str) -> None:
    in_body = ActingOfficial(official_id, "caseworker")
    in_header = {"Acting-Official": f"{official_id}; role=caseworker"}
    for headers, body in ((in_header, None), ({}, in_body)):
        with pytest.raises(Refusal) as refused:
            require_official(headers, in_body=body)

        assert refused.value.problem.code == "acting_official_malformed"
        assert "240587" not in str(refused.value.detail)


def test_a_missing_scope_is_named_in_the_challenge() -> None:
    require_scope(CALLER, "persons.read")

    with pytest.raises(Refusal) as refused:
        require_scope(CALLER, "registrations.write")

    assert refused.value.problem.status == 403
    challenge = 'Bearer error="insufficient_scope", scope="registrations.write"'
    assert refused.value.headers["WWW-Authenticate"] == challenge


def test_a_call_for_other_kinds_of_organisations_is_refused() -> None:
    require_kind(CALLER, OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)

    with pytest.raises(Refusal) as refused:
        require_kind(CALLER, OrganisationKind.TE_OFFICE)

    assert refused.value.problem.code == "caller_kind_refused"
