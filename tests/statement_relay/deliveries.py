"""Items in queues without an intake, couriers that deliver them, and what came of it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.events import new_ids_at
from kuntavayla.service.moments import Call
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.testing import TestDatabase
from statement_relay.events import SERVICE, SOURCE
from statement_relay.operations import delivering
from statement_relay.operations.delivering import Decided, DeliveryDesk, Held, Turn
from statement_relay.rules.answers import load_answers
from statement_relay.rules.breakers import BreakerLimits
from statement_relay.rules.deliveries import Called, Delivery, Pace
from statement_relay.rules.digests import digest_of
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.rules.pacing import Backoff
from statement_relay.workers.delivering import Courier, CourierMetrics, Route
from tests.statement_relay.misbehaving import Server
from tests.statement_relay.service import NOW

RECEIVER, OTHER_RECEIVER = "te-kainuu", "te-lappi"
ORGANISATION = "cs-sotkamo"
DEADLINE_S = 30.0
QUICK = Pace(
    lease_s=60.0,
    call_s_max=30.0,
    breaker=BreakerLimits(failures_max=5, probe_s_first=0.05, probe_s_max=0.1),
    backoff=Backoff(first_s=0.01, longest_s=0.05),
)
"""A pace in which a test does not wait; leases and calls are long, so that none runs out."""
_numbers = itertools.count(1)

ENQUEUE = """
WITH queue AS (
    INSERT INTO client_queues (receiver_id, client_id, last_number, next_attempt_at, is_blocked)
    VALUES ($1, $2, 1, clock_timestamp(), false)
    ON CONFLICT (receiver_id, client_id) DO UPDATE
    SET last_number = client_queues.last_number + 1,
        next_attempt_at = coalesce(client_queues.next_attempt_at, clock_timestamp())
    RETURNING last_number
)
INSERT INTO information (
    information_id, organisation, municipal_id, fingerprint, client_id, municipality_code, kind,
    action, replaces_information_id, root_information_id, content, occurred_at, known_at,
    accepted_at, official_id, author_role, issuer_authority, issuer_rule, issuer_from_on, state,
    accepted_state,
    receiver_id, number, is_restricted, body, digest, deliver_by_at, warn_at, attempts)
SELECT $3::uuid, $4, $5, '\\x00', $2, '765', 'JOB_OFFER_NOT_APPLIED', $6, $7::uuid,
       coalesce($8::uuid, $3::uuid), '{}', $9, $9, $9, 'sotkamo:u-1042', 'caseworker', 'te_office',
       'S1', '2021-03-01', 'waiting', 'waiting', $1, last_number, $10, $11, $12, $13, $14, 0
FROM queue
"""


@dataclass(frozen=True)
class Queued:
    """An item as the tests put it into a queue."""

    information_id: str
    client_id: str
    body: bytes


@dataclass
class Post:
    """The database of a relay, items put into its queues, and couriers that empty them."""

    database: TestDatabase
    pool: Pool
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    now: datetime = NOW

    def clock(self) -> datetime:
        return self.now

    def new_id(self) -> str:
        self.now += timedelta(milliseconds=1)
        return new_ids_at(self.now)()

    async def enqueue(
        self,
        *,
        client_id: str | None = None,
        receiver_id: str = RECEIVER,
        replaces: Queued | None = None,
        root: Queued | None = None,
        is_restricted: bool = False,
        deliver_by_at: datetime | None = None,
    ) -> Queued:
        """Put an item at the end of a client's queue, as the intake does."""
        information_id = self.new_id()
        client_id = client_id if client_id is not None else self.new_id()
        body = b'{"information_id":"%s"}' % information_id.encode()
        due_at = deliver_by_at if deliver_by_at is not None else self.now + timedelta(days=2)
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                ENQUEUE,
                receiver_id,
                client_id,
                information_id,
                ORGANISATION,
                f"SOT-{next(_numbers)}",
                "new" if replaces is None else "correct",
                None if replaces is None else replaces.information_id,
                None if replaces is None else (root or replaces).information_id,
                self.now,
                is_restricted,
                body,
                digest_of(body),
                due_at,
                due_at - timedelta(days=1),
            )
            await connection.execute("NOTIFY relay_queue")
        return Queued(information_id, client_id, body)

    async def enqueue_many(self, client_id: str, *, count: int, deliver_by_at: datetime) -> None:
        """Put many items at the end of a client's queue."""
        for _ in range(count):
            await self.enqueue(client_id=client_id, deliver_by_at=deliver_by_at)

    async def wait_for_client(self) -> Queued:
        """Accept an item whose client is not known."""
        item = await self.enqueue()
        await self.rows("DELETE FROM client_queues WHERE client_id = $1", item.client_id)
        await self.rows(
            "UPDATE information SET state = 'waiting_for_client', receiver_id = NULL,"
            " number = NULL, body = NULL, digest = NULL, deliver_by_at = NULL, warn_at = NULL"
            " WHERE information_id = $1",
            item.information_id,
        )
        return item

    async def rows(self, statement: str, *arguments: object) -> list[Any]:
        async with self.pool.acquire() as connection:
            return await connection.fetch(statement, *arguments)

    async def value(self, statement: str, *arguments: object) -> Any:  # noqa: ANN401 - of any type
        async with self.pool.acquire() as connection:
            return await connection.fetchval(statement, *arguments)

    async def state_of(self, item: Queued) -> tuple[str, str | None]:
        [row] = await self.rows(
            "SELECT state, state_reason FROM information WHERE information_id = $1",
            item.information_id,
        )
        return row["state"], row["state_reason"]

    async def outcomes_of(self, item: Queued) -> list[str]:
        rows = await self.rows(
            "SELECT outcome FROM delivery_attempts WHERE information_id = $1 ORDER BY attempt",
            item.information_id,
        )
        return [row["outcome"] for row in rows]

    async def events(self) -> list[tuple[str, str]]:
        """Return type and channel of every event, in order."""
        rows = await self.rows("SELECT body, channel FROM outbox ORDER BY position")
        return [(_type_of(row["body"]), row["channel"]) for row in rows]

    async def pause(self, receiver_id: str) -> None:
        await self.rows(
            "UPDATE receivers SET is_paused = true, pause_reason = 'test', paused_by = 'test'"
            " WHERE receiver_id = $1",
            receiver_id,
        )

    async def resume(self, receiver_id: str) -> None:
        await self.rows(
            "UPDATE receivers SET is_paused = false WHERE receiver_id = $1", receiver_id
        )

    async def until_attempted(self, item: Queued, *, times: int = 1) -> None:
        """Wait until so many calls about an item have ended."""

        async def attempted() -> bool:
            return len(await self.outcomes_of(item)) >= times

        await self.until(attempted)

    def route(self, *, pace: Pace = QUICK) -> Route:
        return Route(
            receiver_ids=frozenset({RECEIVER, OTHER_RECEIVER, *self.endpoints}),
            endpoints=Endpoints(None, self.endpoints),
            answers=load_answers(files("statement_relay") / "data" / "answers.toml"),
            pace=pace,
        )

    async def make_known(self, *receiver_ids: str) -> None:
        """Make standings of receivers, as every courier does when it starts."""
        async with transaction(self.pool) as connection:
            await delivering.make_known(connection, receiver_ids)

    async def claim(self, *, lease_s: float) -> None:
        """Claim what is due and do nothing about it, as a courier that ends before its call."""
        await self.make_known(*self.endpoints)
        await self.turn(lease_s=lease_s)

    async def turn(
        self,
        ended: Sequence[Called] = (),
        *,
        unsettled: Sequence[Decided] = (),
        ready: Sequence[Delivery] = (),
        running: Mapping[str, int] | None = None,
        lease_s: float = 60.0,
    ) -> Turn:
        """Take one turn as a courier does, and begin no call."""
        desk = self._desk(lease_s=lease_s)
        async with transaction(self.pool) as connection:
            running = running or {}
            held = Held(unsettled=unsettled, ready=ready, running=running, ready_max=running)
            return await delivering.take_turn(connection, ended, held=held, desk=desk)

    async def settle(self, ended: Sequence[Called]) -> None:
        """Decide on calls and settle them, as a courier does when it ends."""
        desk = self._desk()
        async with transaction(self.pool) as connection:
            decided = await delivering.decide(connection, ended, desk=desk)
        async with transaction(self.pool) as connection:
            await delivering.settle(connection, decided, desk=desk)

    def _desk(self, *, lease_s: float = 60.0) -> DeliveryDesk:
        return DeliveryDesk(
            endpoints=Endpoints(None, self.endpoints),
            pace=Pace(lease_s=lease_s),
            call=Call(organisation=SERVICE, request_id=self.new_id(), traceparent=""),
            moment=moment_at(self.clock, source=SOURCE),
            draw=lambda: 0.0,
        )

    @contextlib.asynccontextmanager
    async def courier(self, *, pace: Pace = QUICK) -> AsyncIterator[Courier]:
        """Run a courier inside the block; at its end it lets its calls end."""
        courier = Courier(
            self.pool,
            self.route(pace=pace),
            clock=self.clock,
            metrics=CourierMetrics(CollectorRegistry()),
        )
        async with courier.listening(self.database.url):
            task = asyncio.create_task(courier.run())
            try:
                yield courier
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds, at most thirty seconds."""
        async with asyncio.timeout(DEADLINE_S):
            while not await holds():  # noqa: ASYNC110 - another process commits, and tells nobody
                await asyncio.sleep(0.01)

    async def until_settled(self, items: Sequence[Queued]) -> None:
        """Wait until none of the items waits or is being delivered."""
        ids = [item.information_id for item in items]

        async def settled() -> bool:
            left = await self.value(
                "SELECT count(*) FROM information WHERE information_id = ANY($1::uuid[])"
                " AND state IN ('waiting', 'delivering')",
                ids,
            )
            return bool(left == 0)

        await self.until(settled)


def put_ids(server: Server) -> list[str]:
    """Return which items were put, in the order in which they came."""
    return [heard.path.rpartition("/")[2] for heard in server.heard]


def _type_of(body: bytes) -> str:
    kind: str = msgspec.json.decode(body)["type"]
    return kind.removeprefix("fi.kuntavayla.").removesuffix(".v1")


@contextlib.asynccontextmanager
async def open_post(database: TestDatabase) -> AsyncIterator[Post]:
    pool = await open_pool(database.url)
    try:
        yield Post(database, pool)
    finally:
        await pool.close()
