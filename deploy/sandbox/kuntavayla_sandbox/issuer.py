"""The token issuer of the local stack.

OAuth2 client credentials over its own Ed25519 key, and the key set.

It has its own small application inside `up`, because in production it is somebody else's. Times of
tokens are the machine's, never the legal clock's.
"""

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kuntavayla_sandbox.state import Identity

AUDIENCE = "kuntavayla"
LIFETIME = timedelta(hours=1)
KEY_ID = "sandbox-1"
FORM_BYTES_MAX = 4_096
NO_STORE = {"Cache-Control": "no-store"}


def make_signing_key() -> str:
    """Draw a new Ed25519 key, as PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Issuer:
    """Gives tokens to the stack's identities."""

    def __init__(
        self,
        identities: Iterable[Identity],
        *,
        issuer: str,
        signing_key: str,
        scopes: Mapping[str, tuple[str, ...]],
        lifetime: timedelta = LIFETIME,
    ) -> None:
        key = load_pem_private_key(signing_key.encode(), password=None)
        assert isinstance(key, Ed25519PrivateKey), "the stack signs with Ed25519"
        self._key = key
        self.lifetime = lifetime
        self._issuer = issuer
        self._scopes = scopes
        self._identities = {identity.client_id: identity for identity in identities}

    def find_identity(self, client_id: str, secret: str) -> Identity | None:
        """Return the identity that proves itself with its secret, or None."""
        identity = self._identities.get(client_id)
        if identity is None or not secrets.compare_digest(
            identity.client_secret.encode(), secret.encode()
        ):
            return None
        return identity

    def scopes_of(self, identity: Identity) -> list[str]:
        """Return every scope of the identity's roles, sorted."""
        return sorted({scope for role in identity.roles for scope in self._scopes[role]})

    def token(self, identity: Identity, *, scopes: list[str], now: datetime) -> str:
        """Return a signed token for the identity, valid for `lifetime` from `now`."""
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": identity.client_id,
            "organisation": identity.organisation,
            "roles": list(identity.roles),
            "scope": " ".join(scopes),
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": KEY_ID})

    def key_set(self) -> dict[str, object]:
        """Return the public keys as a JWKS."""
        public: dict[str, object] = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "EdDSA"}]}


def _refusal(error: str, *, status: int) -> Response:
    headers = NO_STORE | ({"WWW-Authenticate": "Basic"} if status == 401 else {})  # noqa: PLR2004 - HTTP's own number
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Return client id and secret from HTTP Basic or from the form: RFC 6749, section 2.3.1."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(client_id), unquote(secret)


async def _read_form(request: Request) -> dict[str, str] | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            return None
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=bool(body)))
    except ValueError:
        return None


def create_app(issuer: Issuer) -> Starlette:
    """Return the application: `POST /token` and `GET /jwks.json`."""

    async def token(request: Request) -> Response:
        """Answer a client-credentials request: RFC 6749, section 4.4."""
        form = await _read_form(request)
        if form is None:
            return _refusal("invalid_request", status=400)
        if form.get("grant_type") != "client_credentials":
            return _refusal("unsupported_grant_type", status=400)
        identity = issuer.find_identity(*_credentials(request, form))
        if identity is None:
            return _refusal("invalid_client", status=401)
        granted = issuer.scopes_of(identity)
        asked = form.get("scope", "").split() or granted
        if not set(asked) <= set(granted):
            return _refusal("invalid_scope", status=400)
        answer = {
            "access_token": issuer.token(identity, scopes=asked, now=datetime.now(UTC)),
            "token_type": "Bearer",
            "expires_in": int(issuer.lifetime.total_seconds()),
            "scope": " ".join(asked),
        }
        return Response(
            msgspec.json.encode(answer), media_type="application/json", headers=NO_STORE
        )

    async def jwks(_: Request) -> Response:
        """Answer the public keys."""
        return JSONResponse(issuer.key_set())

    return Starlette(
        routes=[
            Route("/token", token, methods=["POST"]),
            Route("/jwks.json", jwks, methods=["GET"]),
        ]
    )
