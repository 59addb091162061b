import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kuntavayla.auth import Caller, HttpKeySource, Refusal, TokenVerifier
from kuntavayla.auth.keys import IssuerAway
from kuntavayla.register import Organisation, OrganisationKind

ISSUER = "https://issuer.example"
AUDIENCE = "kuntavayla"
NOW_S = 1_614_578_400
OFFICE = Organisation("te-kainuu", OrganisationKind.TE_OFFICE, "Kainuun TE-toimisto", "")
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_KEY = ed25519.Ed25519PrivateKey.generate()
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SECRET = "a shared secret of thirty-two bytes or more"


PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def entry_of(private_key: PrivateKey, key_id: str) -> dict[str, Any]:
    match private_key.public_key():
        case ed25519.Ed25519PublicKey() as public:
            entry = jwt.algorithms.OKPAlgorithm.to_jwk(public)
        case ec.EllipticCurvePublicKey() as public:
            entry = jwt.algorithms.ECAlgorithm.to_jwk(public)
        case public:
            entry = jwt.algorithms.RSAAlgorithm.to_jwk(public)
    return {**json.loads(entry), "kid": key_id, "use": "sig"}


@dataclass
class Clock:
    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Issuer:
    """A key source that can be away, and counts how often it was asked."""

    entries: list[dict[str, Any]] = field(default_factory=lambda: [entry_of(ED_KEY, "k1")])
    is_away: bool = False
    asked: int = 0

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise IssuerAway
        return {"keys": self.entries}


def claims(**changes: object) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW_S + 600,
        "nbf": NOW_S - 5,
        "organisation": "te-kainuu",
        "scope": "registrations.write reviews.read",
        "roles": ["te"],
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def header(
    key: PrivateKey | str = ED_KEY,
    *,
    algorithm: str = "EdDSA",
    key_id: str | None = "k1",
    **changes: object,
) -> str:
    headers = {"kid": key_id} if key_id else {}
    return "Bearer " + jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


@dataclass
class Desk:
    issuer: Issuer
    clock: Clock
    verifier: TokenVerifier


@pytest.fixture
def desk() -> Desk:
    issuer, clock = Issuer(), Clock()
    verifier = TokenVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer,
        organisation_of={"te-kainuu": OFFICE}.get,
        clock=clock,
    )
    return Desk(issuer, clock, verifier)


async def refusal_of(desk: Desk, authorization: str | None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await desk.verifier.verify(authorization)
    return refused.value


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Basic dXNlcjpwYXNz", "token_missing"),
        ("Bearer ", "token_missing"),
        ("Bearer not-a-token", "token_invalid"),
        ("Bearer " + "x" * 9_000, "token_invalid"),
        (header(exp=NOW_S), "token_expired"),
        (header(exp=NOW_S - 1), "token_expired"),
        (header(exp=None), "token_invalid"),
        (header(exp="soon"), "token_invalid"),
        (header(exp=float("nan")), "token_expired"),
        (header(nbf=float("nan")), "token_invalid"),
        (header(nbf=NOW_S + 3_600), "token_invalid"),
        (header(aud="somebody-else"), "token_wrong_audience"),
        (header(aud=["a", "b"]), "token_wrong_audience"),
        (header(aud=None), "token_invalid"),
        (header(iss="https://other.example"), "token_invalid"),
        (header(organisation=None), "token_invalid"),
        (header(organisation="te-nowhere"), "organisation_unknown"),
        (header(OTHER_KEY), "token_invalid"),
        (header(key_id="unknown"), "token_invalid"),
        (header(key_id=None), "token_invalid"),
        (header(SECRET, algorithm="HS256"), "token_invalid"),
        (header("", algorithm="none"), "token_invalid"),
        (header(RSA_KEY, algorithm="RS256"), "token_invalid"),
    ],
)
async def test_a_bad_token_is_refused_with_its_reason(
    desk: Desk, authorization: str | None, code: str
) -> None:
    refusal = await refusal_of(desk, authorization)

    assert refusal.problem.code == code
    if refusal.problem.status == 401:
        assert refusal.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("key", "algorithm"), [(ED_KEY, "EdDSA"), (EC_KEY, "ES256"), (RSA_KEY, "RS256")]
)
async def test_a_good_token_of_each_algorithm_names_the_caller(
    desk: Desk, key: PrivateKey, algorithm: str
) -> None:
    desk.issuer.entries = [entry_of(key, "k1")]

    caller = await desk.verifier.verify(header(key, algorithm=algorithm))

    assert caller == Caller(
        "te-kainuu",
        OrganisationKind.TE_OFFICE,
        frozenset({"registrations.write", "reviews.read"}),
        frozenset({"te"}),
    )


async def test_a_token_with_a_broken_signature_is_refused(desk: Desk) -> None:
    good = header()

    refusal = await refusal_of(desk, good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB"))

    assert refusal.problem.code == "token_invalid"


async def test_a_verified_token_is_remembered_until_it_expires(desk: Desk) -> None:
    authorization = header(exp=NOW_S + 60)
    await desk.verifier.verify(authorization)
    assert desk.verifier.find_cached(authorization) is not None

    desk.clock.now_s = NOW_S + 60

    assert (await refusal_of(desk, authorization)).problem.code == "token_expired"


async def test_a_known_key_serves_one_hour_without_the_issuer_and_then_nobody_can_know(
    desk: Desk,
) -> None:
    await desk.verifier.verify(header())
    desk.issuer.is_away = True

    desk.clock.now_s = NOW_S + 3_599
    late = header(exp=NOW_S + 9_000)
    assert (await desk.verifier.verify(late)).organisation == "te-kainuu"

    desk.clock.now_s = NOW_S + 3_600
    refusal = await refusal_of(desk, late)
    assert refusal.problem.code == "issuer_away"
    assert refusal.headers["Retry-After"] == "10"


async def test_an_issuer_that_was_never_reached_is_a_503(desk: Desk) -> None:
    desk.issuer.is_away = True

    assert (await refusal_of(desk, header())).problem.status == 503


async def test_unknown_keys_ask_the_issuer_once_in_ten_seconds(desk: Desk) -> None:
    await desk.verifier.verify(header())
    desk.clock.now_s = NOW_S + 11

    await asyncio.gather(
        *(refusal_of(desk, header(key_id=f"made-up-{number}")) for number in range(50))
    )

    assert desk.issuer.asked == 2


async def test_a_new_key_of_the_issuer_is_found_at_once(desk: Desk) -> None:
    await desk.verifier.verify(header())
    desk.issuer.entries = [entry_of(OTHER_KEY, "k2")]
    desk.clock.now_s = NOW_S + 11

    caller = await desk.verifier.verify(header(OTHER_KEY, key_id="k2"))

    assert caller.organisation == "te-kainuu"


async def test_a_key_that_the_issuer_withdrew_stops_within_five_minutes(desk: Desk) -> None:
    authorization = header(exp=NOW_S + 9_000)
    await desk.verifier.verify(authorization)
    desk.issuer.entries = []
    desk.clock.now_s = NOW_S + 301

    assert (await refusal_of(desk, authorization)).problem.code == "token_invalid"


async def test_keys_that_are_of_no_use_are_left_out(desk: Desk) -> None:
    desk.issuer.entries = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k0"},
        {"kty": "unheard-of", "kid": "k9"},
        {**entry_of(OTHER_KEY, "k2"), "use": "enc"},
        entry_of(ED_KEY, "k1"),
    ]

    assert (await desk.verifier.verify(header())).organisation == "te-kainuu"
    desk.clock.now_s = NOW_S + 11
    assert (await refusal_of(desk, header(OTHER_KEY, key_id="k2"))).problem.status == 401


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="no json"),
        httpx.Response(200, json=["no", "document"]),
        httpx.Response(200, text="x" * 70_000),
    ],
)
async def test_a_key_document_of_no_use_means_that_the_issuer_is_away(
    answer: httpx.Response,
) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        with pytest.raises(IssuerAway):
            await HttpKeySource(client, "https://issuer.example/jwks.json").fetch()


async def test_the_key_document_is_fetched_over_http() -> None:
    document = {"keys": [entry_of(ED_KEY, "k1")]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=document))

    async with httpx.AsyncClient(transport=transport) as client:
        assert await HttpKeySource(client, "https://issuer.example/jwks.json").fetch() == document
