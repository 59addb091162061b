import base64
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import jwt
import pytest

import quota_ledger.routes
import routing_api.routes
import statement_relay.routes
from kuntavayla.register import load_register
from kuntavayla_sandbox.case_systems.starting import endpoints
from kuntavayla_sandbox.identities import (
    load_scopes,
    make_identities,
    organisations_ahead,
    organisations_on,
)
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, create_app, make_signing_key
from kuntavayla_sandbox.stack import days_to_confirm
from kuntavayla_sandbox.state import Identity, SecretFile

MARCH_1 = date(2021, 3, 1)
URL = "http://issuer.test"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    kept = SecretFile(Path(tmp_path_factory.mktemp("issuer")) / "secrets.json")
    everybody = make_identities(organisations_on(load_register(), on=MARCH_1), kept=kept)
    return {identity.name: identity for identity in everybody}


@pytest.fixture(scope="module")
async def issuer(identities: dict[str, Identity]) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        Issuer(
            identities.values(),
            issuer=URL,
            signing_key=make_signing_key(),
            scopes=load_scopes(on=MARCH_1),
        )
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield client


def form_of(identity: Identity, **more: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
        **more,
    }


async def test_a_short_lifetime_is_that_of_the_tokens_and_is_told(
    identities: dict[str, Identity],
) -> None:
    short = Issuer(
        identities.values(),
        issuer=URL,
        signing_key=make_signing_key(),
        scopes=load_scopes(on=MARCH_1),
        lifetime=timedelta(seconds=20),
    )
    transport = httpx.ASGITransport(app=create_app(short))

    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        answer = await client.post("/token", data=form_of(identities["te-national"]))

    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert answer.json()["expires_in"] == claims["exp"] - claims["iat"] == 20


async def test_a_wrong_secret_gets_no_token(
    issuer: httpx.AsyncClient, identities: dict[str, Identity]
) -> None:
    form = {**form_of(identities["te-kainuu"]), "client_secret": "wrong"}

    answer = await issuer.post("/token", data=form)

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_another_identitys_secret_gets_no_token(
    issuer: httpx.AsyncClient, identities: dict[str, Identity]
) -> None:
    form = {
        **form_of(identities["te-kainuu"]),
        "client_secret": identities["te-lappi"].client_secret,
    }

    answer = await issuer.post("/token", data=form)

    assert answer.status_code == 401


@pytest.mark.parametrize("grant", ["password", "authorization_code", ""])
async def test_only_client_credentials_are_a_grant(
    issuer: httpx.AsyncClient, identities: dict[str, Identity], grant: str
) -> None:
    form = {**form_of(identities["te-kainuu"]), "grant_type": grant}

    answer = await issuer.post("/token", data=form)

    assert answer.json() == {"error": "unsupported_grant_type"}


async def test_a_scope_that_the_role_does_not_have_is_refused(
    issuer: httpx.AsyncClient, identities: dict[str, Identity]
) -> None:
    form = form_of(identities["te-kainuu"], scope="persons.read")

    answer = await issuer.post("/token", data=form)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


async def test_an_oversized_form_is_refused(issuer: httpx.AsyncClient) -> None:
    answer = await issuer.post("/token", content=b"grant_type=" + b"x" * 10_000)

    assert answer.status_code == 400


async def test_a_token_names_the_organisation_and_holds_against_the_published_key(
    issuer: httpx.AsyncClient, identities: dict[str, Identity]
) -> None:
    answer = await issuer.post("/token", data=form_of(identities["cs-sotkamo"]))
    keys = jwt.PyJWKSet.from_dict((await issuer.get("/jwks.json")).json())

    token = answer.json()["access_token"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=URL)

    assert claims["organisation"] == "cs-sotkamo"
    assert claims["roles"] == ["case_system"]
    assert "persons.read" in claims["scope"].split()
    assert claims["exp"] - claims["iat"] == 3600


async def test_credentials_may_come_as_http_basic(
    issuer: httpx.AsyncClient, identities: dict[str, Identity]
) -> None:
    auditor = identities["auditor"]
    pair = base64.b64encode(f"{auditor.client_id}:{auditor.client_secret}".encode()).decode()

    answer = await issuer.post(
        "/token",
        data={"grant_type": "client_credentials", "scope": "audit.read"},
        headers={"Authorization": f"Basic {pair}"},
    )

    assert answer.json()["scope"] == "audit.read"


async def test_a_broken_basic_header_gets_no_token(issuer: httpx.AsyncClient) -> None:
    answer = await issuer.post(
        "/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": "Basic ~"},
    )

    assert answer.status_code == 401


def test_in_the_pilots_every_office_and_case_system_has_an_identity(
    identities: dict[str, Identity],
) -> None:
    roles = [identity.roles for identity in identities.values()]

    assert roles.count(("te",)) == 16
    assert roles.count(("case_system",)) == 31
    assert {"te-national", "ely-14", "keha", "operator", "auditor"} <= identities.keys()


def test_from_2025_the_employment_areas_take_the_place_of_offices(tmp_path: Path) -> None:
    on = date(2025, 1, 1)
    kept = SecretFile(tmp_path / "secrets.json")
    roles = [
        identity.roles
        for identity in make_identities(organisations_on(load_register(), on=on), kept=kept)
    ]

    assert roles.count(("te",)) == 46
    assert roles.count(("case_system",)) == 45


def test_every_role_has_its_scopes() -> None:
    scopes = load_scopes(on=MARCH_1)

    assert set(scopes) == {
        "te",
        "case_system",
        "ely",
        "keha",
        "ministry",
        "operator",
        "auditor",
        "service",
    }
    assert load_scopes(on=date(2019, 1, 1)) == scopes


def test_scopes_of_roles_and_scopes_of_calls_are_the_same_list() -> None:
    given = {scope for scopes in load_scopes(on=MARCH_1).values() for scope in scopes}

    assert given == {
        scope
        for scopes in (
            routing_api.routes.SCOPES,
            statement_relay.routes.SCOPES,
            quota_ledger.routes.SCOPES,
        )
        for scope in scopes.values()
        if isinstance(scope, str)
    }


BEFORE_THE_PILOTS, BEFORE_THE_AREAS = date(2021, 2, 15), date(2024, 12, 15)


@pytest.mark.parametrize(
    ("on", "case_systems"),
    [(date(2020, 12, 30), 0), (BEFORE_THE_PILOTS, 31), (MARCH_1, 31), (BEFORE_THE_AREAS, 31 + 45)],
    ids=str,
)
def test_who_acts_within_the_next_60_days_has_an_identity_and_a_case_system_today(
    tmp_path: Path, on: date, case_systems: int
) -> None:
    kept = SecretFile(tmp_path / "secrets.json")
    identities = make_identities(organisations_ahead(load_register(), on=on), kept=kept)
    entries = endpoints(load_register(), on=on, identities=identities, token_url="http://t")

    assert [each.roles for each in identities].count(("case_system",)) == case_systems
    assert len({entry.case_system_id for entry in entries}) == len(entries) == case_systems


@pytest.mark.parametrize(
    ("today", "days"),
    [
        (date(2020, 12, 30), []),
        (BEFORE_THE_PILOTS, [MARCH_1]),
        (MARCH_1, [MARCH_1]),
        (date(2025, 1, 2), []),
    ],
    ids=str,
)
def test_open_memberships_are_confirmed_before_the_day_on_which_they_begin(
    today: date, days: list[date]
) -> None:
    assert days_to_confirm(today) == days
