"""The row intake: one registration a call, beside a route that only validates and answers.

64 connections. Closed loop for the rate, then open loop at half of that rate for the latencies.
Every call is a new person with a key of its own; bench and floor get the same bodies from the same
generator.
"""

import itertools
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median

import asyncpg
from msgspec import Struct

from kuntavayla_sandbox.processes import processor_s
from tests.bench.load_process import LoadReport
from tests.bench.people import people_file, registrations_wanted
from tests.bench.requests import request_of, run_load
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.routing_process import FLOOR_PATH
from tests.bench.stand import Routing, Stand, standing

PATH = "/registrations"
SENDER = "te-national"
CONNECTIONS = 64
CALLS = 12_000
"""Calls of one round by default: two thirds in the closed loop, the rest in the open one."""
WARM_UP = 500
_keys = itertools.count(1)
COUNTS = """
SELECT (SELECT count(*) FROM registrations) AS registrations,
       (SELECT count(*) FROM decisions) AS decisions,
       (SELECT count(*) FROM idempotency_keys) AS keys, (SELECT count(*) FROM outbox) AS events
"""


class Run(Struct, frozen=True):
    """One round of bench or floor: both loops, and the processor µs of a call in the closed one."""

    closed: LoadReport
    opened: LoadReport
    api_us: float
    server_us: float

    @property
    def rate(self) -> float:
        """Return the calls per second of the closed loop."""
        return sum(self.closed.statuses.values()) / self.closed.seconds


class Intake:
    """The running service with its floor, and the people who are still to be sent."""

    def __init__(self, stand: Stand, routing: Routing, *, path: Path, calls: int) -> None:
        self._stand = stand
        self._routing = routing
        self._calls = calls
        self._lines = path.open("rb")
        self._authorization = stand.authorization(SENDER)
        self.sent = 0

    def take(self, count: int) -> list[bytes]:
        """Return the bodies of the next people."""
        self.sent += count
        return [line.rstrip(b"\n") for line in islice(self._lines, count)]

    async def load(
        self, path: str, bodies: Sequence[bytes], *, rate: float | None = None
    ) -> LoadReport:
        """Send bodies to a route; each must be answered 201, or counted as dropped."""
        requests = [
            request_of(
                path,
                body,
                authorization=self._authorization,
                headers=(f"Idempotency-Key: bench-{next(_keys)}",),
            )
            for body in bodies
        ]
        answer = await run_load(
            requests,
            self._stand.folder,
            ports=[self._routing.process.port],
            connections=CONNECTIONS,
            rate=rate,
        )
        answered = answer.statuses.get("201", 0)
        assert answered + answer.dropped == len(bodies), answer.statuses
        assert rate is not None or answer.dropped == 0
        return answer

    async def round(self, path: str, bodies: Sequence[bytes]) -> Run:
        """Run the closed loop over two thirds of the bodies, then the open one over the rest."""
        border = len(bodies) * 2 // 3
        pid = self._routing.process.pid
        before, server_before = processor_s(pid) or 0.0, self._stand.processor_s()
        closed = await self.load(path, bodies[:border])
        used = (processor_s(pid) or 0.0) - before
        server_used = self._stand.processor_s() - server_before
        opened = await self.load(path, bodies[border:], rate=border / closed.seconds / 2)
        return Run(closed, opened, 1e6 * used / border, 1e6 * server_used / border)


async def run() -> list[Result]:
    """Run the row and return its results: the rate and the latency at half load."""
    rounds, calls = rounds_wanted(), registrations_wanted(CALLS)
    path = people_file(rounds * calls + 2 * WARM_UP)
    benches: list[Run] = []
    floors: list[Run] = []
    async with standing() as stand, stand.database() as database:
        async with stand.routing(database) as routing:
            first = Intake(stand, routing, path=path, calls=calls)
            answer = (await first.load(PATH, first.take(1))).first_answer
        async with stand.routing(database, floor_answer=answer) as routing:
            intake = Intake(stand, routing, path=path, calls=calls)
            intake.take(1)
            for warmed in (PATH, FLOOR_PATH):
                await intake.load(warmed, intake.take(WARM_UP - 1))
            dropped = 0
            for number in range(rounds):
                bodies = intake.take(calls)
                benches.append(await intake.round(PATH, bodies))
                floors.append(await intake.round(FLOOR_PATH, bodies))
                dropped += benches[-1].opened.dropped
                print(
                    f"intake {number + 1}: {benches[-1].rate:.0f}/s, floor {floors[-1].rate:.0f}/s"
                )
        stored = intake.sent - (WARM_UP - 1) - dropped
        connection = await asyncpg.connect(database.owner_url)
        counts = dict(await connection.fetchrow(COUNTS) or {})
        await connection.close()
        assert counts == {
            "registrations": stored,
            "decisions": stored,
            "keys": stored,
            "events": 2 * stored,
        }, (counts, stored)
    return [_rate(benches, floors), _latency(benches, floors)]


def _rate(benches: Sequence[Run], floors: Sequence[Run]) -> Result:
    return result_of(
        "intake",
        [one.rate for one in benches],
        [one.rate for one in floors],
        unit="registrations/s, 64 connections",
        notes=[
            _spent("bench", benches),
            _spent("floor", floors),
            "floor: the same app, edge, token and decoder; answers the bytes of a real decision",
        ],
    )


def _spent(name: str, runs: Sequence[Run]) -> str:
    api = median(one.api_us for one in runs)
    server = median(one.server_us for one in runs)
    load = median(1e6 * one.closed.spent.processor_s / _calls(one) for one in runs)
    return (
        f"{name}: processor µs per call: routing-api {api:.0f}, PostgreSQL {server:.0f},"
        f" generator {load:.0f}"
    )


def _calls(one: Run) -> int:
    return sum(one.closed.statuses.values())


def _latency(benches: Sequence[Run], floors: Sequence[Run]) -> Result:
    notes = [
        f"{name}: p50 {median(one.opened.latencies_ms['p50'] for one in runs):.1f} ms, slowest"
        f" {max(one.opened.latencies_ms['max'] for one in runs):.0f} ms, dropped"
        f" {sum(one.opened.dropped for one in runs)}"
        for name, runs in (("bench", benches), ("floor", floors))
    ]
    return result_of(
        "intake-p99",
        [one.opened.latencies_ms["p99"] for one in benches],
        [one.opened.latencies_ms["p99"] for one in floors],
        unit="ms at half load, from the planned time",
        notes=notes,
    )
