"""Processes of the stack.

Started, watched, started again when one ends by itself, stopped each by its own id.

Nothing here ends a process that this stack did not start.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from msgspec import Struct

READY_S_MAX = 60
READY_POLL_S = 0.05
STOP_S_MAX = 15
RESTARTS_MAX = 3
HEALTHY_S = 10
"""A process that ran this long may start again without counting as one that cannot start."""
LOG_LINES_SHOWN = 20


class Program(Struct, frozen=True, kw_only=True):
    """What to run.

    A module of ours, its configuration line, its sockets, and where it says that it is ready.
    """

    name: str
    module: str
    configuration: bytes
    environment: dict[str, str]
    listening: socket.socket
    ready_url: str
    log_file: Path
    also_listening: tuple[socket.socket, ...] = ()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the sockets that the process inherits, in the order of its arguments."""
        return tuple(each.fileno() for each in (self.listening, *self.also_listening))


class ProcessEnded(Exception):
    """A process of the stack ended and could not be started again."""

    def __init__(self, program: Program) -> None:
        lines = program.log_file.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        shown = "\n".join(lines)
        super().__init__(f"{program.name} ended by itself; its log ends with:\n{shown}")


class NotReady(Exception):
    """A process of the stack runs but does not become ready."""

    def __init__(self, program: Program) -> None:
        super().__init__(f"{program.name} was not ready in {READY_S_MAX} s; see {program.log_file}")


class Child:
    """One process of the stack, by whatever id it now has."""

    def __init__(self, program: Program, *, announce: Callable[[str, int], None]) -> None:
        self.program = program
        self._announce = announce
        self._process: asyncio.subprocess.Process | None = None
        self._started_s = 0.0

    async def start(self) -> None:
        """Start the process and tell its id.

        It has a session of its own, so that Ctrl-C reaches `up` alone, which then stops all in
        order.
        """
        descriptors = self.program.descriptors
        with self.program.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.program.module,
                *map(str, descriptors),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.program.environment},
                pass_fds=descriptors,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        # The input stays open: its end tells the child that this process has gone.
        self._process.stdin.write(self.program.configuration + b"\n")
        self._started_s = time.monotonic()
        self._announce(self.program.name, self._process.pid)

    async def wait_until_ready(self) -> None:
        """Wait for the process to answer 200 where it says that it is ready.

        Raises NotReady or ProcessEnded.
        """
        assert self._process is not None
        deadline_s = time.monotonic() + READY_S_MAX
        async with httpx.AsyncClient(timeout=READY_S_MAX) as client:
            while time.monotonic() < deadline_s:
                if self._process.returncode is not None:
                    raise ProcessEnded(self.program)
                with suppress(httpx.TransportError):
                    # A child that dies at its start leaves the connection waiting in the open
                    # socket.
                    answer = await client.get(self.program.ready_url, timeout=1)
                    if answer.status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(READY_POLL_S)
        raise NotReady(self.program)

    async def watch(self) -> None:
        """Start the process again whenever it ends.

        Raises ProcessEnded where that does not help.
        """
        restarts = 0
        while True:
            assert self._process is not None
            await self._process.wait()
            ran_s = time.monotonic() - self._started_s
            restarts = 0 if ran_s > HEALTHY_S else restarts + 1
            if restarts > RESTARTS_MAX:
                raise ProcessEnded(self.program)
            await self.start()

    async def stop(self) -> None:
        """Stop the process: asked first, killed if it does not go."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def end_leftovers(pids: dict[str, int], *, modules: dict[str, str]) -> None:
    """Stop what a killed `up` left running, by the ids that it wrote down.

    An id may belong to somebody else by now: only a Python process that runs our module is asked to
    stop.
    """
    for name, pid in pids.items():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if modules.get(name) in process.cmdline():
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_S_MAX)


def peak_memory_mib(pid: int) -> int | None:
    """Return the highest resident memory of a process in MiB, or None where nobody tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return _memory_now_mib(pid)
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return None


def _memory_now_mib(pid: int) -> int | None:
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return None
    return resident // (1024 * 1024)


def processor_s(pid: int) -> float | None:
    """Return the processor time that a process has used, in seconds, or None where it has gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
