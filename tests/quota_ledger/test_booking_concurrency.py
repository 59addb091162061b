import asyncio
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from quota_ledger.operations.booking import book, opened
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.booked import Booked
from tests.quota_ledger.accounts import KAINUU, draw, leg, posting
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.service import Ledger

WRITER = Path(__file__).with_name("booking_process.py")
ROOT = Path(__file__).parents[2]
PROCESSES, WRITERS, BATCHES = 4, 4, 15
ALLOCATED_CENTS = 6_000
DEADLINE_S = 120


async def accounts_of(ledger: Ledger, count: int, *, cents: int) -> list[str]:
    """Open accounts of the area of Kainuu, year after year, each with so much."""
    keys = [AccountKey("kainuu", "", "PAY_SUBSIDY", 2021 + number) for number in range(count)]
    moment = ledger.desk.moment()
    async with ledger.desk.transaction() as connection:
        ids = await opened(connection, keys, binds_persons=False, moment=moment)
        await book(
            connection,
            [posting(leg(ids[key], "initial", allocated_cents=cents)) for key in keys],
            moment=moment,
        )
    return [ids[key] for key in keys]


async def writing(
    ledger: Ledger, seed: int, account_ids: list[str], *, batches: int = BATCHES
) -> asyncio.subprocess.Process:
    """Start a process of writers."""
    arguments = [ledger.database.url, str(seed), str(WRITERS), str(batches), *account_ids]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.quota_ledger.booking_process",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def written_by(ledger: Ledger, seed: int, account_ids: list[str]) -> Counter[str]:
    """Let one process write, and return what it says was accepted."""
    process = await writing(ledger, seed, account_ids)
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return Counter(msgspec.json.decode(out, type=dict[str, int]))


@pytest.mark.faults
async def test_sixteen_writers_of_four_processes_on_three_accounts_add_up_to_the_cent(
    ledger: Ledger,
) -> None:
    account_ids = await accounts_of(ledger, 3, cents=ALLOCATED_CENTS)

    told = await asyncio.gather(
        *(written_by(ledger, seed, account_ids) for seed in range(PROCESSES))
    )

    accepted = sum(told, Counter[str]())
    rows = await ledger.fetch("SELECT * FROM accounts")
    assert await faults_of(ledger) == []
    assert sum(row["allocated_cents"] for row in rows) == 3 * ALLOCATED_CENTS
    assert sum(row["reserved_cents"] for row in rows) == accepted["reserved_cents"]
    assert await ledger.count("entries") == accepted["entries"] + len(account_ids)
    assert accepted["refused"]
    # The writers asked for far more than there is, so hardly a cent is left.
    assert accepted["reserved_cents"] > 2.9 * ALLOCATED_CENTS


@pytest.mark.faults
async def test_a_process_killed_in_the_middle_leaves_whole_batches_and_no_lock(
    ledger: Ledger,
) -> None:
    account_ids = await accounts_of(ledger, 3, cents=100 * ALLOCATED_CENTS)
    process = await writing(ledger, 1, account_ids, batches=1_000_000)
    async with asyncio.timeout(DEADLINE_S):
        while await ledger.count("entries") < 500:  # noqa: ASYNC110 - rows tell by being read
            await asyncio.sleep(0.02)
    process.kill()
    await process.wait()

    accepted = await written_by(ledger, 2, account_ids)

    assert accepted["postings"] > 0
    assert await faults_of(ledger) == []


@pytest.mark.parametrize("fit", [1, 7])
async def test_at_the_boundary_exactly_as_many_as_fit_are_accepted(
    ledger: Ledger, fit: int
) -> None:
    [account_id] = await accounts_of(ledger, 1, cents=100 * fit)

    async def one(number: int) -> bool:
        client_id = f"0177ec61-3ab9-7893-923f-{number:012x}"
        async with ledger.desk.transaction() as connection:
            booking = await book(
                connection,
                [draw(account_id, cents=100, client_id=client_id)],
                moment=ledger.desk.moment(),
            )
        return isinstance(booking.outcomes[0], Booked)

    accepted = await asyncio.gather(*(one(number) for number in range(4 * fit)))

    [row] = await ledger.fetch("SELECT * FROM accounts")
    assert sum(accepted) == fit
    assert (row["reserved_cents"], row["reserved_persons"]) == (100 * fit, fit)
    assert await faults_of(ledger) == []


async def test_an_account_is_opened_once_whoever_is_first(ledger: Ledger) -> None:
    async def one() -> str:
        moment = ledger.desk.moment()
        async with ledger.desk.transaction() as connection:
            ids = await opened(connection, [KAINUU], binds_persons=False, moment=moment)
        return ids[KAINUU]

    ids = await asyncio.gather(*(one() for _ in range(8)))

    assert len(set(ids)) == 1
    assert await ledger.count("accounts") == 1
