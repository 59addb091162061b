"""Every process of a week of information is killed in the middle of it: nothing is lost."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox.demo.told import Told
from kuntavayla_sandbox.demo.week import check_week
from tests.sandbox.up_process import PATIENCE_S, UpProcess, ask, small_file, wait_for

pytestmark = pytest.mark.faults
ITEMS = 600
KILLED = ("statement-relay", "te-office", "case-systems", "statement-relay")
PARTS = 8
SETTLED_S_MAX = 180
LOST = {
    "error_per_mille": 100,
    "error_status": 500,
    "error_x_road": "Server.ServerProxy.NetworkError",
    "error_after_storing": True,
    "latency_ms": 50,
}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[UpProcess]:
    process = UpProcess(tmp_path / "up")
    process.start()
    yield process
    process.end_if_running()
    shutil.rmtree(EmbeddedServer(process.directory).data, ignore_errors=True)


def settled(up: UpProcess) -> int:
    """Return how many items have come to their end, none while nobody can be asked."""
    try:
        told = ask(up.stack()["simulators"]["case-systems"] + "/told").json()
    except httpx.TransportError:
        return 0
    return sum(told["standing"].get(each, 0) for each in ("delivered", "withdrawn", "rejected"))


def killed(up: UpProcess, name: str) -> None:
    """Kill a process of the stack and wait until it has been started again."""
    before = up.stack()["pids"][name]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: up.stack()["pids"][name] != before)


async def compared(up: UpProcess) -> Told:
    async with httpx.AsyncClient() as client:
        return await check_week(up.state.load_stack(), client=client)


def test_a_week_is_told_whole_though_each_process_is_killed_in_the_middle(
    up: UpProcess, tmp_path: Path
) -> None:
    file = tmp_path / "registrations.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in small_file()))
    assert up.run("send", str(file), "--as", "te-national").returncode == 0
    wait_for(lambda: up.stages()["acknowledged"] == len(small_file()))
    simulators = up.stack()["simulators"]
    httpx.put(f"{simulators['te-office']}/knobs/te-kainuu", json=LOST).raise_for_status()
    week = {"starts_on": "2021-03-01", "items": ITEMS, "seed": 3}
    made = httpx.post(f"{simulators['case-systems']}/weeks", json=week, timeout=PATIENCE_S)

    for number, name in enumerate(KILLED, start=1):
        part = ITEMS * number // PARTS
        wait_for(lambda part=part: settled(up) >= part)  # type: ignore[misc]
        killed(up, name)
    wait_for(lambda: settled(up) == ITEMS, within_s=SETTLED_S_MAX)

    told = asyncio.run(compared(up))
    assert sum(made.json()["sends"].values()) == ITEMS
    assert (told.shown, told.is_settled) == ([], True)
    assert told.proofs == told.held == told.standing["delivered"]
