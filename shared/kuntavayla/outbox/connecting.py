"""The first connection of a client of the broker, kept whole when the client's start is cut off."""

import asyncio
from typing import Any

FIRST_S_MAX = 5
"""How long a start that is cut off may go on for an answer on its first connection."""


def keep_whole(client: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
    """Let a client end its first exchange with a broker also when its start is cancelled.

    aiokafka (0.14) closes its first connection only behind the answer on it; cancelled before that
    it leaves the connection open until its memory is collected.
    """
    bootstrap = client.bootstrap

    async def whole() -> None:
        exchange = asyncio.ensure_future(bootstrap())
        try:
            await asyncio.shield(exchange)
        except asyncio.CancelledError:
            await asyncio.wait({exchange}, timeout=FIRST_S_MAX)
            if not exchange.cancel():
                exchange.exception()
            raise

    client.bootstrap = whole
