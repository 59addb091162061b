"""One process of ours that may be killed at any time; the next one begins at once."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import httpx
from msgspec import Struct

from tests.faults import nursery
from tests.faults.waiting import plain, until

READY_S_MAX = 30
ANSWER_S_MAX = 2
REPOSITORY = Path(__file__).parents[2]


class Program(Struct, frozen=True, kw_only=True):
    """A module of ours with a `main`, and where it says that it serves.

    `listening` is the socket that it inherits, by its number as argument; without one it makes its
    own.
    """

    module: str
    ready_url: str
    log_file: Path
    listening: socket.socket | None = None


class Managed:
    """A process that is there again as soon as it has ended, and how often each thing happened.

    A fork stands by whenever none runs; it begins when it is told its configuration.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.configuration: bytes | None = None
        self.kills = 0
        self.ended_by_itself = 0
        self.begun = asyncio.Event()
        self._stands_by = asyncio.Event()
        self._pid: int | None = None
        self._line: asyncio.StreamWriter | None = None
        self._is_kill = False

    @property
    def pid(self) -> int:
        """Return the id of the process that runs."""
        assert self._pid is not None
        return self._pid

    @asynccontextmanager
    async def standing_by(self) -> AsyncIterator[Self]:
        """Import the program, and let forks of it stand by inside the block."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await self._spawn(theirs)
        told, self._line = await asyncio.open_connection(sock=ours)
        following = asyncio.create_task(self._follow(told))
        try:
            yield self
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            # The nursery kills the fork that there is, and ends.
            self._line.close()
            await self._line.wait_closed()
            await process.wait()

    async def _spawn(self, told: socket.socket) -> asyncio.subprocess.Process:
        listening = self.program.listening
        arguments = [] if listening is None else [str(listening.fileno())]
        passed = [told.fileno(), *(() if listening is None else (listening.fileno(),))]
        with self.program.log_file.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                nursery.__name__,
                str(told.fileno()),
                self.program.module,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                pass_fds=passed,
                start_new_session=True,
            )

    async def _follow(self, told: asyncio.StreamReader) -> None:
        """Learn of each fork and of its end, for as long as the nursery lives."""
        while line := await told.readline():
            if line == nursery.ENDED:
                self._forget()
                self.ended_by_itself += not self._is_kill
                self._is_kill = False
                continue
            self._pid = int(line)
            if self.configuration is None:
                self._stands_by.set()
            else:
                self._begin(self.configuration)

    def _begin(self, configuration: bytes) -> None:
        line = b"%d %b\n" % (self.pid, configuration)
        assert len(line) <= nursery.LINE_BYTES_MAX
        assert self._line is not None
        self._line.write(line)
        self.begun.set()

    def _forget(self) -> None:
        self._pid = None
        self.begun.clear()

    @asynccontextmanager
    async def running(self, configuration: bytes) -> AsyncIterator[None]:
        """Let the process run inside the block, and begin again whenever it ends."""
        async with asyncio.timeout(READY_S_MAX):
            await self._stands_by.wait()
        self._stands_by.clear()
        self.kills = self.ended_by_itself = 0
        self.configuration = configuration
        self._begin(configuration)
        try:
            yield
        finally:
            self.configuration = None
            if self.begun.is_set():
                self.kill()

    def kill(self) -> None:
        """Kill the process with no chance to clean up; the next one begins at once.

        Between two there is a moment when none has `begun`, and none can be killed.
        """
        pid = self.pid
        self._forget()
        # One that ended by itself a moment ago is about to be told as such.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._is_kill = True
            self.kills += 1

    async def ready(self) -> None:
        """Return when the process serves."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX, verify=plain()) as client:

            async def serves() -> bool:
                try:
                    answer = await client.get(self.program.ready_url)
                except httpx.TransportError:
                    return False
                return answer.status_code == httpx.codes.OK

            await until(serves, within_s=READY_S_MAX)

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.program.log_file.read_text(errors="replace").splitlines()[-lines:])
