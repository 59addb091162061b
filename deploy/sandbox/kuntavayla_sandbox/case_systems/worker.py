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
from kuntavayla.events import Channel, sequence_text
from kuntavayla.feed import LIMIT_MAX, parse_cursor
from kuntavayla.inbox import (
    EARLIEST,
    CursorRefused,
    FeedSource,
    Handler,
    Inbox,
    IncomingEvent,
    KafkaSource,
    OneStream,
    SourceBatch,
    Streams,
    restart,
)
from kuntavayla.outbox import PARTITIONS, topic_of
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


def stream_of(channel: Channel) -> str:
    """Return the name of a feed among the positions."""
    return f"{SERVICE}/{channel}"


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
        self._work = endpoint.work or shared.work
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
        self._topic = topic_of(SERVICE, endpoint.case_system_id)
        self._resyncing = asyncio.Lock()
        self._resyncs = 0

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
            if self._work is not Work.EFFECTS:
                group.create_task(self._repeat(self._fetch_once, self._to_fetch))
            if self._work is Work.ALL:
                group.create_task(self._repeat(self._acknowledge_once, self._to_acknowledge))

    async def _consume_common(self) -> None:
        """Consume from the broker where there is one; restricted events never go there."""
        if self._shared.kafka is None:
            await self._consume(Channel.COMMON, self._feed(Channel.COMMON, "/events"))
            return
        source = KafkaSource(
            self._shared.kafka, topics=[self._topic], group=f"{self.case_system_id}.inbox"
        )
        try:
            await self._consume(Channel.COMMON, source)
        finally:
            await source.close()

    def _feed(self, channel: Channel, path: str) -> OneStream:
        url = self._shared.routing_url + path
        feed = FeedSource(self._client, url=url, token=self._tokens)
        return OneStream(feed, stream_of(channel))

    async def _consume(self, channel: Channel, streams: Streams) -> None:
        me = self.case_system_id
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
            consumer=me,
            settled=settle,
        )

        while True:
            resyncs = self._resyncs
            try:
                await inbox.run(handle)
            except CursorRefused:
                log.warning("case_system.cursor_refused", recipient=me, stream=channel)
                await self._resync(after=resyncs)

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

    async def _resync(self, *, after: int) -> None:
        """Begin anew from the snapshot, both feeds alike; once, though each of them is refused.

        A cursor is refused where its events are kept no longer, or by a service that was restored
        from a backup. See docs/consumers.md.
        """
        async with self._resyncing:
            if self._resyncs > after:
                return
            while await self._try(self._resync_once) is None:
                continue
            self._resyncs += 1
        self._to_fetch.set()

    async def _resync_once(self) -> int:
        snapshot = await self._calls.load_snapshot()
        me = self.case_system_id
        async with transaction(self._shared.pool) as connection:
            await store.take_snapshot(connection, me, snapshot.clients, at=self._shared.clock())
            await self._restart(connection, cursor=snapshot.feed_cursor)
            states = await store.count_states(connection)
        self.progress.start_from(states.get(me, {}))
        return len(snapshot.clients)

    async def _restart(self, connection: Connection, *, cursor: str) -> None:
        """Let every stream go on behind a snapshot."""
        me, feeds = self.case_system_id, [stream_of(channel) for channel in Channel]
        await restart(connection, consumer=me, streams=feeds, cursor=cursor)
        if self._shared.kafka is not None:
            # The topic is read whole; what the snapshot holds already is known by its sequence.
            known = parse_cursor(cursor)
            await restart(
                connection,
                consumer=me,
                streams=[f"{self._topic}/{partition}" for partition in range(PARTITIONS)],
                cursor=EARLIEST,
                sequence=sequence_text(known.epoch, known.position),
            )

    async def _try(self, step: Step) -> int | None:
        """Do a step once and return how many clients it found; None where it is to be repeated."""
        try:
            async with self._shared.calls_in_flight:
                found = await step()
        except RoutingAway as away:
            await asyncio.sleep(away.wait_s)
            return None
        except CallRefused as refused:
            self._problems[step.__name__] = refused.problem.code
            log.warning("case_system.refused", problem=refused.problem.code)
            await asyncio.sleep(REFUSED_PAUSE_S)
            return None
        except (*AWAY, *AGAIN, *BUSY) as error:
            log.warning("case_system.repeating", error_type=type(error).__name__)
            await asyncio.sleep(AWAY_PAUSE_S)
            return None
        self._problems.pop(step.__name__, None)
        return found

    async def _repeat(self, step: Step, signal: asyncio.Event) -> None:
        """Run a step for as long as it finds a full batch of work, then wait for a signal."""
        while True:
            signal.clear()
            found = await self._try(step)
            if found is not None and found < ITEMS_MAX:
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
