"""One process of ours that may be killed at any time; the next one stands by, imports done."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import httpx
from msgspec import Struct

from tests.faults.waiting import until

READY_S_MAX = 30
ANSWER_S_MAX = 2
REPOSITORY = Path(__file__).parents[2]


class Program(Struct, frozen=True, kw_only=True):
    """A module of ours, the first line of its input, and where it says that it serves.

    `listening` is the socket that it inherits, by its number as argument; without one it makes its
    own.
    """

    module: str
    configuration: bytes
    ready_url: str
    log_file: Path
    listening: socket.socket | None = None


class Managed:
    """The process that runs, the one that stands by, and how often each thing happened."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.kills = 0
        self.ended_by_itself = 0
        self._running: asyncio.subprocess.Process | None = None
        self._next: asyncio.subprocess.Process | None = None
        self._is_kill = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Return the id of the process that runs."""
        assert self._running is not None
        return self._running.pid

    async def start(self) -> None:
        """Start the process, and start it again whenever it ends."""
        self._next = await self._spawn()
        await self._advance()
        self._watch = asyncio.create_task(self._keep_running())

    async def _spawn(self) -> asyncio.subprocess.Process:
        listening = self.program.listening
        arguments = [] if listening is None else [str(listening.fileno())]
        with self.program.log_file.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.program.module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                pass_fds=() if listening is None else (listening.fileno(),),
                start_new_session=True,
            )

    async def _advance(self) -> None:
        """Let the process that stands by begin, and another one stand by."""
        assert self._next is not None
        self._running = self._next
        assert self._running.stdin is not None
        self._running.stdin.write(self.program.configuration + b"\n")
        self._next = await self._spawn()

    async def _keep_running(self) -> None:
        while True:
            assert self._running is not None
            await self._running.wait()
            if not self._is_kill:
                self.ended_by_itself += 1
            self._is_kill = False
            await self._advance()

    def is_running(self) -> bool:
        """Say whether the process runs; between two there is a moment when none does."""
        return self._running is not None and self._running.returncode is None

    def kill(self) -> None:
        """Kill the process with no chance to clean up; the next one begins at once."""
        assert self._running is not None
        assert self.is_running(), "only a running process is killed"
        self._is_kill = True
        self.kills += 1
        os.kill(self._running.pid, signal.SIGKILL)

    async def ready(self) -> None:
        """Return when the process serves."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX) as client:

            async def serves() -> bool:
                try:
                    answer = await client.get(self.program.ready_url)
                except httpx.TransportError:
                    return False
                return answer.status_code == httpx.codes.OK

            await until(serves, within_s=READY_S_MAX)

    async def stop(self) -> None:
        """End what runs and what stands by."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        for process in (self._running, self._next):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.program.log_file.read_text(errors="replace").splitlines()[-lines:])
