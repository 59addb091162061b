"""Reads routing-api's internal events: who is responsible for whom, over both of its feeds.

The common stream comes by the transport of the service, the restricted one always over HTTP. Only
`responsibility.changed` has an effect: the service's own `Project` keeps what was told, and does
what it does when a client becomes known.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import httpx
import msgspec
from msgspec import Struct
from typing_extensions import override

from kuntavayla.auth import HttpTokenLine, TokenCache
from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import open_client
from kuntavayla.inbox import (
    EARLIEST,
    Consumption,
    FeedSource,
    IncomingEvent,
    KafkaSource,
    OneStream,
    Parking,
    SourceAway,
    Streams,
    TokenSource,
    restart,
)
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.workers.reading import keep_reading
from kuntavayla.settings import KafkaConnection, RoutingSettings
from kuntavayla.telemetry import trace_of
from kuntavayla.values.credentials import ClientCredentials
from kuntavayla.values.responsibilities import Authority, Responsibility

RESPONSIBILITY_CHANGED = "fi.kuntavayla.responsibility.changed.v1"
TOPIC = "kv.routing-api.internal.v1"
TOKEN_S_MAX = 10.0
"""Seconds that a token may take."""


class Stream(StrEnum):
    """The two streams of routing-api's internal events, each a consumer of its own."""

    COMMON = "routing.common"
    RESTRICTED = "routing.restricted"

    @property
    def path(self) -> str:
        """Return the path of its feed."""
        return "/events" if self is Stream.COMMON else "/events/restricted"


class _Told(Struct, frozen=True, kw_only=True):
    """As much of the event's data as we need; more may come."""

    client_id: str
    clienthood_version: int
    authority: Authority
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    source_client_number: str | None
    valid_from: date
    valid_to: date | None
    source_system: str | None = None


_decode = msgspec.json.Decoder(_Told).decode


class RoutingFeed(Struct, frozen=True, kw_only=True):
    """Where routing-api's feeds are, and by what right they are read."""

    client: httpx.AsyncClient
    url: str
    token: TokenSource
    service: str
    broker: KafkaConnection | None

    def streams(self, stream: Stream) -> Streams:
        """Return where a stream is read: the common one from the broker, where there is one."""
        if self.broker is not None and stream is Stream.COMMON:
            return KafkaSource(self.broker, topics=[TOPIC], group=f"{self.service}.{stream}")
        source = FeedSource(self.client, url=f"{self.url}{stream.path}", token=self.token)
        return OneStream(source, stream)


class Project(Protocol):
    """Keeps what was told of clients, and does what the service does when they become known."""

    def __call__(
        self,
        connection: Connection,
        told: Sequence[Responsibility],
        /,
        *,
        call: Call,
        moment: Moment,
    ) -> Awaitable[None]:
        """Give what was told its effect, in the transaction that moves the reader's place."""


class RoutingDesk:
    """How a service handles routing-api's events, whichever way they come."""

    def __init__(
        self,
        project: Project,
        *,
        service: str,
        moment: Callable[[], Moment],
        clock: Callable[[], datetime],
    ) -> None:
        self._project = project
        self._service = service
        self._moment = moment
        self._clock = clock

    def consumption(self, consumer: str) -> Consumption | None:
        """Return how a consumer handles its events; None for a name that is none of these."""
        if consumer not in set(Stream):
            return None
        is_restricted = Stream(consumer) is Stream.RESTRICTED

        async def handle(connection: Connection, events: Sequence[IncomingEvent]) -> None:
            """Give changes of responsibility their effect; other events pass."""
            told = [
                _responsibility(event, restricted=is_restricted)
                for event in events
                if event.type == RESPONSIBILITY_CHANGED
            ]
            if told:
                await self._tell(connection, told, traceparent=events[0].traceparent)

        return Consumption(handle, Parking(clock=self._clock, check=_check))

    async def _tell(
        self, connection: Connection, told: Sequence[Responsibility], *, traceparent: str
    ) -> None:
        trace = trace_of(None, traceparent)
        call = Call(
            organisation=self._service, request_id=trace.request_id, traceparent=trace.traceparent
        )
        await self._project(connection, told, call=call, moment=self._moment())


class RoutingAccess(Struct, frozen=True, kw_only=True):
    """Where routing-api is and who we are to its issuer; common events by a broker, if there is."""

    url: str
    token_url: str
    client_id: str
    client_secret: str
    broker: KafkaConnection | None

    @classmethod
    def of(cls, settings: RoutingSettings, *, broker: KafkaConnection | None) -> "RoutingAccess":
        """Return the access that a service was told of."""
        return cls(
            url=settings.routing_url,
            token_url=settings.routing_token_url,
            client_id=settings.routing_client_id,
            client_secret=settings.routing_client_secret.get_secret_value(),
            broker=broker,
        )

    @override
    def __repr__(self) -> str:
        return f"RoutingAccess(url={self.url!r}, client_id={self.client_id!r})"


async def follow_routing(
    pool: Pool, access: RoutingAccess, *, service: str, desk: RoutingDesk
) -> None:
    """Read routing-api's events until cancelled, over connections and a token of its own."""
    credentials = ClientCredentials(
        token_url=access.token_url,
        client_id=access.client_id,
        client_secret=access.client_secret,
    )
    async with open_client() as client:
        tokens = TokenCache(credentials, line=HttpTokenLine(client), clock=time.monotonic)

        async def token() -> str:
            """Return a token; raises SourceAway where the issuer gives none."""
            found = await tokens.find(timeout_s=TOKEN_S_MAX)
            if found is None:
                raise SourceAway
            return found

        feed = RoutingFeed(
            client=client, url=access.url, token=token, service=service, broker=access.broker
        )
        await read_routing(pool, feed, desk=desk)


async def read_routing(pool: Pool, feed: RoutingFeed, *, desk: RoutingDesk) -> None:
    """Read both streams until cancelled."""
    async with asyncio.TaskGroup() as group:
        for stream in Stream:
            group.create_task(_read(pool, feed, stream=stream, desk=desk))


async def _read(pool: Pool, feed: RoutingFeed, *, stream: Stream, desk: RoutingDesk) -> None:
    """Read one stream until cancelled.

    A feed is read from its start again where its place is no longer known: what is known already
    has no effect a second time. A topic may have lost records, which an operator looks into.
    """
    consumption = desk.consumption(stream)
    assert consumption is not None, "both streams are handled"
    streams = feed.streams(stream)

    async def begin_anew() -> None:
        """Go on from the start of the feed."""
        async with transaction(pool) as connection:
            await restart(connection, consumer=stream, streams=[stream], cursor=EARLIEST)

    await keep_reading(
        pool,
        streams,
        consumer=stream,
        consumption=consumption,
        begin_anew=None if isinstance(streams, KafkaSource) else begin_anew,
    )


def _check(event: IncomingEvent) -> None:
    """Raise what no state could make acceptable: data that are not what the event's type says."""
    if event.type != RESPONSIBILITY_CHANGED:
        return
    try:
        _decode(event.data)
    except msgspec.MsgspecError as error:
        advice = "Send data of the form of the event's schema."
        raise InvalidContent((Fault("/data", "event_data_malformed", advice),)) from error


def _responsibility(event: IncomingEvent, *, restricted: object) -> Responsibility:
    told = _decode(event.data)
    return Responsibility(
        client_id=told.client_id,
        clienthood_version=told.clienthood_version,
        authority=told.authority,
        municipality_code=told.municipality_code,
        area_code=told.area_code,
        case_system_id=told.case_system_id,
        te_office_code=told.te_office_code,
        source_system=told.source_system,
        source_client_number=told.source_client_number,
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        is_restricted=bool(restricted),
        sequence=event.sequence,
    )
