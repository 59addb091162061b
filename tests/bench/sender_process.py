"""The sender, a process of its own: a file to registrations:bulk as `kuntavayla send` does it."""

import asyncio
import time
from pathlib import Path

import httpx
from msgspec import Struct

from kuntavayla_sandbox.calls import Credentials, Tokens
from kuntavayla_sandbox.send import Journal, Sender, Tally, plan_parts
from tests.bench.children import read_job, report
from tests.bench.results import Spent, spent_here

LINES_A_CALL = 5_000


class SendJob(Struct, frozen=True):
    """What to send, where, as whom."""

    path: str
    journal: str
    routing_url: str
    credentials: Credentials


class SendReport(Struct, frozen=True):
    """What was answered, when the first call began and the last one ended, what it cost."""

    created: int
    failed: int
    replayed: int
    started_at_s: float
    ended_at_s: float
    spent: Spent


async def send(job: SendJob) -> SendReport:
    """Send the file and report."""
    plan = plan_parts(Path(job.path), lines_max=LINES_A_CALL)
    journal = Journal(
        Path(job.journal),
        digest=plan.digest,
        sender=job.credentials.client_id,
        lines_max=LINES_A_CALL,
    )
    async with httpx.AsyncClient() as client:
        tokens = Tokens(client, job.credentials)
        await tokens()
        before_s = spent_here().processor_s
        started_at_s = time.time()
        sender = Sender(client, routing_url=job.routing_url, tokens=tokens)
        tally: Tally = await sender.send(plan, journal)
        ended_at_s = time.time()
    spent = spent_here()
    return SendReport(
        tally.created,
        tally.failed,
        tally.replayed,
        started_at_s,
        ended_at_s,
        Spent(spent.processor_s - before_s, spent.peak_mib),
    )


if __name__ == "__main__":
    report(asyncio.run(send(read_job(SendJob))))
