"""Publishers for tests, in this process or as processes of their own, and events to publish."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from kuntavayla import outbox
from kuntavayla.database import Pool, transaction
from kuntavayla.events import EventDraft
from kuntavayla.outbox import (
    Hold,
    Pause,
    Publication,
    Publisher,
    PublisherMetrics,
    Standing,
    load_standing,
)
from kuntavayla.settings import KafkaConnection
from kuntavayla.testing import TestDatabase
from tests.shared.event_examples import KAJAANI, NOW, SOTKAMO, a_draft, announce, new_id
from tests.shared.published import WITHIN_S, Record, Topics, running
from tests.shared.publisher_process import Start

REPOSITORY = Path(__file__).parents[2]


class Bench:
    """One outbox and the topics that it is published to."""

    def __init__(self, database: TestDatabase, pool: Pool, topics: Topics) -> None:
        self.database = database
        self.pool = pool
        self.topics = topics
        self.metrics = CollectorRegistry()
        self._metrics = PublisherMetrics(self.metrics)
        self.now = NOW

    def publication(self, **changes: Any) -> Publication:  # noqa: ANN401 - fields of a publication
        return Publication(
            **{
                "service": self.topics.service,
                "database_url": self.database.url,
                "broker": KafkaConnection(bootstrap=self.topics.bootstrap),
                "clock": lambda: self.now,
                **changes,
            }
        )

    @contextlib.asynccontextmanager
    async def publishing(self, **changes: Any) -> AsyncIterator[None]:  # noqa: ANN401 - fields of a publication
        """Publish in this process inside the block."""
        publisher = Publisher(self.pool, self.publication(**changes), metrics=self._metrics)
        async with running(publisher.run()):
            yield

    @contextlib.asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Publish in a process of its own inside the block, unless it is killed before."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.shared.publisher_process",
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            cwd=REPOSITORY,
        )
        assert process.stdin is not None
        start = Start(self.topics.service, self.database.url, self.topics.bootstrap)
        process.stdin.write(msgspec.json.encode(start) + b"\n")
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def standing(self) -> Standing:
        async with self.pool.acquire() as connection:
            return await load_standing(connection)

    async def until(self, satisfied: Callable[[Standing], bool]) -> Standing:
        """Wait until the publisher stands as wanted."""
        async with asyncio.timeout(WITHIN_S):
            while not satisfied(standing := await self.standing()):  # noqa: ASYNC110 - a row tells by being read
                await asyncio.sleep(0)
        return standing

    async def published(self) -> Standing:
        """Wait until everything announced is published."""
        return await self.until(lambda standing: standing.lag == 0)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.get_sample_value(name, labels) or 0

    async def failures(self, reason: str, *, at_least: int = 1) -> None:
        """Wait until the publisher has counted failures of a reason."""
        async with asyncio.timeout(WITHIN_S):
            while self.metric("kuntavayla_outbox_send_failures_total", reason=reason) < at_least:  # noqa: ASYNC110 - a counter tells by being read
                await asyncio.sleep(0.01)

    async def stored(self, recipient: str) -> list[Any]:
        """Return the common events of a recipient as they stand in the outbox, in order."""
        rows = await self.pool.fetch(
            "SELECT body FROM outbox WHERE recipient = $1 AND channel = 'common' ORDER BY position",
            recipient,
        )
        return [msgspec.json.decode(row["body"]) for row in rows]

    async def announce(
        self, count: int, *, recipient: str = SOTKAMO, clients: int = 3
    ) -> list[EventDraft]:
        """Announce events of some clients in turn, a transaction for each few of them."""
        subjects = [new_id() for _ in range(clients)]
        drafts = [
            replace(a_draft(number, recipient=recipient), subject=subjects[number % clients])
            for number in range(count)
        ]
        for first in range(0, count, 5):
            await announce(self.pool, *drafts[first : first + 5])
        return drafts

    async def pause(self, recipient: str, *, until: datetime | None = None) -> None:
        """Hold a recipient back."""
        pause = Pause(
            reason="its system is being renewed",
            organisation="operator",
            official_id="operator:u-1",
            at=self.now,
            until=until,
        )
        async with transaction(self.pool) as connection:
            await outbox.pause(connection, recipient, pause)

    async def pause_and_see(self, recipient: str, *, until: datetime | None = None) -> None:
        """Hold a recipient back, and wait until the publisher knows it.

        A pause that comes between a batch's two reads is seen by the next batch.
        """
        await self.pause(recipient, until=until)
        await self.announce(1, recipient=KAJAANI)
        await self.published()

    async def resume(self, recipient: str) -> bool:
        """End a recipient's pause; say whether it was paused."""
        async with transaction(self.pool) as connection:
            return await outbox.resume(connection, recipient, now=self.now)

    async def holds(self) -> list[Hold]:
        async with self.pool.acquire() as connection:
            return await outbox.list_holds(connection)

    async def until_drained(self) -> None:
        """Wait until nobody is held back."""
        async with asyncio.timeout(WITHIN_S):
            while await self.holds():  # noqa: ASYNC110 - rows tell by being read
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def position_locked(owner: asyncpg.Connection) -> AsyncIterator[None]:
    """Let nobody move the publisher's position inside the block."""
    async with owner.transaction():
        await owner.execute("SELECT * FROM outbox_publisher FOR UPDATE")
        yield


def ids(records: Sequence[Record]) -> set[str]:
    return {record.event_id for record in records}


def first_seen(records: Sequence[Record]) -> list[Record]:
    """Return what a reader gives effect to: each partition's records above all before them."""
    seen: dict[int, str] = {}
    fresh = []
    for record in records:
        if record.sequence > seen.get(record.partition, ""):
            seen[record.partition] = record.sequence
            fresh.append(record)
    return fresh


def is_in_order(records: Sequence[Record]) -> bool:
    """Say whether every partition's records rise."""
    by_partition: dict[int, list[str]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record.sequence)
    return all(
        earlier < later
        for sequences in by_partition.values()
        for earlier, later in pairwise(sequences)
    )
