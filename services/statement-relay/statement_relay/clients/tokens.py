"""Access tokens by OAuth2 client credentials, kept until shortly before they end."""

import asyncio
import base64
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta, Struct

from kuntavayla.telemetry import log
from statement_relay.clients.exchanges import Line, Sent
from statement_relay.rules.endpoints import ClientCredentials

RENEW_BEFORE_S = 30.0
"""A token is renewed this long before its end, so that no call carries one that ends on the way."""
LIFETIME_S_DEFAULT = 300
"""How long a token is kept whose answer does not say how long it lives."""
_OK = 200


class _TokenAnswer(Struct, frozen=True):
    access_token: Annotated[str, Meta(pattern=r"^[!-~]{1,8192}$")]
    token_type: str
    expires_in: Annotated[int, Meta(ge=0, le=31_536_000)] = LIFETIME_S_DEFAULT


_decode = msgspec.json.Decoder(_TokenAnswer).decode


class TokenCache:
    """One receiver's token: fetched when first needed, by one call at a time.

    `clock` gives seconds that only go forward.
    """

    def __init__(
        self, credentials: ClientCredentials, *, line: Line, clock: Callable[[], float]
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
        """Forget a token that the receiver did not take; a newer one stays."""
        if self._token == token:
            self._token = None

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._line.close()

    async def _fetch(self, *, timeout_s: float) -> str | None:
        received = await self._line.exchange(self._request(), timeout_s=timeout_s)
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

    def _request(self) -> Sent:
        """Return the request of RFC 6749, section 4.4, by HTTP Basic as its section 2.3.1 wants."""
        asked = self._credentials
        form = {
            "grant_type": "client_credentials",
            "scope": asked.scope,
            "audience": asked.audience,
        }
        pair = f"{quote(asked.client_id, safe='')}:{quote(asked.client_secret, safe='')}"
        return Sent(
            method="POST",
            url=asked.token_url,
            headers={
                "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode({name: value for name, value in form.items() if value}).encode(),
        )
