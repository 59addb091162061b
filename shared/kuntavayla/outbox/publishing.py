"""The publisher: one per service, elected and fenced, sends the outbox to the broker in order.

Elected is who holds an advisory lock on a connection of its own; each election raises the fence,
and the position moves only under the newest fence. So a publisher that has lost its election moves
nothing, and what it still sends are repeats, in order. Nothing is left out: what can not be sent is
tried again until it can, or until an operator holds its recipient back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import Struct

from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.database.connections import TRY_ELECTION
from kuntavayla.outbox.appending import NOTIFY_CHANNEL
from kuntavayla.outbox.binary import key_of
from kuntavayla.outbox.broker import (
    ACKNOWLEDGED_S_MAX,
    YIELD_EVERY,
    Parcel,
    Parcels,
    TopicWriter,
    WriteFailed,
    partition_of,
    topic_of,
)
from kuntavayla.outbox.holding import Hold, drained_to, end_due, held, list_holds, remove_drained
from kuntavayla.outbox.measuring import PublisherMetrics
from kuntavayla.outbox.standing import Fenced, Term, elect, load_position, lock_term, move
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log

ELECTION_LOCK = 0x6B765F70
"""The advisory lock whose holder publishes; one per database, and so per service."""
STAND_EVERY_S = 0.5
BATCH_EVENTS_MAX = 5_000
"""Events of one batch: the more there are, the fewer parts does each of many partitions get."""
POLL_S = 5.0
"""How long a publisher that nobody has woken waits before it looks by itself."""
RETRY_S_MIN = 0.2
RETRY_S_MAX = 10.0
CONNECT_S_MAX = 5

# Of the restricted channel nothing but the position leaves the database.
NEXT = """
SELECT position, recipient, CASE WHEN channel = 'common' THEN body END AS body
FROM outbox WHERE position > $1 ORDER BY position LIMIT $2
"""
OWED = """
SELECT position, recipient, body FROM outbox
WHERE recipient = $1 AND channel = 'common' AND position > $2 AND position <= $3
ORDER BY position LIMIT $4
"""


class HoleFound(Exception):
    """A position is missing: by the outbox's own rule that cannot be."""


class Wave(Struct):
    """Events that are sent together, by partition, and the position up to which they reach."""

    parcels: Parcels
    upto: int
    count: int


class Publication(Struct, frozen=True, kw_only=True):
    """What is published where: the service's name, its database by a direct address, the broker.

    `clock` judges only when a pause is over. The producer is built anew where nothing was
    acknowledged for `acknowledged_s_max` seconds.
    """

    service: str
    database_url: str
    broker: KafkaConnection
    clock: Callable[[], datetime]
    acknowledged_s_max: float = ACKNOWLEDGED_S_MAX


class Publisher:
    """Stands for election again and again; while elected, sends."""

    def __init__(self, pool: Pool, publication: Publication, *, metrics: PublisherMetrics) -> None:
        self._pool = pool
        self._publication = publication
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._writer = TopicWriter(
            publication.broker, acknowledged_s_max=publication.acknowledged_s_max
        )
        self._failures = 0
        self._owed: set[str] = set()
        self._under_way: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            try:
                await self._stand()
            except Fenced:
                log.warning("outbox.fenced")
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                self._failures += 1
                log.error(
                    "outbox.publisher_stopped",
                    error_type=type(error).__name__,
                    failures=self._failures,
                )
            await asyncio.sleep(_pause_s(self._failures))

    async def _stand(self) -> None:
        """Wait for the lock, then publish until it is lost; raises whatever ends that."""
        async with self._candidate() as (connection, lost):
            while not await connection.fetchval(TRY_ELECTION, ELECTION_LOCK):
                await self._look_past_hole(connection)
                await asyncio.sleep(STAND_EVERY_S)
            term = await elect(connection)
            log.info("outbox.elected", fence=term.fence, position=term.position)
            self._metrics.lead()
            try:
                await _first_of(self._lead(term, connection), lost.wait())
            finally:
                self._metrics.step_down()
                await self._writer.close()

    async def _look_past_hole(self, connection: Connection) -> None:
        """Look whether another process has passed the hole that this one found."""
        if self._metrics.has_hole:
            self._metrics.pass_by(await load_position(connection))

    @asynccontextmanager
    async def _candidate(self) -> AsyncIterator[tuple[asyncpg.Connection, asyncio.Event]]:
        """Give a direct connection that holds lock and notifications, and the event of its end."""
        connection = await asyncpg.connect(
            self._publication.database_url,
            timeout=CONNECT_S_MAX,
            server_settings={"application_name": "kuntavayla-publisher"},
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(NOTIFY_CHANNEL, lambda *_: self._woken.set())
            yield connection, lost
        finally:
            connection.terminate()

    async def _lead(self, term: Term, connection: Connection) -> None:
        """Send what comes, the next part made ready while the one before is under way."""
        read_to = term.position
        self._owed.clear()
        try:
            while True:
                self._woken.clear()
                holds, rows = await self._read(read_to)
                draining = [hold for hold in holds if hold.state == "draining"]
                wave = await self._wave(rows, behind=read_to, holds=holds)
                await self._land()
                if draining:
                    await self._drain(term, draining, upto=read_to)
                elif wave.upto > read_to:
                    read_to = wave.upto
                    self._under_way = asyncio.create_task(self._deliver(term, wave))
                else:
                    await self._rest(connection)
        finally:
            await self._abandon()

    async def _land(self) -> None:
        """Wait until what is under way is acknowledged and the position moved."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            await under_way

    async def _abandon(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
            await asyncio.gather(under_way, return_exceptions=True)

    async def _read(self, behind: int) -> tuple[Sequence[Hold], Sequence[Any]]:
        """Return the holds, and the next events; the holds are read first.

        A pause in between then comes a batch later. The other way round a batch could leave out a
        recipient whose hold another publisher has removed.
        """
        async with transaction(self._pool) as connection:
            holds = await list_holds(connection)
            now = self._publication.clock()
            if any(hold.state == "paused" and not hold.is_paused(now=now) for hold in holds):
                await end_due(connection, now=now)
                holds = await list_holds(connection)
            return holds, await connection.fetch(NEXT, behind, BATCH_EVENTS_MAX)

    async def _wave(self, rows: Sequence[Any], *, behind: int, holds: Sequence[Hold]) -> Wave:
        """Return the events of rows that follow each other without a hole, made ready to leave."""
        whole = rows if _reach(rows, behind) == behind + len(rows) else _without_hole(rows, behind)
        if rows and not whole:
            await self._land()
            self._metrics.show_hole(behind=behind)
            log.error("outbox.hole", position=behind + 1)
            raise HoleFound
        left_out = held(holds)
        wave = Wave({}, _reach(whole, behind), len(whole))
        for number, row in enumerate(whole, 1):
            if row["body"] is not None and row["recipient"] not in left_out:
                self._put(wave.parcels, row)
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        await self._writer.prepare(wave.parcels.values())
        return wave

    def _put(self, parcels: Parcels, row: Any) -> None:  # noqa: ANN401 - a record
        recipient, body = row["recipient"], row["body"]
        place = topic_of(self._publication.service, recipient), partition_of(key_of(body))
        parcel = parcels.get(place)
        if parcel is None:
            parcels[place] = Parcel(recipient, [body])
        else:
            parcel.bodies.append(body)

    async def _deliver(self, term: Term, wave: Wave) -> None:
        # Made ready before somebody was left out of the wave in front of it.
        _leave_out(wave, self._owed)
        self._owed |= await self._send(wave)
        await move(self._pool, term, wave.upto)
        self._metrics.observe(wave.count)
        self._metrics.pass_by(wave.upto)
        self._failures = 0

    async def _send(self, wave: Wave) -> set[str]:
        """Send until all is acknowledged; return who was left out, held back by now."""
        failures, left_out = 0, set[str]()
        while wave.parcels:
            try:
                await self._writer.write(wave.parcels)
            except WriteFailed as failure:
                failures += 1
                for topic, reason in failure.reasons.items():
                    self._metrics.count_failure(reason)
                    log.error("outbox.not_sent", stream=topic, error_type=reason, failures=failures)
                await asyncio.sleep(_pause_s(failures))
                left_out |= _leave_out(wave, await self._paused())
        return left_out

    async def _paused(self) -> set[str]:
        async with transaction(self._pool) as connection:
            holds = await list_holds(connection)
        now = self._publication.clock()
        return {hold.recipient for hold in holds if hold.is_paused(now=now)}

    async def _drain(self, term: Term, holds: Sequence[Hold], *, upto: int) -> None:
        """Send what recipients are owed up to the publisher's own position, and end their holds."""
        for hold in holds:
            behind, is_draining = hold.held_from, True
            while is_draining and behind < upto:
                rows = await self._pool.fetch(OWED, hold.recipient, behind, upto, BATCH_EVENTS_MAX)
                behind = rows[-1]["position"] if len(rows) == BATCH_EVENTS_MAX else upto
                is_draining = await self._drain_to(term, hold, rows=rows, upto=behind)
            if is_draining:
                async with transaction(self._pool) as connection:
                    await lock_term(connection, term)
                    await remove_drained(connection, hold)
                self._owed.discard(hold.recipient)

    async def _drain_to(self, term: Term, hold: Hold, *, rows: Sequence[Any], upto: int) -> bool:
        """Send a part of what a recipient is owed; False where it was paused anew."""
        wave = Wave({}, upto, len(rows))
        for row in rows:
            self._put(wave.parcels, row)
        if await self._send(wave):
            return False
        async with transaction(self._pool) as connection:
            await lock_term(connection, term)
            return await drained_to(connection, hold, upto)

    async def _rest(self, connection: Connection) -> None:
        """Wait until somebody announces; by itself look every few seconds, also for the lock."""
        try:
            async with asyncio.timeout(POLL_S):
                await self._woken.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=CONNECT_S_MAX)


def _leave_out(wave: Wave, recipients: Container[str]) -> set[str]:
    """Take recipients out of a wave; return those that it had something for."""
    places = [place for place, parcel in wave.parcels.items() if parcel.recipient in recipients]
    return {wave.parcels.pop(place).recipient for place in places}


def _reach(rows: Sequence[Any], behind: int) -> int:
    last: int = rows[-1]["position"] if rows else behind
    return last


def _without_hole(rows: Sequence[Any], behind: int) -> Sequence[Any]:
    """Return the rows in front of the first hole."""
    count = next(
        number for number, row in enumerate(rows) if row["position"] != behind + 1 + number
    )
    return rows[:count]


def _pause_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row."""
    return min(RETRY_S_MAX, RETRY_S_MIN * 2.0 ** min(failures, 10))


async def _first_of(*ways: Coroutine[Any, Any, Any]) -> None:
    """Run all until one of them ends, then end the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
