"""Deadlines of many calls at once by one timer of the event loop.

Nearly every call ends long before its deadline, and a timer of its own costs more than the rest of
its bookkeeping.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
TICK_S = 0.001


class Deadlines:
    """Awaits calls no longer than each may take; used inside one loop."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, call: Awaitable[T], *, timeout_s: float) -> T:
        """Return what a call gives; cancels it and raises TimeoutError after so many seconds."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_s
        async with asyncio.timeout(None) as limit:
            self._running[limit] = ends_at
            try:
                if self._timer is None or ends_at < self._timer.when():
                    self._look_at(ends_at, loop)
                return await call
            finally:
                del self._running[limit]

    def close(self) -> None:
        """Set no timer any more; calls that run have ended by then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        self.close()
        self._timer = loop.call_at(at, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is over, and look again when the next may be."""
        self._timer = None
        now = loop.time()
        left = [ends_at for ends_at in self._running.values() if ends_at > now]
        for limit, ends_at in self._running.items():
            if ends_at <= now and not limit.expired():
                limit.reschedule(now)
        if left:
            # Loops that count whole milliseconds would come at once for less than one.
            self._look_at(max(min(left), now + TICK_S), loop)
