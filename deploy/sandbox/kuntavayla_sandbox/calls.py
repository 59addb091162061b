"""Calls to the stack as any counterpart makes them.

A bearer token that renews itself, and how long to wait before a repeat.
"""

import asyncio
import time

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.state import Identity, StateFault

RENEW_BEFORE_S = 300
"""A token is renewed this long before its end, so that no call carries one that ends on the way.

One that lives shortly is renewed at the half of its life.
"""
WAIT_S_DEFAULT = 1.0
WAIT_S_MAX = 30.0


class Credentials(Struct, frozen=True):
    """What an identity needs to get a token."""

    token_url: str
    client_id: str
    client_secret: str


class TokenAnswer(Struct, frozen=True):
    """The issuer's answer, as far as it is used."""

    access_token: str
    expires_in: int


class TokenRefused(StateFault):
    """The issuer does not know the identity or its secret."""


def credentials_of(identity: Identity, *, token_url: str) -> Credentials:
    """Return what the identity needs to get a token."""
    return Credentials(token_url, identity.client_id, identity.client_secret)


class Tokens:
    """One identity's token, fetched when it is first needed and again before it ends."""

    def __init__(self, client: httpx.AsyncClient, credentials: Credentials) -> None:
        self._client = client
        self._credentials = credentials
        self._token = ""
        self._renew_s = 0.0
        self._fetching = asyncio.Lock()

    async def __call__(self) -> str:
        """Return a token with all scopes of the identity.

        Raises TokenRefused or httpx.TransportError.
        """
        async with self._fetching:
            if time.monotonic() >= self._renew_s:
                answer = await self._fetch()
                self._token = answer.access_token
                before_s = min(RENEW_BEFORE_S, answer.expires_in / 2)
                self._renew_s = time.monotonic() + answer.expires_in - before_s
        return self._token

    def forget(self) -> None:
        """Fetch a new token at the next call: the service refused this one."""
        self._renew_s = 0.0

    async def _fetch(self) -> TokenAnswer:
        answer = await self._client.post(
            self._credentials.token_url,
            data={"grant_type": "client_credentials"},
            auth=(self._credentials.client_id, self._credentials.client_secret),
        )
        if answer.status_code != httpx.codes.OK:
            raise TokenRefused(
                f"The issuer answered {answer.status_code} to {self._credentials.client_id}."
            )
        return msgspec.json.decode(answer.content, type=TokenAnswer)


class Problem(Struct, frozen=True):
    """A problem document, as far as it is used."""

    code: str = "unknown"
    title: str = ""
    detail: str = ""


def problem_of(answer: httpx.Response) -> Problem:
    """Return the problem that an answer carries; a plain one where it carries none."""
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(code=f"http_{answer.status_code}")


def wait_s_of(answer: httpx.Response) -> float:
    """Return how long the service asks to wait before a repeat."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), WAIT_S_MAX) if text.isdecimal() else WAIT_S_DEFAULT
