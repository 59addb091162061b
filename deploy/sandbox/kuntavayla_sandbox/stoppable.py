"""Work of a command that its user may stop at any moment."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


def run_stoppable(work: Coroutine[Any, Any, int]) -> int:
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

    return asyncio.run(stoppable())


def _cancel_once(task: asyncio.Future[int]) -> Callable[[], None]:
    asked = False

    def cancel() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    return cancel
