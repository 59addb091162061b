"""What happens in the traffic, as moments at which a fault may strike."""

import asyncio
import time
from collections import defaultdict

from typing_extensions import override


class Signals:
    """Moments by name; a moment reaches those who wait for it then, and nobody later."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def give(self, name: str) -> None:
        """Say that it happens now."""
        for waiting in self._waiting.pop(name, []):
            if not waiting.done():
                waiting.set_result(None)

    async def next(self, name: str, *, within_s: float) -> None:
        """Return at the next such moment, or when the time is over."""
        moment = asyncio.get_running_loop().create_future()
        self._waiting[name].append(moment)
        await asyncio.wait([moment], timeout=within_s)


class CountedSignals(Signals):
    """Signals that count those who waited for a moment in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.missed = 0

    @override
    async def next(self, name: str, *, within_s: float) -> None:
        """Return at the next such moment, or when the time is over."""
        began_s = time.monotonic()
        await super().next(name, within_s=within_s)
        self.missed += time.monotonic() - began_s >= within_s
