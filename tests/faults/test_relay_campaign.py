"""The relay and its receivers under faults: what was taken is delivered once, in order, proven."""

from pathlib import Path

import pytest

from kuntavayla.settings import Transport
from tests.faults import relay_checking
from tests.faults.postgres import Postgres
from tests.faults.relay_campaign import LONG, QUICK, RelayCampaign, finished_relay_campaign
from tests.faults.relay_damages import DAMAGES
from tests.faults.relay_damages_outside import DAMAGES_OVER_BROKER
from tests.faults.test_campaign import FALLEN_SHARE, SEED, SEEDS, SHOWN, TRANSPORTS


@pytest.mark.faults
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_fails_each_item_is_delivered_once_in_order_and_proven(
    postgres: Postgres, tmp_path: Path, *, transport: Transport
) -> None:
    async with finished_relay_campaign(
        postgres, tmp_path, seed=SEED, length=QUICK, transport=transport
    ) as campaign:
        await assert_nothing_is_lost_or_doubled(campaign)
        await assert_every_damage_is_found(campaign)


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_fails_by_any_seed_each_item_is_delivered_once_in_order_and_proven(
    postgres: Postgres, tmp_path: Path, *, seed: int, transport: Transport
) -> None:
    async with finished_relay_campaign(
        postgres, tmp_path, seed=seed, length=LONG, transport=transport
    ) as campaign:
        await assert_nothing_is_lost_or_doubled(campaign)
        await assert_every_damage_is_found(campaign)


async def assert_nothing_is_lost_or_doubled(campaign: RelayCampaign) -> None:
    found = await campaign.found()

    assert campaign.fallen() >= FALLEN_SHARE * len(campaign.struck)
    assert not found, f"{len(found)} violations, first: {found[:SHOWN]}"


async def assert_every_damage_is_found(campaign: RelayCampaign) -> None:
    """Assert that the checker is not blind: each damage to what is stored is a violation."""
    whole = await relay_checking.load_stored(campaign.site.postgres)
    left = await campaign.load_outside()
    unseen = []
    for name, damage in DAMAGES.items():
        stored = whole.copied()
        damage(stored)
        if next(campaign.violations(stored, left), None) is None:
            unseen.append(name)
    over = {} if campaign.site.broker is None else DAMAGES_OVER_BROKER
    for name, spoil in over.items():
        stored, spoilt = whole.copied(), left.copied()
        spoil(stored, spoilt)
        if next(campaign.violations(stored, spoilt), None) is None:
            unseen.append(name)
    assert unseen == []
