"""The issuer's public keys: fetched over HTTP, remembered for an hour while the issuer is away."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import jwt

from kuntavayla.auth.refusals import ISSUER_AWAY, Refusal
from kuntavayla.telemetry import log

ALGORITHMS = frozenset({"EdDSA", "ES256", "RS256"})
_KEYS_MAX = 32
_VALID_S = 3_600
_FRESH_S = 300
_BETWEEN_FETCHES_S = 10
_FETCH_S_MAX = 3.0
_DOCUMENT_BYTES_MAX = 65_536


class IssuerAway(Exception):
    """The issuer's keys cannot be fetched now."""


class KeySource(Protocol):
    """Where the issuer's key document comes from."""

    async def fetch(self) -> Mapping[str, Any]:
        """Return the JWKS document; raises IssuerAway."""


class HttpKeySource:
    """The key document at an HTTP address."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def fetch(self) -> Mapping[str, Any]:
        """Return the JWKS document; raises IssuerAway on any fault of network, status or form."""
        try:
            answer = await self._client.get(self._url, timeout=_FETCH_S_MAX)
            answer.raise_for_status()
            document = answer.json() if len(answer.content) <= _DOCUMENT_BYTES_MAX else None
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerAway from error
        if not isinstance(document, dict):
            raise IssuerAway
        return document


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key, its only algorithm, and until when it may be used without asking again."""

    key: jwt.PyJWK
    algorithm: str
    valid_until_s: float


class SigningKeys:
    """The keys by id, fetched again every five minutes; for an unknown id every ten seconds.

    A known key stays valid for one hour after the last fetch that named it, so the service goes on
    while the issuer is away; later it answers 503, because it can no longer know. `clock` gives
    seconds since the epoch.
    """

    def __init__(self, source: KeySource, *, clock: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._fetching = asyncio.Lock()
        self._attempted_at = float("-inf")
        self._fetched_at = float("-inf")

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key of this id, or None where the issuer has none; 503 where none can know."""
        if key_id not in self._keys or self._clock() - self._fetched_at > _FRESH_S:
            await self._refresh()
        now = self._clock()
        found = self._keys.get(key_id)
        if found is not None and found.valid_until_s > now:
            return found
        if now - self._fetched_at > _BETWEEN_FETCHES_S:
            raise Refusal(ISSUER_AWAY, headers={"Retry-After": str(_BETWEEN_FETCHES_S)})
        return None

    async def _refresh(self) -> None:
        async with self._fetching:
            now = self._clock()
            if now - self._attempted_at < _BETWEEN_FETCHES_S:
                return
            self._attempted_at = now
            try:
                document = await self._source.fetch()
            except IssuerAway:
                log.warning("auth.issuer_away")
                return
            self._fetched_at = now
            self._keys = _keys_of(document, valid_until_s=now + _VALID_S)


def _keys_of(document: Mapping[str, Any], *, valid_until_s: float) -> dict[str, SigningKey]:
    listed = document.get("keys")
    keys: dict[str, SigningKey] = {}
    for entry in listed[:_KEYS_MAX] if isinstance(listed, list) else []:
        key = _key_of(entry)
        if key is None or key.algorithm_name not in ALGORITHMS:
            log.warning("auth.key_ignored")
            continue
        keys[str(key.key_id)] = SigningKey(key, key.algorithm_name, valid_until_s)
    return keys


def _key_of(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None
