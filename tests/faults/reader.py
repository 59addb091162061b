"""A consumer of one feed over HTTP that lives through the campaign and remembers what it read."""

import asyncio
from typing import Any

import httpx

from tests.faults.checking import Stored
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


def own_events(reader: FeedReader, stored: Stored) -> list[str]:
    """Return the ids of all events of the reader's feed, in order."""
    return [
        row["event_id"]
        for row in stored.outbox
        if row["recipient"] == reader.organisation and row["channel"] == "common"
    ]


def check_reader(reader: FeedReader, stored: Stored) -> list[str]:
    """Return what a reader missed, read twice or in another order."""
    own, read = own_events(reader, stored), [event["id"] for event in reader.events]
    if not own:
        return [f"{reader.organisation} had nothing to read"]
    if read != own:
        return [f"{reader.organisation} read {len(read)} events of {len(own)}, or in another order"]
    return []
