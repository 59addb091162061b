"""A publisher that drains the outbox once, as a process of its own, and reports."""

import asyncio
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime

from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.database import open_pool
from kuntavayla.http.serving import settle_memory
from kuntavayla.outbox import Publication, Publisher, PublisherMetrics, load_standing
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.serving import loop_factory
from tests.bench.children import read_job, report
from tests.bench.results import spent_here

LOOK_EVERY_S = 0.05


class PublishJob(Struct, frozen=True):
    """Which outbox goes where, and up to which position."""

    service: str
    database_url: str
    bootstrap: str
    upto: int


class PublishReport(Struct, frozen=True):
    """Seconds until everything was acknowledged and the position moved; what this process used."""

    seconds: float
    processor_s: float
    peak_mib: int


async def measure(job: PublishJob) -> PublishReport:
    """Publish everything and report."""
    pool = await open_pool(job.database_url)
    publication = Publication(
        service=job.service,
        database_url=job.database_url,
        broker=KafkaConnection(bootstrap=job.bootstrap),
        clock=lambda: datetime.now(UTC),
    )
    publisher = Publisher(pool, publication, metrics=PublisherMetrics(CollectorRegistry()))
    started_s, used_s = time.perf_counter(), time.process_time()
    task = asyncio.create_task(publisher.run())
    published = 0
    async with pool.acquire() as connection:
        while published < job.upto:
            await asyncio.sleep(LOOK_EVERY_S)
            published = (await load_standing(connection)).published
    seconds, processor_s = time.perf_counter() - started_s, time.process_time() - used_s
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await pool.close()
    return PublishReport(seconds, processor_s, spent_here().peak_mib)


if __name__ == "__main__":
    settle_memory()
    with redirect_stdout(sys.stderr), asyncio.Runner(loop_factory=loop_factory()) as runner:
        done = runner.run(measure(read_job(PublishJob)))
    report(done)
