"""Everything that a fault test needs to run: routing-api and case systems on a site of theirs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from kuntavayla.events import sequence_text
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.faults.postgres import ROUTING
from tests.faults.routing_process import Start
from tests.faults.site import SYSTEMS, Site, clock_from_now
from tests.faults.waiting import plain, until

ANSWER_S_MAX = 15
EPOCH = 1
"""Nothing is restored from a backup here."""
LEFT = """
SELECT count(*) FROM clients
WHERE fetched_revision < revision OR state NOT IN ('acknowledged', 'ended')
"""
LAST_EVENTS = """
SELECT recipient, channel, max(position) AS position FROM outbox
WHERE recipient = ANY($1::text[]) GROUP BY recipient, channel
"""
POSITIONS = "SELECT consumer, stream, sequence FROM inbox_positions"


class Stack:
    """The parts, and who calls."""

    def __init__(self, site: Site) -> None:
        self.postgres = site.postgres
        self.routing = site.routing
        self.case_systems = site.case_systems
        self.routing_url = site.routing_url
        self.token_url = site.token_url
        self.identities = tuple(site.identities.values())
        self.authorizations = site.authorizations()
        self.settings = site.settings()
        self._clock = clock_from_now()

    @property
    def logs(self) -> Path:
        """Return the folder in which the processes of all stacks log."""
        return self.routing.program.log_file.parent

    @asynccontextmanager
    async def client(self, organisation: str = "te-national") -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token."""
        headers = {"Authorization": self.authorizations[organisation]}
        async with httpx.AsyncClient(
            base_url=self.routing_url, headers=headers, timeout=ANSWER_S_MAX, verify=plain()
        ) as client:
            yield client

    def start(self) -> bytes:
        """Return the configuration of routing-api."""
        return msgspec.json.encode(Start(self.settings, self._clock))

    async def reconfigure(self, **changes: str) -> None:
        """Let routing-api begin anew with other settings."""
        self.settings |= changes
        self.routing.configuration = self.start()
        self.routing.kill()
        await self.routing.ready()

    async def drained(self, *, within_s: float) -> None:
        """Return when the case systems have read every event and done all that follows from it."""
        await until(self._is_drained, within_s=within_s, poll_s=0.1)

    async def _is_drained(self) -> bool:
        last = {
            (row["recipient"], f"routing-api/{row['channel']}"): sequence_text(
                EPOCH, row["position"]
            )
            for row in await self.postgres.fetch(ROUTING, LAST_EVENTS, list(SYSTEMS))
        }
        read = {
            (row["consumer"], row["stream"]): row["sequence"]
            for row in await self.postgres.fetch(CASE_SYSTEMS, POSITIONS)
        }
        return (
            all(read.get(stream) == sequence for stream, sequence in last.items())
            and await self.postgres.count(CASE_SYSTEMS, LEFT) == 0
        )


@asynccontextmanager
async def running_stack(site: Site) -> AsyncIterator[Stack]:
    """Run everything inside the block, on fresh databases."""
    await site.postgres.make_databases()
    stack = Stack(site)
    async with (
        stack.routing.running(stack.start()),
        stack.case_systems.running(site.configuration()),
    ):
        await stack.routing.ready()
        await stack.case_systems.ready()
        yield stack


def decode(answer: httpx.Response) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what an answer holds."""
    return json.loads(answer.content)
