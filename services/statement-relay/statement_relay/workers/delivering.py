"""The courier: takes turns, makes the calls between them, any number of couriers side by side.

What holds across processes stands in the database; a courier that is killed leaves leases that run
out, and what it was sending is sent again with the same bytes.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric

from kuntavayla.database import AGAIN, AWAY, BUSY, Pool, transaction
from kuntavayla.database.connections import open_connection
from kuntavayla.service.moments import Call
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.telemetry import log, new_traceparent
from statement_relay.clients.adapters import Adapter, Adapters
from statement_relay.clients.parcels import Parcel
from statement_relay.clients.trust import Whose
from statement_relay.events import SERVICE, SOURCE
from statement_relay.operations import delivering
from statement_relay.operations.delivering import Decided, DeliveryDesk, Held, Turn
from statement_relay.rules.answers import AnswerTable
from statement_relay.rules.deliveries import Called, Delivery, Pace
from statement_relay.rules.endpoints import Endpoints
from statement_relay.workers.ready import ReadyClaims
from statement_relay.workers.settling import PASSING, Settler

POLL_S = 1.0
"""How long a courier that nobody has woken waits before it looks by itself."""
PAUSE_S = 0.5
"""The pause after a turn that failed."""
LISTEN_AGAIN_S = 1.0
GRACE_S = 10.0
"""How long calls under way may take at the end; those beyond it are made again by somebody else."""
_TRIED_AGAIN: tuple[type[BaseException], ...] = (*PASSING, asyncio.CancelledError)
"""After these the same is done once more, at the latest when the courier ends."""
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Route(Struct, frozen=True, kw_only=True):
    """What a courier goes by: receivers and their addresses, what answers mean, how fast."""

    receiver_ids: frozenset[str]
    endpoints: Endpoints
    answers: AnswerTable
    pace: Pace


class CourierMetrics:
    """What a courier does, as metrics of its process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = CounterMetric(
            "kuntavayla_relay_attempts",
            "Calls to receivers, by what came of them.",
            ("receiver", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "kuntavayla_relay_attempt_seconds",
            "Seconds of a call to a receiver.",
            ("receiver",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.under_way = Gauge(
            "kuntavayla_relay_calls_under_way", "Calls that run now.", registry=registry
        )

    def count(self, called: Called) -> None:
        """Count a call that has ended."""
        receiver_id = called.delivery.receiver_id
        self._attempts.labels(receiver_id, called.verdict.code).inc()
        seconds = (called.ended_at - called.started_at).total_seconds()
        self._seconds.labels(receiver_id).observe(max(0.0, seconds))


class Courier:
    """Delivers for one process until cancelled."""

    def __init__(
        self,
        pool: Pool,
        route: Route,
        *,
        clock: Callable[[], datetime],
        metrics: CourierMetrics,
    ) -> None:
        self._pool = pool
        self._route = route
        self._clock = clock
        self._metrics = metrics
        self._adapters = Adapters(route.endpoints, clock=clock)
        self._ended: list[Called] = []
        self._never_begun: list[Delivery] = []
        self._ready = ReadyClaims(calm_s=route.pace.calm_s, lately_s=route.pace.lately_s)
        self._running: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        """Places of calls that have ended since the turn began, and that nothing has taken."""
        self._is_slow = False
        """Whether the last turn took so long that nothing found by it holds any more."""
        self._calls: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._settler = Settler(self._settle, settled=self._look_again)

    def prepare(self) -> None:
        """Find receivers whose certificates can not be used: before anything is sent."""
        self._adapters.prepare()

    async def renew(self, endpoints: Endpoints) -> None:
        """Go by newer addresses and certificates, receiver by receiver."""
        await self._adapters.renew(endpoints)

    def unusable(self) -> set[str]:
        """Return receivers of which a file is no good, by the newest look at them."""
        return self._adapters.unusable(self._known)

    def certificate_ends(self) -> Iterator[tuple[str, Whose, datetime]]:
        """Yield until when the certificates in use hold, by receiver."""
        yield from self._adapters.certificate_ends()

    async def deliver(self, url: str) -> None:
        """Deliver until cancelled, woken by whoever puts something into a queue."""
        async with self.listening(url):
            await self.run()

    async def run(self) -> None:
        """Take turns until cancelled; then let calls under way end for a while, and settle them."""
        try:
            await self._run()
        finally:
            await self._end()

    def wake(self) -> None:
        """Let the next turn begin now: something may be due."""
        self._woken.set()

    def cut_off(self) -> None:
        """Break off the calls under way: their leases run out, and somebody makes them again."""
        for task in self._calls:
            task.cancel()

    @contextlib.asynccontextmanager
    async def listening(self, url: str) -> AsyncIterator[None]:
        """Be woken inside the block by whoever puts something into a queue."""
        task = asyncio.create_task(self._listen(url))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        is_known = False
        while True:
            self._woken.clear()
            pause_s = PAUSE_S
            try:
                if not is_known:
                    await self._make_known()
                    is_known = True
                pause_s = await self._take_turn()
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                log.warning("relay.turn_failed", error_type=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()

    async def _make_known(self) -> None:
        async with transaction(self._pool) as connection:
            await delivering.make_known(connection, self._route.receiver_ids)

    async def _take_turn(self) -> float:
        """Decide on what has ended, begin what may be sent; return in how long to look again."""
        if self._settler.is_behind:
            return POLL_S
        await self._give_back()
        began_at = time.monotonic()
        ended, self._ended = self._ended, []
        self._places.clear()
        ready_max = self._ready.begin_turn(now_s=began_at)
        try:
            async with transaction(self._pool) as connection:
                held = self._held({} if self._is_slow else ready_max)
                turn = await delivering.take_turn(connection, ended, held=held, desk=self._desk())
        except BaseException:
            self._ended = [*ended, *self._ended]
            raise
        self._settler.add(turn.decided)
        self._begin_claimed(turn, claimed_at=began_at)
        self._is_slow = time.monotonic() - began_at > self._route.pace.calm_s
        return POLL_S if turn.again_in_s is None else min(POLL_S, turn.again_in_s)

    async def _give_back(self) -> None:
        """Undo the claims of which no call was made; what cannot be is left to its lease."""
        if not self._never_begun:
            return
        given, self._never_begun = self._never_begun, []
        try:
            async with transaction(self._pool) as connection:
                await delivering.give_back(connection, given)
        except _TRIED_AGAIN:
            self._never_begun = [*given, *self._never_begun]
            raise

    async def _settle(self, decided: Sequence[Decided]) -> Sequence[Decided]:
        async with transaction(self._pool) as connection:
            return await delivering.settle(connection, decided, desk=self._desk())

    def _look_again(self, settled: Sequence[Decided]) -> None:
        """Look at once for what is due behind settled items, and again when one's wait is over."""
        self._woken.set()
        waits_s = [one.fate.wait_s for one in settled if one.fate.state == "waiting"]
        if waits_s and min(waits_s) < POLL_S:
            asyncio.get_running_loop().call_later(min(waits_s), self._woken.set)

    def _begin(self, delivery: Delivery, *, claimed_at: float) -> None:
        adapter = self._adapters.find(delivery.receiver_id)
        if adapter is None:
            # A newer file has taken its address away since, or its certificate cannot be read just
            # now.
            self._leave(delivery)
            return
        task = asyncio.create_task(self._call(adapter, delivery, claimed_at=claimed_at))
        self._calls.add(task)
        self._running[delivery.receiver_id] += 1
        self._metrics.under_way.inc()
        task.add_done_callback(self._forget)

    def _begin_claimed(self, turn: Turn, *, claimed_at: float) -> None:
        """Begin what a turn has claimed, and what lay ready, as far as there are places."""
        begun, left = self._ready.end_turn(turn, claimed_at=claimed_at)
        for delivery in begun:
            self._begin(delivery, claimed_at=claimed_at)
        for delivery in left:
            self._leave(delivery)
        for receiver_id in (Counter(turn.places) + self._places).elements():
            ready = self._ready.next(receiver_id)
            if ready is not None:
                self._begin(ready[0], claimed_at=ready[1])

    def _take_place(self, called: Called) -> None:
        """Give the place of a call that has ended to a claim that lies ready, if it still may.

        Calls that take long say nothing of how soon the next place falls free.
        """
        receiver_id, now_s = called.delivery.receiver_id, time.monotonic()
        took_s = (called.ended_at - called.started_at).total_seconds()
        if took_s <= self._route.pace.lately_s / 2:
            self._ready.note_ended(receiver_id, now_s=now_s)
        if self._settler.is_behind or not self._ready.is_calm(receiver_id, now_s=now_s):
            return
        ready = self._ready.next(receiver_id)
        if ready is None:
            self._places[receiver_id] += 1
        else:
            self._begin(ready[0], claimed_at=ready[1])

    def _held(self, ready_max: Mapping[str, int]) -> Held:
        return Held(
            unsettled=self._settler.unsettled,
            ready=self._ready.all,
            running=dict(self._running),
            ready_max=ready_max,
        )

    def _leave(self, delivery: Delivery) -> None:
        """Make no call of a claim; the next turn gives it back."""
        self._never_begun.append(delivery)
        self._woken.set()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._metrics.under_way.dec()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("relay.call_failed", error_type=type(error).__name__)

    async def _call(self, adapter: Adapter, delivery: Delivery, *, claimed_at: float) -> None:
        """Call; then let the place go to what lies ready, unless its receiver is in trouble."""
        receiver_id = delivery.receiver_id
        try:
            called = await self._called(adapter, delivery, claimed_at=claimed_at)
        finally:
            self._running[receiver_id] -= 1
        if called is None:
            self._leave(delivery)
            return
        self._metrics.count(called)
        self._ended.append(called)
        if called.counts_against or called.hold_s is not None:
            wants_none = called.hold_s is not None
            for ready in self._ready.upset(receiver_id, wants_none=wants_none):
                self._leave(ready)
        else:
            self._take_place(called)
        self._woken.set()

    async def _called(
        self, adapter: Adapter, delivery: Delivery, *, claimed_at: float
    ) -> Called | None:
        """Call within half of the lease: what is left of it settles the outcome.

        Where the claim has taken all of that half there is no call: the receiver is not to blame.
        """
        pace = self._route.pace
        left_s = pace.lease_s / 2 - (time.monotonic() - claimed_at)
        if left_s <= 0:
            return None
        started_at = self._clock()
        answer = await adapter.put(
            Parcel(
                information_id=delivery.information_id,
                body=delivery.body,
                digest=delivery.digest,
                request_id=delivery.lease_token,
                official_id=delivery.official_id,
            ),
            timeout_s=min(pace.call_s_max, left_s),
        )
        return Called(
            delivery=delivery,
            request_id=delivery.lease_token,
            started_at=started_at,
            ended_at=self._clock(),
            answer=answer,
            verdict=self._route.answers.verdict(answer, digest=delivery.digest),
        )

    async def _end(self) -> None:
        self._never_begun += self._ready.clear()
        handing_back = asyncio.create_task(self._hand_back())
        await asyncio.wait([handing_back, *self._calls], timeout=GRACE_S)
        handing_back.cancel()
        self.cut_off()
        with contextlib.suppress(*AWAY, *AGAIN, *BUSY):
            async with transaction(self._pool) as connection:
                decided = await delivering.decide(connection, self._ended, desk=self._desk())
            self._settler.add(decided)
            await self._give_back()
        await self._settler.end()
        await self._adapters.close()

    async def _hand_back(self) -> None:
        """Undo the claims of which no call will be made, while calls end; else leases run out."""
        try:
            await self._give_back()
        except Exception as error:  # noqa: BLE001 - calls end whatever fails here
            log.warning("relay.hand_back_failed", error_type=type(error).__name__)

    @property
    def _known(self) -> frozenset[str]:
        return self._route.receiver_ids | self._route.endpoints.named

    def _desk(self) -> DeliveryDesk:
        moment = moment_at(self._clock, source=SOURCE)
        return DeliveryDesk(
            endpoints=self._adapters.callable(self._known),
            pace=self._route.pace,
            call=Call(
                organisation=SERVICE, request_id=moment.new_id(), traceparent=new_traceparent()
            ),
            moment=moment,
            draw=random.random,
        )

    async def _listen(self, url: str) -> None:
        while True:
            try:
                await self._listen_once(url)
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                log.warning("relay.listener_lost", error_type=type(error).__name__)
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _listen_once(self, url: str) -> None:
        connection = await open_connection(url)
        gone = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: gone.set())
            await connection.add_listener(
                delivering.NOTIFY_CHANNEL, lambda _c, _p, _n, _payload: self.wake()
            )
            self.wake()
            await gone.wait()
        finally:
            connection.terminate()
