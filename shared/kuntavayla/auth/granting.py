"""Access tokens by OAuth2 client credentials, kept until shortly before they end."""

import asyncio
import base64
from collections.abc import Callable
from typing import Annotated, Protocol
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Meta, Struct

from kuntavayla.telemetry import log
from kuntavayla.values.credentials import ClientCredentials

RENEW_BEFORE_S = 30.0
"""A token is renewed this long before its end, so that no call carries one that ends on the way."""
LIFETIME_S_DEFAULT = 300
"""How long a token is kept whose answer does not say how long it lives."""
_OK = 200
_ANSWER_BYTES_MAX = 65_536


class TokenRequest(Struct, frozen=True, kw_only=True):
    """What an issuer is posted: exactly these bytes."""

    url: str
    headers: dict[str, str]
    body: bytes


class TokenReply(Struct, frozen=True):
    """What an issuer answered, read to its end."""

    status: int
    body: bytes


class TokenLine(Protocol):
    """The connections to an issuer."""

    async def post(self, request: TokenRequest, *, timeout_s: float) -> TokenReply | str:
        """Return the answer, or the code of why there is none within the time."""

    async def close(self) -> None:
        """Close every connection."""


class HttpTokenLine:
    """The connections of an HTTP client, which closes them itself; no redirect is followed."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(self, request: TokenRequest, *, timeout_s: float) -> TokenReply | str:
        """Return the answer, or the code of why there is none within the time."""
        try:
            answer = await self._client.post(
                request.url, content=request.body, headers=request.headers, timeout=timeout_s
            )
        except httpx.HTTPError:
            return "connection_lost"
        if len(answer.content) > _ANSWER_BYTES_MAX:
            return "answer_too_large"
        return TokenReply(answer.status_code, answer.content)

    async def close(self) -> None:
        """Leave the connections to the client that has them."""


class _TokenAnswer(Struct, frozen=True):
    access_token: Annotated[str, Meta(pattern=r"^[!-~]{1,8192}$")]
    token_type: str
    expires_in: Annotated[int, Meta(ge=0, le=31_536_000)] = LIFETIME_S_DEFAULT


_decode = msgspec.json.Decoder(_TokenAnswer).decode


class TokenCache:
    """One counterpart's token: fetched when first needed, by one call at a time.

    `clock` gives seconds that only go forward.
    """

    def __init__(
        self, credentials: ClientCredentials, *, line: TokenLine, clock: Callable[[], float]
    ) -> None:
        self._credentials = credentials
        self._line = line
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._token: str | None = None
        self._until_s = 0.0

    async def find(self, *, timeout_s: float) -> str | None:
        """Return a token, or None where the issuer gives none within the time."""
        try:
            async with asyncio.timeout(timeout_s), self._fetching:
                if self._token is None or self._clock() >= self._until_s:
                    self._token = await self._fetch(timeout_s=timeout_s)
                return self._token
        except TimeoutError:
            return None

    def refuse(self, token: str) -> None:
        """Forget a token that the counterpart did not take; a newer one stays."""
        if self._token == token:
            self._token = None

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._line.close()

    async def _fetch(self, *, timeout_s: float) -> str | None:
        received = await self._line.post(self._request(), timeout_s=timeout_s)
        if isinstance(received, str):
            log.warning("token.unavailable", code=received)
            return None
        if received.status != _OK:
            log.warning("token.refused", status=received.status)
            return None
        try:
            answer = _decode(received.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("token.malformed", status=received.status)
            return None
        if answer.token_type.lower() != "bearer":
            log.warning("token.malformed", status=received.status)
            return None
        self._until_s = self._clock() + max(0.0, answer.expires_in - RENEW_BEFORE_S)
        return answer.access_token

    def _request(self) -> TokenRequest:
        """Return the request of RFC 6749, section 4.4, by HTTP Basic as its section 2.3.1 wants."""
        asked = self._credentials
        form = {
            "grant_type": "client_credentials",
            "scope": asked.scope,
            "audience": asked.audience,
        }
        pair = f"{quote(asked.client_id, safe='')}:{quote(asked.client_secret, safe='')}"
        return TokenRequest(
            url=asked.token_url,
            headers={
                "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode({name: value for name, value in form.items() if value}).encode(),
        )
