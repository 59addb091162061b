"""Several processes reverse the same at once: each is taken back once, in all of its accounts."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.orders import a_transfer, an_allocation, ordered, orderer
from tests.quota_ledger.service import Ledger

ROOT = Path(__file__).parents[2]
TRANSFERS = 12
DEADLINE_S = 120


async def reversing(ledger: Ledger, name: str, ids: list[str]) -> list[str]:
    """Let one process reverse transfers, and return what came of each."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.quota_ledger.reversing_process",
        ledger.database.owner_url,
        ledger.database.url,
        name,
        *ids,
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told.decode()
    return msgspec.json.decode(told.splitlines()[-1], type=list[str])


@pytest.mark.faults
async def test_of_two_processes_that_reverse_the_same_one_wins_each(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    ids: list[str] = []
    for number in range(TRANSFERS):
        # Every second one goes back, so that the two lock the accounts from either side.
        there, back = {"area_code": "kainuu"}, {"area_code": "kainuu", "municipality_code": "765"}
        ways = {"from_account": back, "to_account": there} if number % 2 else {}
        made = await ordered(
            ely, "/allocation-transfers", a_transfer(amount_cents=1_000 - number, **ways)
        )
        ids.append(made["transfer_id"])

    told = await asyncio.gather(
        reversing(ledger, "one", ids), reversing(ledger, "two", [*reversed(ids)])
    )

    pairs = list(zip(told[0], reversed(told[1]), strict=True))
    assert {"already_reversed", "done"} >= {word for pair in pairs for word in pair} - {
        "allocation_cut_below_bound"
    }
    assert all(pair.count("done") <= 1 for pair in pairs)
    won = sum("done" in pair for pair in pairs)
    assert won == await ledger.count("reversals")
    assert await ledger.count("entries") == 1 + 2 * TRANSFERS + 2 * won
    assert won > 0
    assert await faults_of(ledger) == []
