"""How items leave: one call puts one item, whichever road leads to the receiver."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from ssl import SSLContext
from typing import Protocol

from statement_relay.clients.answers import answer_of
from statement_relay.clients.exchanges import Line, Sent
from statement_relay.clients.parcels import Parcel
from statement_relay.clients.rest import RestRoad
from statement_relay.clients.tokens import TokenCache
from statement_relay.clients.trust import trusted_by
from statement_relay.clients.xroad import XRoad
from statement_relay.rules.answers import Answer
from statement_relay.rules.endpoints import ClientCredentials, Endpoint, Endpoints

_UNAUTHORIZED = 401


class Road(Protocol):
    """What differs between roads: the request of an item."""

    def request(self, parcel: Parcel) -> Sent:
        """Return the request that puts an item."""


class Adapter:
    """One receiver: its road, its own connections, its token.

    A token that the receiver does not take is fetched anew once within the same call: keys of the
    issuer may have changed since.
    """

    def __init__(
        self, road: Road, *, line: Line, tokens: TokenCache | None, clock: Callable[[], datetime]
    ) -> None:
        self._road = road
        self._line = line
        self._tokens = tokens
        self._clock = clock

    async def put(self, parcel: Parcel, *, timeout_s: float) -> Answer:
        """Put one item; return what came of it within the time, whatever that is."""
        ends_at = time.monotonic() + timeout_s
        answer, token = await self._put_once(parcel, ends_at=ends_at)
        if answer.status == _UNAUTHORIZED and self._tokens is not None and token is not None:
            self._tokens.refuse(token)
            answer, _ = await self._put_once(parcel, ends_at=ends_at)
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def _put_once(self, parcel: Parcel, *, ends_at: float) -> tuple[Answer, str | None]:
        sent, token = self._road.request(parcel), None
        if self._tokens is not None:
            token = await self._tokens.find(timeout_s=_left_s(ends_at))
            if token is None:
                return Answer(failure="token_unavailable"), None
            sent = _authorized(sent, token)
        received = await self._line.exchange(sent, timeout_s=_left_s(ends_at))
        return answer_of(received, clock=self._clock), token


class Adapters:
    """The adapters of a process, each made when its receiver is first called; closed together."""

    def __init__(self, endpoints: Endpoints, *, clock: Callable[[], datetime]) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._made: dict[str, Adapter] = {}

    def find(self, receiver_id: str) -> Adapter | None:
        """Return a receiver's adapter, or None where nobody said where it is."""
        made = self._made.get(receiver_id)
        if made is None:
            endpoint = self._endpoints.find(receiver_id)
            if endpoint is None:
                return None
            made = self._made[receiver_id] = make_adapter(endpoint, clock=self._clock)
        return made

    def prepare(self) -> None:
        """Make those that the operator named, so that a bad certificate is found at start.

        Raises OSError (ssl.SSLError among them).
        """
        for receiver_id in sorted(self._endpoints.named):
            self.find(receiver_id)

    async def close(self) -> None:
        """Close them all."""
        made, self._made = self._made, {}
        for adapter in made.values():
            await adapter.close()


def make_adapter(endpoint: Endpoint, *, clock: Callable[[], datetime]) -> Adapter:
    """Return the adapter of an endpoint; raises OSError where its certificate can not be used."""
    tokens = None
    if endpoint.oauth2 is not None:
        tokens = _token_cache(endpoint.oauth2, authorities_file=endpoint.authorities_file)
    return Adapter(
        road_of(endpoint),
        line=Line(connections_max=endpoint.concurrency, trust=_trust_of(endpoint)),
        tokens=tokens,
        clock=clock,
    )


def _trust_of(endpoint: Endpoint) -> SSLContext | None:
    if not endpoint.url.startswith("https://"):
        return None
    return trusted_by(endpoint.authorities_file, own=endpoint.mtls)


def road_of(endpoint: Endpoint) -> Road:
    """Return the road that an endpoint names."""
    if endpoint.xroad is not None:
        return XRoad(endpoint.url, names=endpoint.xroad)
    return RestRoad(endpoint.url)


def _token_cache(credentials: ClientCredentials, *, authorities_file: str | None) -> TokenCache:
    line = Line(connections_max=1, trust=trusted_by(authorities_file))
    return TokenCache(credentials, line=line, clock=time.monotonic)


def _authorized(sent: Sent, token: str) -> Sent:
    headers: Mapping[str, str] = {**sent.headers, "Authorization": f"Bearer {token}"}
    return Sent(method=sent.method, url=sent.url, headers=headers, body=sent.body)


def _left_s(ends_at: float) -> float:
    return max(0.0, ends_at - time.monotonic())
