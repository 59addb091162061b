"""Many who decide at once, in several processes, and one that dies: everything adds up."""

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from tests.quota_ledger.decided import (
    client_id,
    give,
    know_clients,
    send_lines,
    sender,
    training,
)
from tests.quota_ledger.decision_books import all_faults_of
from tests.quota_ledger.decision_process import CENTS, CLIENTS, SHARED
from tests.quota_ledger.service import Ledger, environment_of, running_ledger

ROOT = Path(__file__).parents[2]
PROCESSES, COUNT = 3, 12
WRITERS = (6, 5, 5)
BULK_CALLS, BULK_LINES = 4, 250
DEADLINE_S = 120
BLOCKED = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND a.datname = current_database()
"""


@contextlib.asynccontextmanager
async def deciding(
    ledger: Ledger, number: int, *, writers: int, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process of writers inside the block; it is gone behind it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.quota_ledger.decision_process",
        *map(str, (number, writers, count)),
        cwd=ROOT,
        env={**os.environ, **environment_of(ledger.database)},  # noqa: TID251 - a child's own
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def decided_by(ledger: Ledger, number: int, *, writers: int, count: int) -> Counter[str]:
    """Let one process decide, and return what it says came of it."""
    async with deciding(ledger, number, writers=writers, count=count) as process:
        async with asyncio.timeout(DEADLINE_S):
            _, told = await process.communicate()
        assert process.returncode == 0, told.decode()
    return Counter(msgspec.json.decode(told.splitlines()[-1], type=dict[str, int]))


@pytest.mark.faults
async def test_sixteen_writers_of_three_processes_take_exactly_what_there_is(
    ledger: Ledger,
) -> None:
    await know_clients(ledger, *(client_id(number) for number in range(CLIENTS)))
    asked = SHARED + sum(WRITERS) * COUNT
    fit = asked // 4
    await give(ledger, cents=fit * CENTS, instrument="TRAINING")

    told = await asyncio.gather(
        *(
            decided_by(ledger, number, writers=writers, count=COUNT)
            for number, writers in enumerate(WRITERS)
        )
    )

    total = sum(told, Counter[str]())
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert await all_faults_of(ledger) == []
    assert await ledger.count("decisions") == asked
    assert (account["reserved_cents"], account["allocated_cents"]) == (fit * CENTS, fit * CENTS)
    assert (total["reserved"], total["refused"]) == (fit, asked - fit)
    # What all send is one decision of one of them, and a repeat for everybody else.
    assert total["replayed"] == (sum(WRITERS) - 1) * SHARED


async def test_bulk_calls_at_once_to_two_services_lose_no_line(ledger: Ledger) -> None:
    await know_clients(ledger, *(client_id(number) for number in range(CLIENTS)))
    asked = BULK_CALLS * BULK_LINES
    await give(ledger, cents=asked * CENTS, instrument="TRAINING")
    calls = [
        [
            training(number, cents=CENTS, client_id=client_id(number % CLIENTS))
            for number in range(first, first + BULK_LINES)
        ]
        for first in range(0, asked, BULK_LINES)
    ]

    async with running_ledger(ledger.database) as other:
        answers = await asyncio.gather(
            *(
                send_lines(sender(other if number % 2 else ledger), bodies)
                for number, bodies in enumerate(calls)
            )
        )

    outcomes = Counter(line["result"]["outcome"] for lines in answers for line in lines[:-1])
    assert outcomes == {"reserved": asked}
    assert await ledger.count("decisions") == asked
    assert await all_faults_of(ledger) == []


@pytest.mark.faults
async def test_a_process_that_dies_in_the_middle_of_a_batch_leaves_nothing_half_done(
    ledger: Ledger,
) -> None:
    await know_clients(ledger, *(client_id(number) for number in range(CLIENTS)))
    asked = SHARED + 4 * COUNT
    await give(ledger, cents=asked * CENTS, instrument="TRAINING")
    connection = await asyncpg.connect(ledger.database.owner_url)
    try:
        async with (
            deciding(ledger, 0, writers=4, count=COUNT) as process,
            connection.transaction(),
        ):
            await connection.execute("SELECT FROM accounts FOR UPDATE")
            await until_blocked(ledger)
            process.kill()
            await process.wait()
    finally:
        await connection.close()
    assert await ledger.count("decisions") == 0

    told = await decided_by(ledger, 0, writers=4, count=COUNT)

    assert (told["reserved"], told["refused"]) == (asked, 0)
    assert await ledger.count("decisions") == asked
    assert await all_faults_of(ledger) == []


async def until_blocked(ledger: Ledger) -> None:
    """Wait until the process has started and waits for a lock in the middle of a transaction."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            [(waiting,)] = await ledger.fetch(BLOCKED)
            if waiting:
                return
            await asyncio.sleep(0.02)
