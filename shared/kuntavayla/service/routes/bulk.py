"""Bulk calls: lines in, lines out, in order, chunk by chunk.

While the database works on one chunk, the next is made ready.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Protocol, TypeVar

from kuntavayla.service.schemas.bulk import BulkEnd, BulkSummary

Ready = TypeVar("Ready")
Line = TypeVar("Line")
CHUNK_LINES = 500
"""Lines of one transaction."""
SLICE_LINES = 4
"""Lines that are made ready before others of the process get their turn."""
LINE_BYTES_MAX = 65_536


class AnsweredLine(Protocol):
    """A line of a bulk answer."""

    @property
    def replayed(self) -> bool:
        """Say whether an earlier call is answered again."""

    @property
    def status(self) -> int:
        """Return the status that a call of its own would have been answered with."""


async def run_chunks(
    lines: Sequence[bytes],
    *,
    begin: Callable[[], Callable[[bytes, int], Ready]],
    submit: Callable[[Sequence[Ready], int], Awaitable[list[Line]]],
) -> list[Line]:
    """Do all lines, chunk by chunk; return one answer per line, in order.

    `begin` is called once a chunk and returns what makes a line of a number ready; `submit` does
    what is ready in one transaction, the first line of the chunk being that of the number.
    """
    answered: list[Line] = []
    waiting: asyncio.Task[list[Line]] | None = None
    try:
        for first in range(0, len(lines), CHUNK_LINES):
            chunk = lines[first : first + CHUNK_LINES]
            ready = await _prepare(chunk, begin(), first_line=first + 1)
            if waiting is not None:
                answered += await waiting
            waiting = asyncio.ensure_future(submit(ready, first + 1))
        if waiting is not None:
            answered += await waiting
    finally:
        await _end(waiting)
    return answered


async def _prepare(
    lines: Sequence[bytes], prepare: Callable[[bytes, int], Ready], *, first_line: int
) -> list[Ready]:
    ready: list[Ready] = []
    for place, line in enumerate(lines):
        if place % SLICE_LINES == 0:
            await asyncio.sleep(0)
        ready.append(prepare(line, first_line + place))
    return ready


async def _end(task: "asyncio.Future[list[Line]] | None") -> None:
    """Let no chunk outlive its call: one that nobody awaits any more is given up."""
    if task is not None and not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def summary_of(lines: Sequence[AnsweredLine]) -> BulkEnd:
    """Return the last line of a bulk answer."""
    replayed = sum(line.replayed for line in lines)
    failed = sum(line.status >= HTTPStatus.BAD_REQUEST for line in lines)
    return BulkEnd(BulkSummary(len(lines), len(lines) - replayed - failed, replayed, failed))
