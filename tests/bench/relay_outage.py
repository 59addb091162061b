"""The row relay-outage: 50 items a second while their receiver is away for ten minutes.

Real time, real processes. Another receiver stays, gets 5 items a second meanwhile, and must not
notice. The row has no floor; it asserts that nothing is lost, doubled or out of order.
"""

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

import asyncpg
from msgspec import Struct

from kuntavayla_sandbox import relay_service
from kuntavayla_sandbox.processes import peak_memory_mib
from tests.bench.outage_checking import load, violations
from tests.bench.outage_receiver import read_puts
from tests.bench.outage_sender import OpenLoop
from tests.bench.outage_site import (
    AWAY,
    AWAY_RATE,
    CONCURRENCY,
    STAYS,
    STAYS_RATE,
    Mark,
    Site,
    lanes_of,
    outage_site,
)
from tests.bench.results import Result, share_of
from tests.bench.stand import Stand, standing
from tests.faults.relay_checking import Stored
from tests.faults.relay_items import Sent
from tests.faults.waiting import until

OUTAGE_S_DEFAULT = 600.0
CLIENTS = 2_000
BEFORE_S = AFTER_S = 10.0
DRAINED_S_MAX = 900
ENDED_S_MAX = 600
LOOK_S = 0.5
SHOWN = 5
WAITING = """
SELECT count(*) AS waiting, min(accepted_at) AS oldest_at FROM information
WHERE receiver_id = $1 AND settled_at IS NULL
"""
OF_BEFORE = """
SELECT count(*) FROM information
WHERE receiver_id = $1 AND settled_at IS NULL AND accepted_at < $2
"""
"""Drained is a receiver for which nothing of before its return waits, while traffic goes on."""
LEFT = "SELECT count(*) FROM information WHERE settled_at IS NULL"
FAILED_CALLS = "SELECT count(*) FROM delivery_attempts WHERE outcome <> 'delivered'"
PHASES = (("before", "left"), ("away", "returned"), ("draining", "drained"))
"""The phases of a run, and the mark that ends each."""


class Outage(Struct, frozen=True, kw_only=True):
    """One run: its marks by name, and what was measured between them."""

    marks: Mapping[str, Mark]
    backlog: int
    oldest_s: float
    peak_mib: int
    failed_calls: int
    late_s: float
    stored: Stored
    sent: Mapping[str, Sent]
    answer_s: Mapping[str, Sequence[float]]
    delivery_s: Mapping[str, Sequence[float]]

    @property
    def drain_s(self) -> float:
        """Return the seconds from the receiver's return until it was drained."""
        return self.marks["drained"].at_s - self.marks["returned"].at_s


async def run() -> list[Result]:
    """Run the row once and return its result."""
    async with standing() as stand:
        outage_s = float(os.environ.get("OUTAGE_S", OUTAGE_S_DEFAULT))
        done = await measure(stand, outage_s=outage_s, clients=CLIENTS)
        return [result_of(done, outage_s=outage_s, clients=CLIENTS)]


async def measure(stand: Stand, *, outage_s: float, clients: int) -> Outage:
    """Run an outage of that length; raises AssertionError where anything is not as it should be."""
    lanes = lanes_of(clients)
    async with (
        outage_site(stand, lanes) as site,
        site.receiver(STAYS[2]),
        AsyncExitStack() as leaving,
    ):
        await leaving.enter_async_context(site.receiver(AWAY[2]))
        traffic = OpenLoop(
            f"http://127.0.0.1:{site.relay.port}{relay_service.PATH}",
            authorization=stand.authorization,
            rng=random.Random(1),
        )
        sending = asyncio.create_task(traffic.run(lanes))
        try:
            return await Watch(site, traffic, sending).watch(leaving, outage_s=outage_s)
        finally:
            sending.cancel()
            await asyncio.wait([sending])


class Watch:
    """Lets a receiver leave and come back under traffic, and notes what comes of it."""

    def __init__(self, site: Site, traffic: OpenLoop, sending: asyncio.Task[None]) -> None:
        self._site = site
        self._traffic = traffic
        self._sending = sending
        self._marks: dict[str, Mark] = {}

    async def watch(self, leaving: AsyncExitStack, *, outage_s: float) -> Outage:
        """Run the outage; `leaving` holds the receiver that leaves, and takes it in again."""
        site, traffic = self._site, self._traffic
        looking = await asyncpg.connect(site.database.owner_url)
        await self._lasts(min(BEFORE_S, outage_s))
        await leaving.aclose()
        self._mark("left")
        await self._lasts(outage_s)
        backlog, oldest_s = await _waiting(looking, site.clock)
        print(f"relay-outage: {backlog:,} wait at the return", flush=True)
        self._mark("returning")
        await leaving.enter_async_context(site.receiver(AWAY[2]))
        returned_at = site.clock()
        self._mark("returned")
        await until(
            lambda: _is_drained(looking, returned_at), within_s=DRAINED_S_MAX, poll_s=LOOK_S
        )
        self._mark("drained")
        await self._lasts(min(AFTER_S, outage_s))
        traffic.finish()
        await self._sending
        await until(lambda: _is_over(looking), within_s=ENDED_S_MAX, poll_s=LOOK_S)
        failed_calls = await looking.fetchval(FAILED_CALLS)
        await looking.close()
        return Outage(
            marks=self._marks,
            backlog=backlog,
            oldest_s=oldest_s,
            peak_mib=peak_memory_mib(site.relay.pid) or 0,
            failed_calls=failed_calls,
            late_s=traffic.late_s,
            stored=await self._checked(),
            sent=traffic.sent,
            answer_s=self._by_phase(_answers(traffic)),
            delivery_s=self._by_phase(_deliveries(site, traffic)),
        )

    def _mark(self, name: str) -> None:
        self._marks[name] = self._site.mark()

    async def _lasts(self, seconds: float) -> None:
        """Let traffic go on for a while; fail at once where it breaks."""
        await asyncio.wait([self._sending], timeout=seconds)
        if self._sending.done():
            await self._sending
            raise AssertionError("the traffic ended by itself")

    async def _checked(self) -> Stored:
        """Assert that all is there once and in order, and that the receiver really was away."""
        site, traffic = self._site, self._traffic
        files = {receiver_id: site.file_of(receiver_id) for receiver_id in site.ports}
        stored = await load(site.database.owner_url, files)
        found = [*traffic.complaints, *violations(stored, traffic.sent)]
        assert not found, f"{len(found)} violations, first: {found[:SHOWN]}"
        left_s, returning_s = self._marks["left"].at_s, self._marks["returning"].at_s
        meanwhile = [
            put for put in read_puts(files[AWAY[2]]) if left_s < put.heard_at_s < returning_s
        ]
        assert not meanwhile, "the receiver was not away"
        return stored

    def _by_phase(self, timed: Iterator[tuple[float, float]]) -> dict[str, list[float]]:
        """Return the seconds that things took, by the phase in which they were to begin."""
        ends = [(phase, self._marks[mark].at_s) for phase, mark in PHASES]
        names = [*(phase for phase, _ in PHASES), "after"]
        phases: dict[str, list[float]] = {name: [] for name in names}
        for planned_at_s, took_s in timed:
            phase = next((name for name, end_s in ends if planned_at_s < end_s), "after")
            phases[phase].append(took_s)
        return phases


async def _waiting(looking: asyncpg.Connection, clock: Callable[[], datetime]) -> tuple[int, float]:
    """Return how many items wait for the receiver that is away, and for how long the oldest."""
    row = await looking.fetchrow(WAITING, AWAY[2])
    assert row is not None
    assert row["waiting"], "nobody waits for a receiver that is away"
    return row["waiting"], (clock() - row["oldest_at"]).total_seconds()


async def _is_drained(looking: asyncpg.Connection, returned_at: datetime) -> bool:
    return bool(await looking.fetchval(OF_BEFORE, AWAY[2], returned_at) == 0)


async def _is_over(looking: asyncpg.Connection) -> bool:
    return bool(await looking.fetchval(LEFT) == 0)


def _answers(traffic: OpenLoop) -> Iterator[tuple[float, float]]:
    """Yield when each item was to be sent, and after how long it was answered."""
    for each in traffic.sendings.values():
        yield each.planned_at_s, each.answered_at_s - each.planned_at_s


def _deliveries(site: Site, traffic: OpenLoop) -> Iterator[tuple[float, float]]:
    """Yield the same for the receiver that stays: until it had the item."""
    names = {each.information_id: each.municipal_id for each in traffic.sent.values()}
    for put in read_puts(site.file_of(STAYS[2])):
        if not put.is_repeat:
            planned_at_s = traffic.sendings[names[put.information_id]].planned_at_s
            yield planned_at_s, put.heard_at_s - planned_at_s


def result_of(done: Outage, *, outage_s: float, clients: int) -> Result:
    """Return the row's result."""
    states = [row["state"] for row in done.stored.items]
    traffic = (
        f"{AWAY_RATE:.0f} items/s of {clients:,} clients for the receiver that was away,"
        f" {STAYS_RATE:.0f} items/s for the one that stayed; {CONCURRENCY} calls at once to each"
    )
    ended = (
        f"{len(done.sent):,} items: {states.count('delivered'):,} delivered,"
        f" {states.count('withdrawn'):,} withdrawn unsent; none lost, doubled or out of order"
    )
    backlog = (
        f"{done.backlog:,} waited at the return, the oldest for {done.oldest_s:.0f} s;"
        f" {done.failed_calls:,} calls failed in all"
    )
    return Result(
        bench="relay-outage",
        value=done.drain_s,
        floor=None,
        ratio=None,
        unit=f"s to drain after {outage_s:.0f} s",
        rounds=[{"value": done.drain_s, "floor": None, "ratio": None}],
        notes=[
            traffic,
            ended,
            backlog,
            f"the receiver that stayed had an item, from planned: {_ranks(done.delivery_s)}",
            f"items were answered, from planned: {_ranks(done.answer_s)}",
            f"the sender was at most {done.late_s * 1e3:.0f} ms late",
            f"peak of the relay {done.peak_mib} MiB",
            f"cores while away: {_cores(done.marks, 'left', 'returned')}",
            f"cores while draining: {_cores(done.marks, 'returned', 'drained')}",
        ],
    )


def _cores(marks: Mapping[str, Mark], first: str, last: str) -> str:
    began, ended = marks[first], marks[last]
    took_s = ended.at_s - began.at_s
    return (
        f"relay {(ended.relay_s - began.relay_s) / took_s:.2f},"
        f" PostgreSQL {(ended.server_s - began.server_s) / took_s:.2f}"
    )


def _ranks(phases: Mapping[str, Sequence[float]]) -> str:
    shown = (
        f"{phase} p50 {share_of(found, 0.5) * 1e3:.0f} p99 {share_of(found, 0.99) * 1e3:.0f}"
        f" max {max(found) * 1e3:.0f} ms"
        for phase, found in phases.items()
        if found
    )
    return "; ".join(shown)
