"""The row ledger-hot: one decision a call, all on one account, beside an ordinary ledger.

64 connections in closed loop. Money is there for exactly as many decisions as the watch counts and
K more; behind the watch 4K calls want it, and exactly K may get it.
"""

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from msgspec import Struct

from kuntavayla_sandbox.processes import processor_s
from tests.bench.children import Serving, serving
from tests.bench.ledger_stand import (
    ACCOUNT,
    CLIENTS,
    COST,
    PREFIX,
    RESERVED,
    ROLE,
    SENDER,
    bodies,
    check_sums,
    client_id,
    ledger,
    ledger_database,
    spent_note,
)
from tests.bench.load_process import LoadReport
from tests.bench.ordinary_ledger import OrdinaryJob
from tests.bench.requests import request_of, run_load
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Stand, standing

CONNECTIONS = 64
CALLS_DEFAULT = 8_000
WARM_UP = 100
WANTED_BY = 4
"""At the boundary so many calls want the money of one."""
SHARE_AT_BOUNDARY = 8
"""K is this part of the calls that the watch counts."""
_keys = itertools.count(1)


class Target(Struct, frozen=True):
    """A running ledger of either kind: its process, its database's owner, its routes' prefix."""

    process: Serving
    owner_url: str
    prefix: str


class Run(Struct, frozen=True):
    """One round of bench or floor: calls a second, processor µs a call, and at the boundary."""

    rate: float
    spent: tuple[float, float]
    p99_ms: float
    boundary_rate: float


@asynccontextmanager
async def _bench(stand: Stand, *, fits: int) -> AsyncIterator[Target]:
    async with (
        ledger_database(stand, fits=fits) as database,
        ledger(stand, database) as process,
    ):
        yield Target(process, database.owner_url, PREFIX)


@asynccontextmanager
async def _floor(stand: Stand, *, fits: int) -> AsyncIterator[Target]:
    async with stand.databases.empty(role=ROLE) as database:
        job = OrdinaryJob(
            url=database.owner_url,
            area_code=ACCOUNT.area_code,
            instrument=ACCOUNT.instrument,
            budget_year=ACCOUNT.budget_year,
            cents=fits * COST,
            client_ids=[client_id(number) for number in range(CLIENTS)],
        )
        log_file = stand.folder / "ordinary-ledger.log"
        async with serving("tests.bench.ordinary_ledger", job, log_file=log_file) as process:
            yield Target(process, database.owner_url, "")


async def _load(stand: Stand, target: Target, *, count: int, accepted: int) -> LoadReport:
    """Send so many decisions; each is answered 201, and so many of them are reserved."""
    authorization = stand.authorization(SENDER)
    requests = [
        request_of(
            "/decisions",
            body,
            authorization=authorization,
            headers=(f"Idempotency-Key: bench-{next(_keys)}",),
            prefix=target.prefix,
        )
        for body in bodies(count)
    ]
    answer = await run_load(
        requests,
        stand.folder,
        ports=[target.process.port],
        connections=CONNECTIONS,
        counted=RESERVED,
    )
    assert answer.statuses == {"201": count}, (answer.statuses, answer.first_answer)
    assert answer.counted == accepted, (answer.counted, accepted)
    return answer


async def _round(stand: Stand, target: Target, *, calls: int) -> Run:
    """Warm up, measure, and let 4K want what is left for K; then add everything up."""
    few = calls // SHARE_AT_BOUNDARY
    await _load(stand, target, count=WARM_UP, accepted=WARM_UP)
    before, server_before = processor_s(target.process.pid) or 0.0, stand.processor_s()
    timed = await _load(stand, target, count=calls, accepted=calls)
    used = (processor_s(target.process.pid) or 0.0) - before
    server_used = stand.processor_s() - server_before
    boundary = await _load(stand, target, count=WANTED_BY * few, accepted=few)
    accepted = WARM_UP + calls + few
    decisions = WARM_UP + calls + WANTED_BY * few
    await check_sums(target.owner_url, decisions=decisions, accepted=accepted)
    return Run(
        calls / timed.seconds,
        (1e6 * used / calls, 1e6 * server_used / calls),
        timed.latencies_ms["p99"],
        WANTED_BY * few / boundary.seconds,
    )


async def run() -> list[Result]:
    """Run the row and return its result."""
    calls = int(os.environ.get("DECISIONS", CALLS_DEFAULT))
    fits = WARM_UP + calls + calls // SHARE_AT_BOUNDARY
    benches: list[Run] = []
    floors: list[Run] = []
    async with standing() as stand:
        for number in range(rounds_wanted()):
            async with _bench(stand, fits=fits) as target:
                benches.append(await _round(stand, target, calls=calls))
            async with _floor(stand, fits=fits) as target:
                floors.append(await _round(stand, target, calls=calls))
            rate, floor = benches[-1].rate, floors[-1].rate
            print(f"ledger-hot {number + 1}: {rate:,.0f}/s, floor {floor:,.0f}/s", flush=True)
    few = calls // SHARE_AT_BOUNDARY
    return [
        result_of(
            "ledger-hot",
            [one.rate for one in benches],
            [one.rate for one in floors],
            unit=f"decisions/s on one account, {CONNECTIONS} connections",
            notes=[
                *_notes("bench", benches),
                *_notes("floor", floors),
                f"exactly {few:,} of {WANTED_BY * few:,} accepted at the boundary, by both",
            ],
        )
    ]


def _notes(name: str, runs: list[Run]) -> list[str]:
    p99 = median(one.p99_ms for one in runs)
    rate = median(one.boundary_rate for one in runs)
    return [
        spent_note(name, [one.spent for one in runs]),
        f"{name}: p99 {p99:.0f} ms; at the boundary {rate:,.0f} calls/s",
    ]
