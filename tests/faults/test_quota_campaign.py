"""The ledger under faults: each cent is promised once, and what was answered is in the books."""

from pathlib import Path

import pytest

from tests.faults.postgres import Postgres
from tests.faults.quota_campaign import LONG, QUICK, QuotaCampaign, finished_quota_campaign
from tests.faults.quota_damages import DAMAGES
from tests.faults.quota_stored import load_stored
from tests.faults.test_campaign import FALLEN_SHARE, SEED, SEEDS, SHOWN


@pytest.mark.faults
async def test_whatever_fails_no_cent_is_promised_twice_and_every_answer_stands_in_the_books(
    postgres: Postgres, tmp_path: Path
) -> None:
    async with finished_quota_campaign(postgres, tmp_path, seed=SEED, length=QUICK) as campaign:
        await assert_everything_adds_up(campaign)
        await assert_every_damage_is_found(campaign)


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_fails_by_any_seed_no_cent_is_promised_twice(
    postgres: Postgres, tmp_path: Path, *, seed: int
) -> None:
    async with finished_quota_campaign(postgres, tmp_path, seed=seed, length=LONG) as campaign:
        await assert_everything_adds_up(campaign)
        await assert_every_damage_is_found(campaign)


async def assert_everything_adds_up(campaign: QuotaCampaign) -> None:
    found = await campaign.found()

    assert campaign.fallen() >= FALLEN_SHARE * len(campaign.struck)
    assert not found, f"{len(found)} violations, first: {found[:SHOWN]}"


async def assert_every_damage_is_found(campaign: QuotaCampaign) -> None:
    """Assert that the checker is not blind: each damage to what is stored is a violation."""
    whole, published = await load_stored(campaign.site.postgres), await campaign.load_published()
    unseen = []
    for name, damage in DAMAGES.items():
        stored = whole.copied()
        damage(stored)
        if next(campaign.violations(stored, published), None) is None:
            unseen.append(name)
    assert unseen == []
