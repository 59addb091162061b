import asyncio
import sys

import pytest

from kuntavayla.testing import TestDatabase
from tests.statement_relay.announcing import announced
from tests.statement_relay.service import environment_of, running_relay

LIMIT_S = 30
WHY = ("--reason", "the drill", "--official", "operator:u-1")


async def run(database: TestDatabase, *arguments: str) -> tuple[int | None, str]:
    """Run the operator's command as a process of its own; return its code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "statement_relay.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment_of(database),
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("restored", "--last-epoch", "0", *WHY), "--last-epoch"),
        (("restored", "--last-epoch", "1", "--reason", " ", "--official", "o:u-1"), "--reason"),
        (("verify-audit", "--expect", "nonsense"), "BLOCK:HASH"),
        (("verify-audit", "--keys", "nonsense"), "--keys"),
    ],
    ids=["no epoch", "no reason", "no hash", "no keys"],
)
async def test_a_command_with_faults_does_nothing_and_says_why(
    relay_database: TestDatabase, arguments: tuple[str, ...], *, told: str
) -> None:
    code, said = await run(relay_database, *arguments)

    assert code == 2
    assert told in said


async def test_no_epoch_begins_while_a_process_serves(relay_database: TestDatabase) -> None:
    async with running_relay(relay_database) as relay:
        await announced(relay)
        code, said = await run(relay_database, "restored", "--last-epoch", "1", *WHY)

        assert (code, await relay.count("outbox_epochs")) == (1, 0)
    assert said.startswith("Refused: ")


async def test_after_a_restore_a_new_epoch_begins_and_older_cursors_lead_nowhere(
    relay_database: TestDatabase,
) -> None:
    async with running_relay(relay_database) as relay:
        await announced(relay)
        page = await relay.case_system().get("/events")

    code, said = await run(relay_database, "restored", "--last-epoch", "1", *WHY)

    async with running_relay(relay_database) as relay:
        after = {"after": page.headers["Next-Cursor"]}
        older = await relay.case_system().get("/events", params=after)
        status = (await relay.operator.get("/status")).json()
        lines = await relay.fetch("SELECT action, official_id FROM audit")
    assert (code, said.strip()) == (0, "epoch 2 begins behind position 1")
    assert (older.status_code, older.json()["code"]) == (410, "cursor_expired")
    assert status["epoch"] == 2
    assert [tuple(line) for line in lines] == [("service.restored", "operator:u-1")]


async def test_the_audit_is_verified_without_a_running_service(
    relay_database: TestDatabase,
) -> None:
    async with running_relay(relay_database, audit_seal_interval_ms=10) as relay:
        await relay.caller("auditor", "audit.read").get("/audit")
        async with asyncio.timeout(LIMIT_S):
            while await relay.count("audit_blocks") == 0:
                pass

    code, said = await run(relay_database, "verify-audit")

    assert code == 0
    assert "blocks 1-1, 1 lines: intact" in said.splitlines()
