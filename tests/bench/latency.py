"""The rows event-latency: from an event's commit to the commit of its effect, at 500 a second.

One case system reads, from the feed and over a broker in turn; events are committed in an open
loop, at planned times, together with those that became due while the commit before was under way.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import ClassVar

import asyncpg
from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.events import Channel, EventDraft, Origin, instant_text, new_ids_at
from kuntavayla.settings import KafkaConnection
from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems.tables import ROLE
from tests.bench.children import run_job
from tests.bench.day_one_kafka import broker_of
from tests.bench.latency_process import LatencyJob, LatencyReport
from tests.bench.results import Result, rounds_wanted
from tests.bench.stand import Stand, standing

READER = "cs-helsinki"
RATE = 500
SECONDS_DEFAULT = 20
WARM_SHARE = 0.1
"""Of the events the first part only warms up."""
EFFECTS = "CREATE TABLE effects (number bigint PRIMARY KEY)"
GRANT = f"GRANT SELECT, INSERT ON effects TO {ROLE}"
READY_S_MAX = 60
LOOK_S = 0.1
# A feed's first page is empty and waits; of a topic the first step notes where it begins.
READS = "SELECT count(*) FROM inbox_positions WHERE cursor <> 'earliest' OR stream = 'common'"
DONE = "SELECT count(*) FROM effects"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ThingMeasuredV1(Struct, frozen=True, kw_only=True):
    """An event of the bench."""

    type_name: ClassVar[str] = "thing.measured"
    number: int


class Latency(Struct, frozen=True):
    """One round: milliseconds at three ranks, how late the latest commit was, batches read."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    writer_late_ms: float
    batches: int


async def run() -> list[Result]:
    """Run both rows in turns and return their results."""
    rounds: dict[str, list[Latency]] = {"feed": [], "kafka": []}
    async with standing() as stand:
        for number in range(rounds_wanted(3)):
            rounds["feed"].append(await _round(stand, kafka=None))
            async with broker_of(stand, f"broker-{number}") as (_, connection):
                rounds["kafka"].append(await _round(stand, kafka=connection))
            for name, done in rounds.items():
                print(f"event-latency-{name} {number + 1}: p99 {done[-1].p99_ms:.1f} ms")
    return [_result(name, done) for name, done in rounds.items()]


async def _round(stand: Stand, *, kafka: KafkaConnection | None) -> Latency:
    count = RATE * int(os.environ.get("SECONDS", SECONDS_DEFAULT))
    async with (
        stand.database() as database,
        stand.case_database() as effects,
        stand.routing(database, kafka=kafka) as routing,
        _writer(database) as writer,
    ):
        await _add_effects(stand.server.url(effects))
        job = LatencyJob(
            consumer=READER,
            count=count,
            database_url=stand.server.url(effects, role=ROLE),
            feed_url=f"{routing.url}/events",
            credentials=credentials_of(
                stand.identity(READER), token_url=f"{stand.issuer_url}/token"
            ),
            kafka=kafka,
        )
        reading = asyncio.create_task(
            run_job("tests.bench.latency_process", job, kind=LatencyReport)
        )
        await _until_reading(stand.server.url(effects), reading)
        committed_at_s, late_ms = await _write(writer, count=count)
        report = await reading
        assert await _effects(stand.server.url(effects)) == count, "each effect once"
    return _latency(committed_at_s, report, late_ms=late_ms)


@asynccontextmanager
async def _writer(database: TestDatabase) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url, connections_max=4)
    yield pool
    await pool.close()


async def _add_effects(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute(EFFECTS)
    await connection.execute(GRANT)
    await connection.close()


async def _until_reading(owner_url: str, reading: asyncio.Task[LatencyReport]) -> None:
    """Wait until the reader knows where its streams begin."""
    connection = await asyncpg.connect(owner_url)
    async with asyncio.timeout(READY_S_MAX):
        while not await connection.fetchval(READS) and not reading.done():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(LOOK_S)
    await connection.close()


async def _effects(owner_url: str) -> int:
    connection = await asyncpg.connect(owner_url)
    count: int = await connection.fetchval(DONE)
    await connection.close()
    return count


async def _write(pool: Pool, *, count: int) -> tuple[list[float], float]:
    """Commit events at their planned times; return when each had, and how late the latest was.

    What became due while a commit was under way goes into the next one, as the service does it.
    """
    committed_at_s: list[float] = []
    new_id, late_s, started_s = new_ids_at(datetime.now(UTC)), 0.0, time.perf_counter()
    while (done := len(committed_at_s)) < count:
        running_s = time.perf_counter() - started_s
        due = min(int(running_s * RATE) + 1, count) - done
        if due == 0:
            await asyncio.sleep(done / RATE - running_s)
            continue
        drafts = [_draft(number, new_id) for number in range(done, done + due)]
        origin = Origin(source="/routing-api", at_text=instant_text(datetime.now(UTC)))
        async with transaction(pool) as connection:
            await outbox.append(connection, drafts, origin=origin)
        committed_at_s += [time.time()] * due
        late_s = max(late_s, time.perf_counter() - started_s - done / RATE)
    return committed_at_s, late_s * 1_000


def _draft(number: int, new_id: Callable[[], str]) -> EventDraft:
    return EventDraft(
        event_id=new_id(),
        type_name=ThingMeasuredV1.type_name,
        version=1,
        subject=new_id(),
        recipient=READER,
        channel=Channel.COMMON,
        causation_id=new_id(),
        traceparent=TRACE,
        data=ThingMeasuredV1(number=number),
    )


def _latency(committed_at_s: Sequence[float], report: LatencyReport, *, late_ms: float) -> Latency:
    """Return the ranks of all latencies behind the warm-up."""
    first = int(len(committed_at_s) * WARM_SHARE)
    found = sorted(
        (effect - commit) * 1_000
        for commit, effect in list(zip(committed_at_s, report.committed_at_s, strict=True))[first:]
    )
    return Latency(
        p50_ms=found[len(found) // 2],
        p99_ms=found[len(found) * 99 // 100],
        max_ms=found[-1],
        writer_late_ms=late_ms,
        batches=report.batches,
    )


def _result(name: str, done: Sequence[Latency]) -> Result:
    return Result(
        bench=f"event-latency-{name}",
        value=median(one.p99_ms for one in done),
        floor=None,
        ratio=None,
        unit=f"ms, p99 at {RATE}/s",
        rounds=[{"value": one.p99_ms, "floor": None, "ratio": None} for one in done],
        notes=[
            f"p50 {median(one.p50_ms for one in done):.1f} ms",
            f"the slowest took {max(one.max_ms for one in done):.1f} ms",
            f"the writer committed at most {max(one.writer_late_ms for one in done):.1f} ms late",
            f"events came in {median(one.batches for one in done):.0f} batches",
        ],
    )
