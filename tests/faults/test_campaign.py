"""Thirty and more points at which something is killed under steady traffic, in one run."""

import os
from pathlib import Path

import pytest

from kuntavayla.settings import Transport
from tests.faults import checking
from tests.faults.campaign import Campaign, finished_campaign
from tests.faults.checking import Stored
from tests.faults.damages import DAMAGES, FOUND_BY
from tests.faults.damages_outside import (
    DAMAGES_OF_CONSUMERS,
    DAMAGES_OVER_BROKER,
    DAMAGES_TO_AUDIT,
)
from tests.faults.outside import Outside
from tests.faults.reader import check_reader
from tests.faults.seals import load_seal
from tests.faults.site import Site

SEED = int(os.environ.get("SEED") or "20210301")
SEEDS = [SEED] if os.environ.get("SEED") else range(1, int(os.environ.get("SEEDS") or "3") + 1)
TRANSPORTS = [Transport(os.environ["TRANSPORT"])] if os.environ.get("TRANSPORT") else [*Transport]
SHOWN = 20
FALLEN_SHARE = 0.85
"""So many of the points must fall in their moment."""


async def assert_nothing_is_missing_or_doubled(campaign: Campaign) -> None:
    found = await campaign.found()

    assert campaign.fallen() >= FALLEN_SHARE * len(campaign.struck)
    assert not found, f"{len(found)} violations, first: {found[:SHOWN]}"


@pytest.mark.faults
async def test_whatever_is_killed_nothing_is_missing_or_doubled(site: Site, tmp_path: Path) -> None:
    async with finished_campaign(site, tmp_path, seed=SEED) as campaign:
        await assert_nothing_is_missing_or_doubled(campaign)
        await assert_every_damage_is_found(campaign)


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_is_killed_by_any_seed_nothing_is_missing_or_doubled(
    site: Site, tmp_path: Path, *, seed: int, transport: Transport
) -> None:
    async with finished_campaign(site, tmp_path, seed=seed, transport=transport) as campaign:
        await assert_nothing_is_missing_or_doubled(campaign)
        if seed == SEEDS[0]:
            await assert_every_damage_is_found(campaign)


async def assert_every_damage_is_found(campaign: Campaign) -> None:
    """Assert that the checker is not blind: each damage to what is stored is a violation."""
    whole, left = await checking.load_stored(campaign.stack.postgres), await campaign.load_outside()
    assert [*campaign.violations(whole, left)] == []
    unseen = []
    for name, damage in DAMAGES.items():
        stored = whole.copied()
        damage(stored)
        if not is_found(campaign, name, stored=stored, left=left):
            unseen.append(name)
    over = {} if campaign.stack.broker is None else DAMAGES_OVER_BROKER
    for name, spoil in (DAMAGES_OF_CONSUMERS | over).items():
        stored, spoilt = whole.copied(), left.copied()
        spoil(stored, spoilt)
        if not is_found(campaign, name, stored=stored, left=spoilt):
            unseen.append(name)
    for name, statement in DAMAGES_TO_AUDIT.items():
        spoilt = left.copied()
        spoilt.seal = await load_seal(campaign.stack.postgres, damage=statement)
        if not is_found(campaign, name, stored=whole, left=spoilt):
            unseen.append(name)
    assert unseen == []
    assert_a_reader_that_missed_something_is_found(campaign, whole)
    assert_what_never_happened_is_found(campaign, whole, left)


def is_found(campaign: Campaign, name: str, *, stored: Stored, left: Outside) -> bool:
    """Say whether the check that is made for a damage names it; any, where none is made for it."""
    if name in FOUND_BY:
        return any(True for _ in campaign.checks(stored, left)[FOUND_BY[name]]())
    return next(campaign.violations(stored, left), None) is not None


def assert_a_reader_that_missed_something_is_found(campaign: Campaign, stored: Stored) -> None:
    """Assert that a reader with nothing read, or the first, last or one event twice, is named."""
    for reader in campaign.readers:
        events = reader.events
        for spoilt in ([], events[1:], events[:-1], [*events, events[-1]]):
            reader.events = spoilt
            assert check_reader(reader, stored) != []
        reader.events = events


def assert_what_never_happened_is_found(campaign: Campaign, stored: Stored, left: Outside) -> None:
    """Assert that a disturbance that never struck, or a token that never ended, is named."""
    assert campaign.disturbed[0].streams is not None
    counts, caller = campaign.disturbed[0].streams.counts, campaign.stack.callers["te-national"]
    for kind, count in counts.items():
        counts[kind] = 0
        assert next(campaign.violations(stored, left), None) is not None
        counts[kind] = count
    renewals, caller.renewals = caller.renewals, 0
    assert next(campaign.violations(stored, left), None) is not None
    caller.renewals = renewals
