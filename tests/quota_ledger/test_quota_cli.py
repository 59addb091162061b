import asyncio
import sys

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.orders import an_allocation, ordered, orderer
from tests.quota_ledger.service import environment_of, running_ledger

WHY = ("--reason", "the drill", "--official", "operator:u-1")


async def run(database: TestDatabase, *arguments: str) -> tuple[int | None, str]:
    """Run the operator's command as a process of its own; return its code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "quota_ledger.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment_of(database),
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_to_migrate_again_changes_nothing(ledger_database: TestDatabase) -> None:
    async with running_ledger(ledger_database) as ledger:
        await ordered(orderer(ledger), "/allocations", an_allocation())
        code, said = await run(ledger_database, "migrate")

        assert (code, said) == (0, "")
        assert await ledger.count("entries") == 1


async def test_after_a_restore_a_new_epoch_begins_and_older_cursors_lead_nowhere(
    ledger_database: TestDatabase,
) -> None:
    async with running_ledger(ledger_database) as ledger:
        await ordered(orderer(ledger), "/allocations", an_allocation())
        page = await ledger.caller("ely-14", "events.read").get("/events")

    code, said = await run(ledger_database, "restored", "--last-epoch", "1", *WHY)

    async with running_ledger(ledger_database) as ledger:
        after = {"after": page.headers["Next-Cursor"]}
        older = await ledger.caller("ely-14", "events.read").get("/events", params=after)
    assert code == 0, said
    assert [event["type"] for event in page.json()] == ["fi.kuntavayla.allocation.changed.v1"]
    assert (older.status_code, older.json()["code"]) == (410, "cursor_expired")
