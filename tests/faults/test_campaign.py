"""Thirty and more points at which something is killed under steady traffic, in one run."""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from typing_extensions import override

from tests.faults import checking, points
from tests.faults.checking import Stored
from tests.faults.damages import DAMAGES
from tests.faults.expected import Client, clients_of
from tests.faults.points import Point
from tests.faults.reader import FeedReader
from tests.faults.seals import check_seal
from tests.faults.sender import Sender
from tests.faults.signals import Signals
from tests.faults.site import Site
from tests.faults.stack import Stack, running_stack
from tests.faults.waiting import until

SEED = int(os.environ.get("SEED") or "20210301")
SEEDS = int(os.environ.get("SEEDS") or "3")
READERS = ("cs-sotkamo", "te-kainuu")
FINISHED_S_MAX = 60
DRAINED_S_MAX = 60
CAUGHT_UP_S_MAX = 60
SHOWN = 20
POINTS_MIN = 30


class CountedSignals(Signals):
    """Signals that count those who waited for a moment in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.missed = 0

    @override
    async def next(self, name: str, *, within_s: float) -> None:
        """Return at the next such moment, or when the time is over."""
        began_s = time.monotonic()
        await super().next(name, within_s=within_s)
        self.missed += time.monotonic() - began_s >= within_s


class Campaign:
    """One run: traffic, readers and faults over a stack, and what it all came to."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.rng = random.Random(seed)
        self.signals = CountedSignals()
        self.sender = Sender(stack, random.Random(seed + 1), self.signals)
        self.readers = [FeedReader(stack, name, self.signals) for name in READERS]
        self.struck: list[Point] = []
        self.phases_s: list[float] = []
        self.clients: dict[int, Client] = {}

    async def run(self) -> None:
        """Strike every point under traffic, then let all of it come to its end."""
        began_s = time.monotonic()
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        sending = asyncio.create_task(self.sender.run())
        try:
            for point in points.draw(self.rng):
                await points.strike(self.stack, point, signals=self.signals, rng=self.rng)
                self.struck.append(point)
            self.sender.finish()
            self.phases_s.append(time.monotonic() - began_s)
            async with asyncio.timeout(FINISHED_S_MAX):
                await sending
            self.phases_s.append(time.monotonic() - began_s)
            await self.stack.drained(within_s=DRAINED_S_MAX)
            await self._readers_caught_up()
            self.phases_s.append(time.monotonic() - began_s)
        finally:
            for task in (sending, *reading):
                task.cancel()
            await asyncio.gather(sending, *reading, return_exceptions=True)

    async def _readers_caught_up(self) -> None:
        """Return when each reader has read as many events as its feed holds, or not in time."""
        stored = await checking.load_stored(self.stack.postgres)
        missing = {reader: len(own_events(reader, stored)) for reader in self.readers}

        async def is_level() -> bool:
            return all(len(reader.events) >= count for reader, count in missing.items())

        with suppress(TimeoutError):  # Who is short of events then is named by `check_reader`.
            await until(is_level, within_s=CAUGHT_UP_S_MAX)

    def violations(self, stored: Stored) -> list[str]:
        """Return everything that is missing, doubled, out of order or was answered wrongly."""
        clients = self.clients = self.clients or clients_of(self.sender.sent.values())
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

    async def keep_evidence(self, folder: Path) -> None:
        """Keep what is stored and what the server logged, for who looks into a failure."""
        stored = await checking.load_stored(self.stack.postgres)
        (folder / "stored.json").write_bytes(stored.dumped())
        shutil.copy(self.stack.postgres.server.data / "log", folder / "postgres.log")

    def fallen(self) -> int:
        """Return how many points fell in their moment."""
        return len(self.struck) - self.signals.missed

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for point in self.struck)
        phases = ", ".join(f"{phase:.0f} s" for phase in self.phases_s)
        return (
            f"struck, sent, drained after {phases};"
            f" {len(self.struck)} points, {self.signals.missed} missed their moment,"
            f" {len(self.sender.sent)} registrations,"
            f" {self.sender.broken} calls broken; {dict(counted)}"
        )


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


@asynccontextmanager
async def finished_campaign(site: Site, folder: Path, *, seed: int) -> AsyncIterator[Campaign]:
    """Give a campaign that has come to its end; a failure inside the block names its seed."""
    async with running_stack(site) as stack:
        campaign = Campaign(stack, seed)
        try:
            await campaign.run()
            yield campaign
        except BaseException as error:
            error.add_note(
                f"SEED={seed}: {campaign.told()}; logs in {stack.logs}, rows in {folder}"
            )
            await campaign.keep_evidence(folder)
            raise
        print(f"SEED={seed}: {campaign.told()}")


async def assert_nothing_is_missing_or_doubled(campaign: Campaign) -> None:
    stored = await checking.load_stored(campaign.stack.postgres)

    found = campaign.violations(stored) + await check_seal(campaign.stack.postgres)

    assert campaign.fallen() >= POINTS_MIN
    assert not found, f"{len(found)} violations, first: {found[:SHOWN]}"


async def test_whatever_is_killed_nothing_is_missing_or_doubled(site: Site, tmp_path: Path) -> None:
    async with finished_campaign(site, tmp_path, seed=SEED) as campaign:
        await assert_nothing_is_missing_or_doubled(campaign)
        await assert_every_damage_is_found(campaign)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
async def test_whatever_is_killed_by_any_seed_nothing_is_missing_or_doubled(
    site: Site, tmp_path: Path, seed: int
) -> None:
    async with finished_campaign(site, tmp_path, seed=seed) as campaign:
        await assert_nothing_is_missing_or_doubled(campaign)


async def assert_every_damage_is_found(campaign: Campaign) -> None:
    """Assert that the checker is not blind: each damage to what is stored is a violation."""
    whole = await checking.load_stored(campaign.stack.postgres)
    unseen = []
    for name, damage in DAMAGES.items():
        stored = whole.copied()
        damage(stored)
        if not campaign.violations(stored):
            unseen.append(name)
    assert unseen == []
    assert_a_reader_that_missed_something_is_found(campaign, whole)


def assert_a_reader_that_missed_something_is_found(campaign: Campaign, stored: Stored) -> None:
    """Assert that a reader with nothing read, or the first, last or one event twice, is named."""
    for reader in campaign.readers:
        events = reader.events
        for spoilt in ([], events[1:], events[:-1], [*events, events[-1]]):
            reader.events = spoilt
            assert check_reader(reader, stored) != []
        reader.events = events
