from datetime import UTC, datetime, timedelta

import pytest
from typing_extensions import override

from kuntavayla.audit import SealedDay
from kuntavayla.audit.stored_blocks import find_newest
from kuntavayla.database import Connection, Pool, transaction
from tests.shared.audit_examples import Hour, Told, a_sealer, written

EVENING = datetime(2021, 3, 1, 21, 59, tzinfo=UTC)
MIDNIGHT = datetime(2021, 3, 1, 22, 0, tzinfo=UTC)


async def announced(pool: Pool, told: Told, clock: Hour) -> list[SealedDay]:
    """Let a sealer that has just been elected announce what is due."""
    sealer = a_sealer(clock, told)
    async with pool.acquire() as connection:
        await sealer.take_over(connection)
        while await sealer.seal(connection):
            pass
        await sealer.announce_days(connection)
        await sealer.announce_days(connection)
    return told.days


async def test_a_legal_day_is_announced_once_when_it_is_over(pool: Pool) -> None:
    clock, told = Hour(EVENING), Told()
    for _ in range(2):
        await written(pool, 3)
        assert await announced(pool, told, clock) == []
    clock.now = MIDNIGHT

    days = await announced(pool, told, clock)
    again = await announced(pool, Told(), clock)

    async with transaction(pool) as connection:
        newest = await find_newest(connection)
    assert newest is not None
    assert [(day.sealed_on.isoformat(), day.block_number) for day in days] == [("2021-03-01", 2)]
    assert (days[0].block_count, days[0].line_count) == (2, 6)
    assert days[0].block_hash == newest.hash
    assert again == []


async def test_a_day_whose_announcement_failed_is_announced_by_the_next_sealer(
    pool: Pool,
) -> None:
    class FailedError(Exception):
        """The announcement cannot be written."""

    class Failing(Told):
        @override
        async def __call__(self, _connection: Connection, _day: SealedDay) -> None:
            raise FailedError

    clock, told = Hour(EVENING), Told()
    await written(pool, 1)
    await announced(pool, told, clock)
    clock.now = MIDNIGHT
    with pytest.raises(FailedError):
        await announced(pool, Failing(), clock)

    days = await announced(pool, told, clock)

    assert [day.block_number for day in days] == [1]


async def test_a_block_of_a_slower_clock_counts_to_the_day_that_is_still_open(
    pool: Pool,
) -> None:
    told = Told()
    await written(pool, 1)
    await announced(pool, told, Hour(EVENING))
    await announced(pool, told, Hour(MIDNIGHT))
    await written(pool, 1)
    await announced(pool, told, Hour(EVENING))

    await announced(pool, told, Hour(MIDNIGHT + timedelta(days=1)))

    assert [(day.sealed_on.isoformat(), day.block_number) for day in told.days] == [
        ("2021-03-01", 1),
        ("2021-03-02", 2),
    ]


async def test_days_without_blocks_are_passed_over(pool: Pool) -> None:
    clock, told = Hour(EVENING), Told()
    await written(pool, 1)
    await announced(pool, told, clock)
    clock.now = EVENING + timedelta(days=30)

    await announced(pool, told, clock)

    assert [day.sealed_on.isoformat() for day in told.days] == ["2021-03-01"]
