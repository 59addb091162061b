"""`kuntavayla send` is killed twice on its way: the same command goes on and sends all, once."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kuntavayla_sandbox.state import Stack as PublishedStack
from kuntavayla_sandbox.state import StateDirectory
from tests.builders import another_person, ndjson
from tests.faults.postgres import ROUTING
from tests.faults.stack import Stack
from tests.faults.waiting import until

pytestmark = pytest.mark.faults
LINES = 7_000
"""Four calls of the command, two of them in flight."""
STEP_S_MAX = 60
STORED = "SELECT count(*) FROM registrations"
ENTITLED = {"situation__earnings_related_entitlement": "entitled"}
"""The TE office stays responsible, so that nobody has anything to fetch."""


async def test_a_sender_that_is_killed_goes_on_where_it_stopped_and_sends_every_line_once(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "registrations.ndjson"
    file.write_bytes(ndjson(*(another_person(**ENTITLED) for _ in range(LINES))))
    journal = file.with_name(file.name + ".sent.json")

    async def is_begun() -> bool:
        return await stack.postgres.count(ROUTING, STORED) > 0

    async def is_noted() -> bool:
        return journal.exists()

    with published(stack, tmp_path / "state") as state:
        await killed_when(is_begun, file, state=state)
        await killed_when(is_noted, file, state=state)
        was_left = journal.exists()
        sent = await spawn(file, state=state)
        output, _ = await asyncio.wait_for(sent.communicate(), STEP_S_MAX)

    assert was_left
    assert sent.returncode == 0
    told = counts_in(output.decode())
    assert (told["lines"], told["created"] + told["replayed"], told["refused"]) == (LINES, LINES, 0)
    assert told["replayed"] > 0
    assert await stack.postgres.count(ROUTING, STORED) == LINES
    assert await stack.postgres.count(ROUTING, "SELECT count(*) FROM decisions") == LINES
    assert not journal.exists()


@contextmanager
def published(stack: Stack, directory: Path) -> Iterator[StateDirectory]:
    """Publish the stack as `kuntavayla up` does, for as long as the block lasts."""
    state = StateDirectory(directory)
    with state.owned():
        state.write_stack(
            PublishedStack(
                transport="feed",
                legal_date="2021-03-01",
                token_url=stack.token_url,
                services={"routing-api": stack.routing_url},
                simulators={},
                databases={},
                pids={},
                identities=stack.identities,
            )
        )
        yield state


async def spawn(file: Path, *, state: StateDirectory) -> asyncio.subprocess.Process:
    arguments = ("send", str(file), "--as", "te-national", "--state", str(state.path))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kuntavayla_sandbox.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def killed_when(
    is_reached: Callable[[], Awaitable[bool]], file: Path, *, state: StateDirectory
) -> None:
    process = await spawn(file, state=state)
    try:
        await until(is_reached, within_s=STEP_S_MAX)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        code = await process.wait()
    assert code == -signal.SIGKILL, "it was to be killed on its way"


def counts_in(text: str) -> dict[str, int]:
    """Return the figures of the summary, by label."""
    rows = re.findall(r"(lines|created|replayed|refused)\D+([\d,]+)", text)
    return {label: int(figure.replace(",", "")) for label, figure in rows}
