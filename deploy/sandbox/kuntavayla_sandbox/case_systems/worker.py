"""One case system at work.

Two feeds in, persons fetched, clients taken over; each step in a transaction of its own.

The steps meet only in the database: a step that was cut off is found again by the state of its
rows. Signals between them save waiting and carry nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import httpx
from msgspec import Struct
from typing_extensions import override

from kuntavayla.database import AGAIN, AWAY, BUSY, Connection, Pool, transaction
from kuntavayla.events import Channel
from kuntavayla.feed import LIMIT_MAX
from kuntavayla.inbox import (
    CursorRefused,
    FeedSource,
    Handler,
    Inbox,
    IncomingEvent,
    KafkaSource,
    OneStream,
    SourceBatch,
    Streams,
)
from kuntavayla.outbox import topic_of
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log
from kuntavayla_sandbox.calls import Tokens
from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.configuration import Endpoint, Work
from kuntavayla_sandbox.case_systems.effects import effects_of
from kuntavayla_sandbox.case_systems.progress import Progress
from kuntavayla_sandbox.case_systems.routing import CallRefused, RoutingAway, RoutingCalls

SERVICE = "routing-api"
ITEMS_MAX = 1_000
"""The most items of a call on many: contracts.md, "Rules for every call"."""
CALLS_IN_FLIGHT_MAX = 4
"""Calls of all case systems together, so that 31 of them do not stand in each other's way."""
BUSY_MIN = 2
"""So many events or clients at once, yet not a full batch, mean that more are on their way."""
GATHER_S = 2.0
"""How long a busy stream, or the next step, is left to fill: a flood is read in large pages, a
single event at once. Without it 31 feeds ask for every commit of the service (measured: half of
day one went into polls).
"""
REFUSED_PAUSE_S = 5.0
AWAY_PAUSE_S = 1.0


class Step(Protocol):
    """One step of the work over a bounded batch."""

    __name__: str

    async def __call__(self) -> int:
        """Do the step once and return how many clients it found."""


class Shared(Struct, frozen=True):
    """What all case systems of the process share."""

    pool: Pool
    routing_url: str
    clock: Callable[[], datetime]
    work: Work
    calls_in_flight: asyncio.Semaphore
    kafka: KafkaConnection | None = None


class Gathering:
    """Streams that are read again only after a pause while they are busy."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._is_busy = False

    async def names(self) -> Collection[str]:
        """Return the streams to read now; see `Streams`."""
        return await self._streams.names()

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return what is behind the cursors; see `Streams`."""
        if self._is_busy:
            await asyncio.sleep(GATHER_S)
        batches = await self._streams.next_batches(cursors)
        count = sum(len(batch.events) for batch in batches.values())
        self._is_busy = BUSY_MIN <= count < LIMIT_MAX
        return batches


class SettledInbox(Inbox):
    """An inbox that tells when a batch has committed: what its handler counts is true only then."""

    def __init__(
        self, pool: Pool, streams: Streams, *, consumer: str, settled: Callable[[], None]
    ) -> None:
        super().__init__(pool, streams, consumer=consumer)
        self._settled = settled

    @override
    async def step(self, handle: Handler) -> int:
        """Read one batch, give it effect, tell that it has committed; see `Inbox`."""
        fresh = await super().step(handle)
        self._settled()
        return fresh


class CaseSystem:
    """One case system: its feeds, its steps, its progress."""

    def __init__(self, endpoint: Endpoint, shared: Shared, *, client: httpx.AsyncClient) -> None:
        self.case_system_id = endpoint.case_system_id
        self.progress = Progress()
        self._problems: dict[str, str] = {}
        self._shared = shared
        self._client = client
        self._tokens = Tokens(client, endpoint.credentials)
        self._calls = RoutingCalls(
            client,
            url=shared.routing_url,
            tokens=self._tokens,
            endpoint=endpoint,
        )
        self._to_fetch = asyncio.Event()
        self._to_acknowledge = asyncio.Event()

    @property
    def problem_code(self) -> str | None:
        """Return what a step of this case system is refused now, or None."""
        return next(iter(self._problems.values()), None)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._consume_common())
            restricted = self._feed(Channel.RESTRICTED, "/events/restricted")
            group.create_task(self._consume(Channel.RESTRICTED, restricted))
            if self._shared.work is Work.ALL:
                group.create_task(self._repeat(self._fetch_once, self._to_fetch))
                group.create_task(self._repeat(self._acknowledge_once, self._to_acknowledge))

    async def _consume_common(self) -> None:
        """Consume from the broker where there is one; restricted events never go there."""
        if self._shared.kafka is None:
            await self._consume(Channel.COMMON, self._feed(Channel.COMMON, "/events"))
            return
        topics = [topic_of(SERVICE, self.case_system_id)]
        group = f"{self.case_system_id}.inbox"
        source = KafkaSource(self._shared.kafka, topics=topics, group=group)
        try:
            await self._consume(Channel.COMMON, source)
        finally:
            await source.close()

    def _feed(self, channel: Channel, path: str) -> OneStream:
        url = self._shared.routing_url + path
        feed = FeedSource(self._client, url=url, token=self._tokens)
        return OneStream(feed, f"{SERVICE}/{channel}")

    async def _consume(self, channel: Channel, streams: Streams) -> None:
        counted: dict[str, int] = {}

        async def handle(connection: Connection, events: Sequence[IncomingEvent]) -> None:
            """Give a batch its effects, inside the inbox's transaction."""
            counted.clear()
            counted.update(await self._apply(connection, events, channel=channel))

        def settle() -> None:
            """Count what has committed, and wake the step that goes on with it."""
            for stage, count in counted.items():
                self.progress.add(stage, count)
            counted.clear()
            self._to_fetch.set()

        inbox = SettledInbox(
            self._shared.pool,
            Gathering(streams),
            consumer=self.case_system_id,
            settled=settle,
        )

        try:
            await inbox.run(handle)
        except CursorRefused:
            # Only a service that was restored from a backup forgets a cursor that it gave.
            self._problems[channel] = "cursor_expired"
            log.error("case_system.cursor_expired", recipient=self.case_system_id, stream=channel)

    async def _apply(
        self, connection: Connection, events: Sequence[IncomingEvent], *, channel: Channel
    ) -> dict[str, int]:
        effects = effects_of(events)
        me = self.case_system_id
        counted: dict[str, int] = {}
        if effects.transferred:
            counted["transferred"] = await store.append_transferred(
                connection, me, effects.transferred.values(), channel=channel
            )
        if effects.notified:
            await store.mark_notified(connection, me, effects.notified.values())
        if effects.updated:
            await store.mark_updated(connection, me, effects.updated)
        if effects.withdrawn:
            counted["withdrawn"] = await store.end_withdrawn(
                connection, me, effects.withdrawn.values(), channel=channel
            )
        return counted

    async def _repeat(self, step: Step, signal: asyncio.Event) -> None:
        """Run a step for as long as it finds a full batch of work, then wait for a signal."""
        while True:
            signal.clear()
            try:
                async with self._shared.calls_in_flight:
                    found = await step()
            except RoutingAway as away:
                await asyncio.sleep(away.wait_s)
                continue
            except CallRefused as refused:
                self._problems[step.__name__] = refused.problem.code
                log.warning("case_system.refused", problem=refused.problem.code)
                await asyncio.sleep(REFUSED_PAUSE_S)
                continue
            except (*AWAY, *AGAIN, *BUSY) as error:
                log.warning("case_system.repeating", error_type=type(error).__name__)
                await asyncio.sleep(AWAY_PAUSE_S)
                continue
            self._problems.pop(step.__name__, None)
            if found < ITEMS_MAX:
                await signal.wait()
                await asyncio.sleep(GATHER_S if found >= BUSY_MIN else 0)

    async def _fetch_once(self) -> int:
        """Fetch and store the persons of at most 1,000 clients; return how many there were."""
        async with self._shared.pool.acquire() as connection:
            wanted = await store.list_to_fetch(connection, self.case_system_id, limit=ITEMS_MAX)
        if not wanted:
            return 0
        fetched = await self._calls.fetch_persons(wanted)
        async with transaction(self._shared.pool) as connection:
            stored = await store.store_persons(connection, self.case_system_id, fetched.persons)
            refused = await store.mark_refused(connection, self.case_system_id, fetched.refusals)
        self.progress.add("fetched", stored)
        self.progress.add("refused", refused)
        self._to_acknowledge.set()
        return len(wanted)

    async def _acknowledge_once(self) -> int:
        """Take over at most 1,000 clients whose persons are stored; return how many there were."""
        async with self._shared.pool.acquire() as connection:
            transfer_ids = await store.list_to_acknowledge(
                connection, self.case_system_id, limit=ITEMS_MAX
            )
        if not transfer_ids:
            return 0
        outcomes = await self._calls.acknowledge(transfer_ids, taken_over_at=self._shared.clock())
        done = [outcome.transfer_id for outcome in outcomes if outcome.result == "done"]
        refusals = {
            outcome.transfer_id: outcome.problem.code
            for outcome in outcomes
            if outcome.result != "done"
        }
        async with transaction(self._shared.pool) as connection:
            acknowledged = await store.mark_acknowledged(connection, self.case_system_id, done)
            refused = await store.mark_refused(connection, self.case_system_id, refusals)
        self.progress.add("acknowledged", acknowledged)
        self.progress.add("refused", refused)
        return len(transfer_ids)
