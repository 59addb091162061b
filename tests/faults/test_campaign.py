"""Thirty and more points at which something is killed under steady traffic, in one run."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import checking, points
from tests.faults.expected import clients_of
from tests.faults.points import Point
from tests.faults.postgres import Postgres
from tests.faults.reader import FeedReader
from tests.faults.sender import Sender
from tests.faults.signals import Signals
from tests.faults.stack import Stack, running_stack

SEED = int(os.environ.get("SEED", "20210301"))
SEEDS = int(os.environ.get("SEEDS") or "3")
READERS = ("cs-sotkamo", "te-kainuu")
FINISHED_S_MAX = 40
DRAINED_S_MAX = 40
SHOWN = 20


class Campaign:
    """One run: traffic, readers and faults over a stack, and what it all came to."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.rng = random.Random(seed)
        self.signals = Signals()
        self.sender = Sender(stack, random.Random(seed + 1), self.signals)
        self.readers = [FeedReader(stack, name, self.signals) for name in READERS]
        self.struck: list[Point] = []

    async def run(self) -> None:
        """Strike every point under traffic, then let all of it come to its end."""
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        sending = asyncio.create_task(self.sender.run())
        try:
            for point in points.draw(self.rng):
                await points.strike(self.stack, point, signals=self.signals, rng=self.rng)
                self.struck.append(point)
            self.sender.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await sending
            await self.stack.drained(within_s=DRAINED_S_MAX)
        finally:
            for task in (sending, *reading):
                task.cancel()
            await asyncio.gather(sending, *reading, return_exceptions=True)

    async def violations(self) -> list[str]:
        """Return everything that is missing, doubled, out of order or was answered wrongly."""
        clients = clients_of(self.sender.sent.values())
        stored = await checking.load_stored(self.stack.postgres)
        return [
            *self.sender.complaints,
            *checking.check_registrations(stored, clients, self.sender.answers),
            *checking.check_clienthoods(stored, clients),
            *checking.check_effects(stored, clients),
            *checking.check_outbox(stored, clients),
            *checking.check_audit(stored),
            *(each for reader in self.readers for each in reader.complaints),
            *(each for reader in self.readers for each in check_reader(reader, stored)),
        ]

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for point in self.struck)
        return (
            f"{len(self.struck)} points, {len(self.sender.sent)} registrations,"
            f" {self.sender.broken} calls broken; {dict(counted)}"
        )


def check_reader(reader: FeedReader, stored: checking.Stored) -> list[str]:
    """Return what a reader missed or read twice; the last events may still be on their way."""
    own = [
        row["event_id"]
        for row in stored.outbox
        if row["recipient"] == reader.organisation and row["channel"] == "common"
    ]
    read = [event["id"] for event in reader.events]
    return [] if read == own[: len(read)] else [f"{reader.organisation} read in another order"]


async def campaign(postgres: Postgres, logs: Path, *, seed: int) -> None:
    async with running_stack(postgres, logs) as stack:
        campaign = Campaign(stack, seed)
        try:
            await campaign.run()
            found = await campaign.violations()
        except BaseException as error:
            error.add_note(f"SEED={seed}: {campaign.told()}; logs in {logs}")
            raise
        print(f"SEED={seed}: {campaign.told()}")
        assert len(campaign.struck) >= 30
        assert not found, f"SEED={seed}, {len(found)} violations, first: {found[:SHOWN]}"


async def test_whatever_is_killed_nothing_is_missing_or_doubled(
    postgres: Postgres, tmp_path: Path
) -> None:
    await campaign(postgres, tmp_path, seed=SEED)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
async def test_whatever_is_killed_by_any_seed_nothing_is_missing_or_doubled(
    postgres: Postgres, tmp_path: Path, seed: int
) -> None:
    await campaign(postgres, tmp_path, seed=seed)
