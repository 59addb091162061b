"""How items leave: one call puts one item, whichever road leads to the receiver."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from msgspec import Struct, structs

from kuntavayla.auth import TokenCache
from kuntavayla.telemetry import log
from kuntavayla.values.credentials import ClientCredentials
from statement_relay.clients.answers import answer_of
from statement_relay.clients.exchanges import Line, Received, Sent
from statement_relay.clients.listings import Question, page_of
from statement_relay.clients.parcels import Parcel
from statement_relay.clients.rest import RestRoad
from statement_relay.clients.tokens import IssuerLine
from statement_relay.clients.trust import (
    CertificateEnds,
    Whose,
    marks_of,
    trust_of,
    trusted_by,
)
from statement_relay.clients.xroad import XRoad
from statement_relay.rules.answers import Answer, Failure
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.rules.reconciliations import HeldItem

_UNAUTHORIZED = 401
DEFAULT = "default"
UNEXPLAINED = ("connection_lost", "not_connected")
HELD_MAX = 100_000
"""Items of one day that a receiver may list; a longer list is not read to its end."""


class Road(Protocol):
    """What differs between roads: the requests that put an item and ask what was taken."""

    def request(self, parcel: Parcel) -> Sent:
        """Return the request that puts an item."""

    def question(self, question: Question) -> Sent:
        """Return the request for a page of what the receiver took on a day."""


class Adapter:
    """One receiver: its road, its own connections, its token.

    A token that the receiver does not take is fetched anew once within the same call: keys of the
    issuer may have changed since.
    """

    def __init__(
        self,
        road: Road,
        *,
        line: Line,
        tokens: TokenCache | None,
        ends: CertificateEnds,
        clock: Callable[[], datetime],
    ) -> None:
        self._road = road
        self._line = line
        self._tokens = tokens
        self._clock = clock
        self._under_way = 0
        self.ends = ends

    @property
    def is_idle(self) -> bool:
        """Tell whether no item is on its way."""
        return self._under_way == 0

    async def put(self, parcel: Parcel, *, timeout_s: float) -> Answer:
        """Put one item; return what came of it within the time, whatever that is."""
        ends_at = time.monotonic() + timeout_s
        self._under_way += 1
        try:
            received = await self._exchange(self._road.request(parcel), ends_at=ends_at)
        finally:
            self._under_way -= 1
        if received in UNEXPLAINED and self.ends.has_ours_ended(now_s=time.time()):
            # Many servers reset the connection in place of saying what they hold against us.
            received = "tls_failed"
        return answer_of(received, clock=self._clock)

    async def list_held(
        self, day: date, *, new_id: Callable[[], str], timeout_s: float
    ) -> Sequence[HeldItem] | None:
        """Ask what the receiver took on a day, to the end of the list and within the time.

        None where no whole list came: an item named twice and a cursor that leads nowhere on
        make it none.
        """
        ends_at = time.monotonic() + timeout_s
        held: dict[str, HeldItem] = {}
        after: str | None = None
        while len(held) <= HELD_MAX:
            asked = Question(day=day, after=after, request_id=new_id())
            received = await self._exchange(self._road.question(asked), ends_at=ends_at)
            page = None if isinstance(received, str) else page_of(received)
            if page is None:
                return None
            count = len(held) + len(page.items)
            held.update((item.information_id, item) for item in page.items)
            if len(held) != count:
                return None
            if page.next_cursor is None:
                return list(held.values())
            if page.next_cursor == after or not page.items:
                return None
            after = page.next_cursor
        return None

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def _exchange(self, sent: Sent, *, ends_at: float) -> Received | Failure:
        received, token = await self._exchange_once(sent, ends_at=ends_at)
        is_refused = not isinstance(received, str) and received.status == _UNAUTHORIZED
        if is_refused and self._tokens is not None and token is not None:
            self._tokens.refuse(token)
            received, _ = await self._exchange_once(sent, ends_at=ends_at)
        return received

    async def _exchange_once(
        self, sent: Sent, *, ends_at: float
    ) -> tuple[Received | Failure, str | None]:
        token = None
        if self._tokens is not None:
            token = await self._tokens.find(timeout_s=_left_s(ends_at))
            if token is None:
                return "token_unavailable", None
            sent = _authorized(sent, token)
        return await self._line.exchange(sent, timeout_s=_left_s(ends_at)), token


class _Made(Struct, frozen=True):
    """An adapter, and what it was made from: its endpoint, and the files that this names."""

    adapter: Adapter
    endpoint: Endpoint
    marks: tuple[tuple[int, int, int], ...]

    def is_of(self, endpoint: Endpoint) -> bool:
        """Tell whether it would be made alike now; raises OSError where a file is missing."""
        return self.endpoint == endpoint and self.marks == marks_of(endpoint)


class Adapters:
    """The adapters of a process, each made when its receiver is first called; closed together."""

    def __init__(self, endpoints: Endpoints, *, clock: Callable[[], datetime]) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._made: dict[str, _Made] = {}
        self._retired: list[Adapter] = []
        self._bad: set[str] = set()
        self._is_default_bad = False

    def find(self, receiver_id: str) -> Adapter | None:
        """Return a receiver's adapter, or None where nobody said where it is.

        None too where a file of its is no good just now, as while it is being replaced.
        """
        made = self._made.get(receiver_id)
        if made is None:
            endpoint = self._endpoints.find(receiver_id)
            if endpoint is None:
                return None
            made = self._find_made(receiver_id, endpoint)
            if made is None:
                return None
            self._made[receiver_id] = made
        return made.adapter

    def unusable(self, receiver_ids: Collection[str]) -> set[str]:
        """Return those of the receivers of which a file is no good, by the newest look."""
        return {
            receiver_id
            for receiver_id in receiver_ids
            if receiver_id in self._bad
            or (self._is_default_bad and self._is_by_default(receiver_id))
        }

    def callable(self, receiver_ids: Collection[str]) -> Endpoints:
        """Return where receivers are, without those of these that cannot be called.

        One whose newer file is no good is called as before it came.
        """
        return self._endpoints.without(self.unusable(receiver_ids) - self._made.keys())

    def prepare(self) -> None:
        """Make those that the operator named, so that a bad certificate is found at start."""
        self._made |= self._make_anew(self._endpoints)

    async def renew(self, newer: Endpoints) -> None:
        """Let new calls go by a newer file and by certificates that were replaced since.

        A receiver of which a file cannot be used stays as it was, and holds up no other. Calls
        under way end over the connections that they have.
        """
        # Those replaced at an earlier look: a call that has just begun may still hold a newer one.
        await self._close_retired()
        fresh = self._make_anew(newer)
        gone = [receiver_id for receiver_id in self._made if newer.find(receiver_id) is None]
        self._endpoints.become(newer)
        replaced = [self._made.pop(one) for one in (*fresh, *gone) if one in self._made]
        self._retired += [made.adapter for made in replaced]
        self._made |= fresh

    def certificate_ends(self) -> Iterator[tuple[str, Whose, datetime]]:
        """Yield until when the certificates in use hold, by receiver."""
        for receiver_id, made in self._made.items():
            for whose, ends_at in made.adapter.ends.known.items():
                yield receiver_id, whose, ends_at

    async def close(self) -> None:
        """Close them all."""
        made, self._made = self._made, {}
        retired, self._retired = self._retired, []
        for adapter in (*(one.adapter for one in made.values()), *retired):
            await adapter.close()

    def _make(self, endpoint: Endpoint) -> _Made:
        """Return an adapter; its marks are taken first, so that a later change is seen."""
        marks = marks_of(endpoint)
        return _Made(make_adapter(endpoint, clock=self._clock), endpoint, marks)

    def _make_anew(self, endpoints: Endpoints) -> dict[str, _Made]:
        """Return adapters of receivers that are named or in use and have no such one yet.

        What others would get is tried as well. Notes of which of them a file is no good.
        """
        self._bad.clear()
        default = endpoints.default
        self._is_default_bad = default is not None and self._find_made(DEFAULT, default) is None
        fresh = {}
        for receiver_id in sorted(self._made.keys() | endpoints.named):
            endpoint = endpoints.find(receiver_id)
            if endpoint is None:
                continue
            made = self._find_made(receiver_id, endpoint)
            if made is not None and made is not self._made.get(receiver_id):
                fresh[receiver_id] = made
        return fresh

    def _find_made(self, receiver_id: str, endpoint: Endpoint) -> _Made | None:
        """Return what is made of an endpoint already, or now; None where a file is no good."""
        made = self._made.get(receiver_id)
        try:
            return made if made is not None and made.is_of(endpoint) else self._make(endpoint)
        except OSError as error:
            self._bad.add(receiver_id)
            log.error("receiver.unusable", receiver=receiver_id, error_type=type(error).__name__)
            return None

    def _is_by_default(self, receiver_id: str) -> bool:
        """Tell whether a receiver that was not called yet would be by the default."""
        return receiver_id not in self._endpoints.named and receiver_id not in self._made

    async def _close_retired(self) -> None:
        """Close those replaced ones over which nothing is on its way any more."""
        idle = [one for one in self._retired if one.is_idle]
        self._retired = [one for one in self._retired if not one.is_idle]
        for adapter in idle:
            await adapter.close()


def make_adapter(endpoint: Endpoint, *, clock: Callable[[], datetime]) -> Adapter:
    """Return the adapter of an endpoint; raises OSError where its certificate can not be used."""
    tokens, ends = None, CertificateEnds()
    if endpoint.oauth2 is not None:
        tokens = _token_cache(endpoint.oauth2, authorities_file=endpoint.authorities_file)
    return Adapter(
        road_of(endpoint),
        line=Line(connections_max=endpoint.concurrency, trust=trust_of(endpoint, ends)),
        tokens=tokens,
        ends=ends,
        clock=clock,
    )


def road_of(endpoint: Endpoint) -> Road:
    """Return the road that an endpoint names."""
    if endpoint.xroad is not None:
        return XRoad(endpoint.url, names=endpoint.xroad)
    return RestRoad(endpoint.url)


def _token_cache(credentials: ClientCredentials, *, authorities_file: str | None) -> TokenCache:
    line = Line(connections_max=1, trust=trusted_by(authorities_file))
    return TokenCache(credentials, line=IssuerLine(line), clock=time.monotonic)


def _authorized(sent: Sent, token: str) -> Sent:
    headers: Mapping[str, str] = {**sent.headers, "Authorization": f"Bearer {token}"}
    return structs.replace(sent, headers=headers)


def _left_s(ends_at: float) -> float:
    return max(0.0, ends_at - time.monotonic())
