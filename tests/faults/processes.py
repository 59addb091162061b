"""One process of ours that may be killed at any time; the next one begins at once."""

import asyncio
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import httpx
from msgspec import Struct

from tests.faults import nursery
from tests.faults.waiting import ended, plain, until

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
    """A process that is there again as soon as it has ended, and how often each thing happened."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.kills = 0
        self.ended_by_itself = 0
        self.begun = asyncio.Event()
        self._pid: int | None = None
        self._nursery: asyncio.subprocess.Process | None = None
        self._line: asyncio.StreamWriter | None = None
        self._is_kill = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Return the id of the process that runs."""
        assert self._pid is not None
        return self._pid

    async def start(self) -> None:
        """Start the process, and start it again whenever it ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._nursery = await self._spawn(theirs)
        told, self._line = await asyncio.open_connection(sock=ours)
        await self._take(told)
        self._watch = asyncio.create_task(self._keep_running(told))

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
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                pass_fds=passed,
                start_new_session=True,
            )

    async def _take(self, told: asyncio.StreamReader) -> None:
        """Learn of the process that has begun, and tell it what to do."""
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        # One killed before it has read all of it would leave the rest to the next.
        assert len(self.program.configuration) < select.PIPE_BUF, "written in one piece"
        self._pid = int(await told.readline())
        self.begun.set()
        self._nursery.stdin.write(self.program.configuration + b"\n")

    async def _keep_running(self, told: asyncio.StreamReader) -> None:
        while await told.readline() == nursery.ENDED:
            self._forget()
            if not self._is_kill:
                self.ended_by_itself += 1
            self._is_kill = False
            await self._take(told)

    def _forget(self) -> None:
        self._pid = None
        self.begun.clear()

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

    async def stop(self) -> None:
        """End what runs, and what would start it again."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        if self._nursery is not None and self._nursery.returncode is None:
            self._nursery.kill()
            await self._nursery.wait()
        if self._line is not None:
            self._line.close()
            await self._line.wait_closed()
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            await ended(self._pid)

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.program.log_file.read_text(errors="replace").splitlines()[-lines:])
