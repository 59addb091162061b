"""What every command does with its terminal: a screen, and a clean end when the user stops it."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console

WIDTH_WITHOUT_SCREEN = 120


def make_console() -> Console:
    """Return the screen; where there is none, lines of a fixed width that tables fit in."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_SCREEN)


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run until the work ends or the user stops it; both SIGINT and SIGTERM stop it cleanly."""

    async def stoppable() -> int:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Only the first stops the work: a second one shall not cut its clean end off.
            loop.add_signal_handler(number, _cancel_once(task))
        with suppress(asyncio.CancelledError):
            return await task
        return 0

    raise typer.Exit(asyncio.run(stoppable()))


def _cancel_once(task: asyncio.Future[int]) -> Callable[[], None]:
    asked = False

    def cancel() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    return cancel
