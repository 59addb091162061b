"""What happens in the traffic, as moments at which a fault may strike."""

import asyncio
from collections import defaultdict


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
