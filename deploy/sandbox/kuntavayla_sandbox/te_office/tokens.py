"""Who may deliver: a bearer token of the issuer that both sides trust, of a known sender."""

import time
from collections import OrderedDict
from typing import Any

import httpx
import jwt
from jwt.types import Options

from kuntavayla.auth import HttpKeySource, Refusal, SigningKeys
from kuntavayla_sandbox.te_office.configuration import Issuer

KNOWN_TOKENS_MAX = 256
CLOCK_SKEW_S_MAX = 30
OPTIONS: Options = {"require": ["exp", "iss", "aud", "organisation"]}


class TokenRefused(Exception):
    """The token does not prove a caller: 401, or 403 where the caller may not deliver."""

    def __init__(self, *, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class TokenCheck:
    """Judges `Authorization` headers; a good one is remembered until it ends."""

    def __init__(self, client: httpx.AsyncClient, issuer: Issuer) -> None:
        self._keys = SigningKeys(HttpKeySource(client, issuer.keys_url), clock=time.time)
        self._issuer = issuer
        self._known: OrderedDict[str, float] = OrderedDict()

    async def require(self, authorization: str) -> None:
        """Return where the header is that of a sender; raises TokenRefused."""
        if self._known.get(authorization, 0.0) > time.time():
            return
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused(status=401, code="token_missing")
        claims = await self._claims_of(token)
        if claims["organisation"] not in self._issuer.senders:
            raise TokenRefused(status=403, code="sender_unknown")
        self._known[authorization] = float(claims["exp"])
        if len(self._known) > KNOWN_TOKENS_MAX:
            self._known.popitem(last=False)

    async def _claims_of(self, token: str) -> dict[str, Any]:
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid"))
            key = await self._keys.find(key_id)
            if key is None:
                raise TokenRefused(status=401, code="token_invalid")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer.issuer,
                audience=self._issuer.audience,
                leeway=CLOCK_SKEW_S_MAX,
                options=OPTIONS,
            )
        except Refusal as refusal:
            raise TokenRefused(status=503, code=refusal.problem.code) from None
        except jwt.PyJWTError:
            raise TokenRefused(status=401, code="token_invalid") from None
        return claims
