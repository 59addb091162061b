"""Calls of the demo, each as one of the stack's identities."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from kuntavayla_sandbox.calls import Tokens, credentials_of
from kuntavayla_sandbox.simulators import ANSWER_S_MAX
from kuntavayla_sandbox.state import Stack, StateFault

POLL_S = 0.2
PATIENCE_S = 90.0
"""What is late is looked for every half minute; this is three times that."""
T = TypeVar("T")


class StoryStalled(StateFault):
    """What the story tells next did not come."""

    def __init__(self, awaited: str) -> None:
        super().__init__(f"The story waited in vain for {PATIENCE_S:.0f} s: {awaited}.")


class Calls:
    """Calls anything on a running stack, as whoever is named."""

    def __init__(self, stack: Stack, *, client: httpx.AsyncClient) -> None:
        self.stack = stack
        self.client = client

    async def token(self, name: str) -> str:
        """Return a token of an identity."""
        identity = self.stack.identity(name)
        return await Tokens(self.client, credentials_of(identity, token_url=self.stack.token_url))()

    async def call(
        self,
        name: str,
        method: str,
        url: str,
        *,
        body: object = None,
        key: str | None = None,
        official: str | None = None,
    ) -> dict[str, Any]:
        """Return the answer to a call; raises httpx.HTTPError where it is none of success."""
        headers = {"Authorization": f"Bearer {await self.token(name)}"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Acting-Official": official} if official else {}
        answer = await self.client.request(
            method, url, json=body, headers=headers, timeout=ANSWER_S_MAX
        )
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


async def until(awaited: str, ask: Callable[[], Awaitable[T | None]]) -> T:
    """Return the first answer that is one; raises StoryStalled where none comes."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if (found := await ask()) is not None:
            return found
        await asyncio.sleep(POLL_S)
    raise StoryStalled(awaited)
