"""Access tokens: a JWT of the issuer becomes a caller, or a 401 that says why."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from kuntavayla.auth.callers import Caller, KnownOrganisation
from kuntavayla.auth.keys import ALGORITHMS, KeySource, SigningKey, SigningKeys
from kuntavayla.auth.refusals import (
    ORGANISATION_UNKNOWN,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    TOKEN_WRONG_AUDIENCE,
    ProblemCode,
    Refusal,
)

_HEADER_LENGTH_MAX = 8_192
_CACHED_TOKENS_MAX = 4_096
_CACHED_S_MAX = 300
_CLOCK_SKEW_S_MAX = 30
_SCOPES_MAX = 200
# Times and audience are judged here, by our clock and with a code of their own.
_OPTIONS: Options = {
    "require": ["exp", "iss", "aud", "organisation"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}


@dataclass(frozen=True, slots=True)
class _Cached:
    caller: Caller
    until_s: float


class TokenVerifier:
    """Turn `Authorization` headers into callers.

    A verified token is remembered until it expires, at most five minutes, so that changed keys and
    register entries take effect. `clock` gives seconds since the epoch: token times follow the
    machine, not the legal day.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        organisation_of: Callable[[str], KnownOrganisation | None],
        clock: Callable[[], float],
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = SigningKeys(keys, clock=clock)
        self._organisation_of = organisation_of
        self._clock = clock
        self._cache: OrderedDict[str, _Cached] = OrderedDict()

    def find_cached(self, authorization: str) -> Caller | None:
        """Return the caller of a header that was verified before and still holds, or None."""
        cached = self._cache.get(authorization)
        if cached is None:
            return None
        if cached.until_s <= self._clock():
            del self._cache[authorization]
            return None
        self._cache.move_to_end(authorization)
        return cached.caller

    async def verify(self, authorization: str | None) -> Caller:
        """Return the caller of an `Authorization` header; refuses with 401, 403 or 503."""
        if not authorization:
            raise Refusal(TOKEN_MISSING, headers={"WWW-Authenticate": "Bearer"})
        caller = self.find_cached(authorization)
        if caller is not None:
            return caller
        token = _token_of(authorization)
        key = await self._key_of(token)
        claims = self._claims_of(token, key)
        return self._remember(authorization, claims, key)

    async def _key_of(self, token: str) -> SigningKey:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _invalid(TOKEN_INVALID) from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or not isinstance(key_id, str) or "crit" in header:
            raise _invalid(TOKEN_INVALID)
        key = await self._keys.find(key_id)
        if key is None or key.algorithm != algorithm:
            raise _invalid(TOKEN_INVALID)
        return key

    def _claims_of(self, token: str, key: SigningKey) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                options=_OPTIONS,
            )
        except jwt.PyJWTError:
            raise _invalid(TOKEN_INVALID) from None
        self._check_times(claims)
        audience = claims["aud"]
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise _invalid(TOKEN_WRONG_AUDIENCE)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if not _is_number(expires) or not _is_number(begins):
            raise _invalid(TOKEN_INVALID)
        # Written so that a NaN, which some JSON readers take, is refused.
        if not begins <= now + _CLOCK_SKEW_S_MAX:
            raise _invalid(TOKEN_INVALID)
        if not expires > now:
            raise _invalid(TOKEN_EXPIRED)

    def _remember(self, authorization: str, claims: Mapping[str, Any], key: SigningKey) -> Caller:
        organisation = claims["organisation"]
        known = self._organisation_of(organisation) if isinstance(organisation, str) else None
        if known is None:
            raise Refusal(ORGANISATION_UNKNOWN)
        caller = Caller(
            organisation=known.organisation_id,
            kind=known.kind,
            scopes=_scopes_of(claims.get("scope", "")),
            roles=_roles_of(claims.get("roles", [])),
        )
        until_s = min(claims["exp"], key.valid_until_s, self._clock() + _CACHED_S_MAX)
        self._cache[authorization] = _Cached(caller, until_s)
        if len(self._cache) > _CACHED_TOKENS_MAX:
            self._cache.popitem(last=False)
        return caller


def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(TOKEN_MISSING, headers={"WWW-Authenticate": "Bearer"})
    if len(authorization) > _HEADER_LENGTH_MAX:
        raise _invalid(TOKEN_INVALID)
    return token.strip()


def _invalid(problem: ProblemCode) -> Refusal:
    challenge = f'Bearer error="invalid_token", error_description="{problem.title}"'
    return Refusal(problem, headers={"WWW-Authenticate": challenge})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scopes_of(claim: object) -> frozenset[str]:
    scopes = claim.split() if isinstance(claim, str) else []
    return frozenset(scopes[:_SCOPES_MAX])


def _roles_of(claim: object) -> frozenset[str]:
    roles = claim if isinstance(claim, list) else []
    return frozenset(role for role in roles[:_SCOPES_MAX] if isinstance(role, str))
