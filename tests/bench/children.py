"""Processes of a row: some do one job and report, others serve until they are stopped."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
READY_S_MAX = 60
STOP_S_MAX = 30
LINE_BYTES_MAX = 16 * 1024 * 1024


class ChildFailed(Exception):
    """A process of the row ended in another way than it should."""


class Serving(Struct, frozen=True):
    """A process that serves: its id and its port."""

    pid: int
    port: int


def read_job(kind: type[T]) -> T:
    """Return the job of this process, from its input."""
    return msgspec.json.decode(sys.stdin.buffer.readline(), type=kind)


def report(content: object) -> None:
    """Hand what this process measured to the row."""
    sys.stdout.buffer.write(msgspec.json.encode(content) + b"\n")
    sys.stdout.buffer.flush()


async def run_job(
    module: str, job: object, *, kind: type[T], environment: Mapping[str, str] | None = None
) -> T:
    """Run a process that does one job and return its report."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        limit=LINE_BYTES_MAX,
    )
    try:
        output, _ = await process.communicate(msgspec.json.encode(job) + b"\n")
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise ChildFailed(f"{module} ended with {process.returncode}")
    return msgspec.json.decode(output, type=kind)


@asynccontextmanager
async def serving(
    module: str, job: object, *, log_file: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Serving]:
    """Run a process that serves inside the block; it tells its port through a pipe."""
    reading, writing = os.pipe()
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            str(writing),
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            env={**os.environ, **(environment or {})},
        )
    os.close(writing)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    try:
        with os.fdopen(reading, "rb") as pipe:
            told = await asyncio.wait_for(asyncio.to_thread(pipe.readline), READY_S_MAX)
        if not told:
            raise ChildFailed(
                f"{module} did not start:\n{await asyncio.to_thread(log_file.read_text)}"
            )
        yield Serving(process.pid, int(told))
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            process.kill()


def tell_port(port: int) -> None:
    """Tell the row on which port this process serves."""
    with os.fdopen(int(sys.argv[1]), "wb") as pipe:
        pipe.write(f"{port}\n".encode())
