"""A consumer of one feed over HTTP that lives through the campaign and remembers what it read."""

import asyncio
from typing import Any

import httpx

from tests.faults.signals import Signals
from tests.faults.stack import Stack, decode

AWAY_PAUSE_S = 0.1


class FeedReader:
    """Reads by long polls; keeps the cursor of its last whole answer, nothing of a broken one."""

    def __init__(self, stack: Stack, organisation: str, signals: Signals) -> None:
        self._stack = stack
        self.organisation = organisation
        self._signals = signals
        self.events: list[dict[str, Any]] = []
        self.complaints: list[str] = []

    async def run(self) -> None:
        """Read until cancelled."""
        after = "earliest"
        async with self._stack.client(self.organisation) as client:
            while True:
                parameters = {"after": after, "limit": "100", "wait": "10"}
                try:
                    answer = await client.get("/events", params=parameters)
                except httpx.TransportError:
                    await asyncio.sleep(AWAY_PAUSE_S)
                    continue
                if answer.status_code == httpx.codes.OK:
                    self.events += decode(answer)
                    after = answer.headers["Next-Cursor"]
                    self._signals.give("events_read")
                    continue
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    self.complaints.append(f"the feed answered {answer.status_code}")
                await asyncio.sleep(AWAY_PAUSE_S)
