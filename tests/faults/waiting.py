"""Waiting for what happens in other processes, which tell nobody: asked again, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable

POLL_S = 0.02


async def until(
    condition: Callable[[], Awaitable[bool]], *, within_s: float, poll_s: float = POLL_S
) -> None:
    """Return when the condition holds; raises TimeoutError where it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(poll_s)
