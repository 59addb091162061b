"""The row ledger-bulk: decisions by 500 a call on one account, beside bare batches of asyncpg.

The floor reads back what a round has stored and adds the same rows to an empty database, 500
decisions a transaction, one statement a table: nothing is decoded, judged or answered.
"""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

from msgspec import Struct

from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.processes import processor_s
from tests.bench.children import Serving, run_job
from tests.bench.ledger_bulk_floor import FloorJob, FloorReport
from tests.bench.ledger_stand import (
    PACKAGE,
    PREFIX,
    RESERVED,
    ROLE,
    SENDER,
    bodies,
    check_sums,
    ledger,
    ledger_database,
    spent_note,
)
from tests.bench.load_process import LoadReport
from tests.bench.requests import request_of, run_load
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Stand, standing

PROCESSES = 2
"""Of the service, as many as cores: what one of them stores, the other has read and judged."""
CONNECTIONS = 2
"""Calls at once, one to each process."""
A_CALL = 500
CALLS_DEFAULT = 60
WARM_UP_CALLS = 4
WANTED_BY = 4
FEW = 1_000
"""K: behind the watch, 4K decisions want the money of so many."""


class Run(Struct, frozen=True):
    """One round: decisions a second of bench and floor, and processor µs of each decision."""

    rate: float
    floor: float
    spent: tuple[float, float]
    floor_spent: tuple[float, float]


async def _load(
    stand: Stand, processes: Sequence[Serving], *, calls: int, accepted: int
) -> LoadReport:
    authorization = stand.authorization(SENDER)
    requests = [
        request_of(
            "/decisions:bulk",
            b"\n".join(bodies(A_CALL)),
            authorization=authorization,
            prefix=PREFIX,
            media_type="application/x-ndjson",
        )
        for _ in range(calls)
    ]
    answer = await run_load(
        requests,
        stand.folder,
        ports=[process.port for process in processes],
        connections=CONNECTIONS,
        counted=RESERVED,
    )
    assert answer.statuses == {"200": calls}, (answer.statuses, answer.first_answer)
    assert answer.counted == accepted, (answer.counted, accepted, answer.first_answer[-500:])
    return answer


async def _bench(
    stand: Stand, database: TestDatabase, *, calls: int
) -> tuple[float, tuple[float, float]]:
    """Warm up, measure, let 4K want what is left for K, add everything up."""
    warm, count = WARM_UP_CALLS * A_CALL, calls * A_CALL
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(ledger(stand, database)) for _ in range(PROCESSES)
        ]
        await _load(stand, processes, calls=WARM_UP_CALLS, accepted=warm)
        before, server_before = _processor_s(processes), stand.processor_s()
        timed = await _load(stand, processes, calls=calls, accepted=count)
        used = _processor_s(processes) - before
        server_used = stand.processor_s() - server_before
        await _load(stand, processes, calls=WANTED_BY * FEW // A_CALL, accepted=FEW)
    await check_sums(
        database.owner_url, decisions=warm + count + WANTED_BY * FEW, accepted=warm + count + FEW
    )
    return count / timed.seconds, (1e6 * used / count, 1e6 * server_used / count)


def _processor_s(processes: Sequence[Serving]) -> float:
    return sum(processor_s(process.pid) or 0.0 for process in processes)


async def _round(stand: Stand, *, calls: int) -> Run:
    count = calls * A_CALL
    fits = WARM_UP_CALLS * A_CALL + count + FEW
    async with (
        ledger_database(stand, fits=fits) as database,
        stand.databases.database(PACKAGE, role=ROLE) as target,
    ):
        rate, spent = await _bench(stand, database, calls=calls)
        assert stand.server.pid is not None, "the server runs as long as its row"
        job = FloorJob(
            database.owner_url,
            target.owner_url,
            stand.server.pid,
            decisions=count,
            batch=A_CALL,
        )
        floor = await run_job("tests.bench.ledger_bulk_floor", job, kind=FloorReport)
        await check_sums(target.owner_url, decisions=count, accepted=count)
    floor_spent = (1e6 * floor.processor_s / count, 1e6 * floor.server_s / count)
    return Run(rate, count / floor.seconds, spent, floor_spent)


async def run() -> list[Result]:
    """Run the row and return its result."""
    calls = int(os.environ.get("DECISIONS", CALLS_DEFAULT * A_CALL)) // A_CALL
    runs: list[Run] = []
    async with standing() as stand:
        for number in range(rounds_wanted()):
            runs.append(await _round(stand, calls=calls))
            rate, floor = runs[-1].rate, runs[-1].floor
            print(f"ledger-bulk {number + 1}: {rate:,.0f}/s, floor {floor:,.0f}/s", flush=True)
    return [
        result_of(
            "ledger-bulk",
            [one.rate for one in runs],
            [one.floor for one in runs],
            unit=f"decisions/s on one account, {A_CALL} a call, {PROCESSES} processes",
            notes=[
                spent_note("bench", [one.spent for one in runs]),
                spent_note("floor", [one.floor_spent for one in runs]),
                f"exactly {FEW:,} of {WANTED_BY * FEW:,} accepted at the boundary",
            ],
        )
    ]
