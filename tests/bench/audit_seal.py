"""The row audit-seal: lines written while they are sealed, sealed after each other, verified."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256

from msgspec import Struct

from kuntavayla.audit import (
    AuditLine,
    BlockSpan,
    Sealer,
    SealKey,
    SealKeys,
    append,
    keep_sealing,
    verify,
)
from kuntavayla.audit.electing import SealReport
from kuntavayla.audit.stored_blocks import list_unsealed
from kuntavayla.database import Connection, Pool, open_pool, transaction
from kuntavayla.events import new_ids_at
from kuntavayla.testing import TestDatabase
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import standing
from tests.faults.waiting import until

LINES = 200_000
STANDING = LINES + 1
"""What is in the audit at the end: the register change of the stand is on record too."""
SEALED_WITHIN_S = 60
AT_ONCE = 500
"""Lines of one transaction, as in a batch of a bulk call."""
WRITERS = 4
READ_AT_ONCE = 2_000
SOURCE = "/bench"
KEY = SealKey("bench-1", bytes(range(32)))
NOW = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)


class Round(Struct):
    """Rates of one round, in lines a second."""

    appended: float
    appended_unsealed: float
    sealed: float
    read: float
    verified: float
    seal_processor_us: float
    behind_s: float


async def _nobody(*_: object) -> None:
    """Tell nobody: no legal day ends in a bench."""


def _sealer() -> Sealer:
    return Sealer(KEY, source=SOURCE, clock=lambda: NOW, announce=_nobody)


async def run() -> list[Result]:
    """Run the row and return its results."""
    rounds: list[Round] = []
    async with standing() as stand:
        for number in range(rounds_wanted()):
            async with stand.database() as plain, stand.database() as watched:
                rounds.append(await _round(plain, watched))
            print(f"audit-seal {number + 1}: {rounds[-1].sealed:,.0f} lines/s", flush=True)
    processor_us = min(one.seal_processor_us for one in rounds)
    return [
        result_of(
            "audit-append",
            [one.appended for one in rounds],
            [one.appended_unsealed for one in rounds],
            unit="lines/s written while sealed",
            notes=[
                f"{WRITERS} connections, {AT_ONCE} lines a transaction, {LINES:,} lines",
                f"sealed {max(one.behind_s for one in rounds):.1f} s after the last one at most",
            ],
        ),
        result_of(
            "audit-seal",
            [one.sealed for one in rounds],
            [one.read for one in rounds],
            unit="lines/s sealed",
            notes=[f"processor µs per line of the sealer's process: {processor_us:.1f}"],
        ),
        result_of(
            "audit-verify",
            [one.verified for one in rounds],
            [one.read for one in rounds],
            unit="lines/s verified",
            notes=["the floor of both reads the same bytes and hashes each line once"],
        ),
    ]


async def _round(plain: TestDatabase, watched: TestDatabase) -> Round:
    async with _pool(plain) as pool, _pool(watched) as other:
        appended_unsealed = await _append(pool)
        async with _sealing(watched):
            appended = await _append(other)
            ended = time.perf_counter()
            await until(lambda: _is_sealed(other), within_s=SEALED_WITHIN_S, poll_s=0.05)
            behind_s = time.perf_counter() - ended
        async with transaction(pool) as connection:
            read = await _read(connection)
        spent = time.process_time()
        sealed = await _seal(pool)
        spent = time.process_time() - spent
        async with transaction(other) as connection:
            await _verify(connection)
        async with transaction(pool) as connection:
            verified = await _verify(connection)
    return Round(appended, appended_unsealed, sealed, read, verified, 1e6 * spent / LINES, behind_s)


@contextlib.asynccontextmanager
async def _pool(database: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url)
    yield pool
    await pool.close()


@contextlib.asynccontextmanager
async def _sealing(database: TestDatabase) -> AsyncIterator[None]:
    """Seal in this process, beside the writers, as a service does."""
    report = SealReport(leads=lambda _: None, sealed=lambda _: None)
    task = asyncio.create_task(keep_sealing(database.url, _sealer(), report=report))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _append(pool: Pool) -> float:
    """Write all lines by several connections at once; return lines a second."""
    new_id = new_ids_at(NOW)
    batch = [
        AuditLine(
            recorded_at=NOW,
            organisation="cs-sotkamo",
            official_id="sotkamo:u-1",
            official_role="caseworker",
            municipality_code="765",
            action="person.fetch",
            purpose="client_service",
            outcome="disclosed",
            client_id=new_id(),
            resource_id=new_id(),
            request_id=new_id(),
        )
        for _ in range(AT_ONCE)
    ]
    left = itertools.repeat(batch, LINES // AT_ONCE)

    async def write() -> None:
        for lines in left:
            async with transaction(pool) as connection:
                await append(connection, lines)

    begun = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return LINES / (time.perf_counter() - begun)


async def _is_sealed(pool: Pool) -> bool:
    sealed: int = await pool.fetchval("SELECT coalesce(sum(line_count), 0) FROM audit_blocks")
    return sealed == STANDING


async def _read(connection: Connection) -> float:
    """Read the bytes that are sealed and hash each line once; return lines a second."""
    begun, count, place = time.perf_counter(), 0, 0
    while lines := await list_unsealed(connection, settled_to=place, ahead=(), limit=READ_AT_ONCE):
        for _, encoded in lines:
            sha256(encoded).digest()
        count, place = count + len(lines), lines[-1][0]
    assert count == STANDING, "all lines read"
    return LINES / (time.perf_counter() - begun)


async def _seal(pool: Pool) -> float:
    """Seal what stands; return lines a second."""
    sealer, begun, count = _sealer(), time.perf_counter(), 0
    async with pool.acquire() as connection:
        while lines := await sealer.seal(connection):
            count += lines
    assert count == STANDING, "every line sealed once"
    return LINES / (time.perf_counter() - begun)


async def _verify(connection: Connection) -> float:
    """Verify the whole chain; return lines a second."""
    keys = SealKeys({KEY.key_id: KEY.public_bytes})
    begun, count, first = time.perf_counter(), 0, 1
    while first:
        page = await verify(connection, keys, BlockSpan(first), source=SOURCE)
        assert page.differences == [], "nothing differs"
        count, first = count + page.line_count, page.next_block or 0
    assert count == STANDING, "every line verified"
    return LINES / (time.perf_counter() - begun)
