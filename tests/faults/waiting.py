"""Waiting for what happens in other processes, which tell nobody: asked again, with a deadline.

And asking cheaply: who asks often shall not read all certificates each time.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import cache

import psutil

POLL_S = 0.02
ENDED_S_MAX = 30


async def until(
    condition: Callable[[], Awaitable[bool]], *, within_s: float, poll_s: float = POLL_S
) -> None:
    """Return when the condition holds; raises TimeoutError where it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(poll_s)


async def ended(pid: int) -> None:
    """Wait until a killed process has ended, whether or not somebody has collected it."""

    async def is_over() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    await until(is_over, within_s=ENDED_S_MAX)


@cache
def plain() -> ssl.SSLContext:
    """Return what clients of plain HTTP trust: no certificate."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
