import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from kuntavayla.database import Pool, transaction
from kuntavayla.idempotency import (
    IdempotencyKeyReused,
    InProgress,
    KeyUse,
    Replay,
    claim,
    claim_free,
    fingerprints_of,
    release,
)
from kuntavayla.testing import TestDatabase
from kuntavayla.values.digests import KeyedDigest
from tests.shared.event_examples import new_id

SECRET = bytes(32)
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def a_use(
    key: str = "key-1",
    body: str = "body",
    *,
    organisation: str = "te-kainuu",
    route: str = "things",
) -> KeyUse:
    return KeyUse(
        organisation=organisation,
        route=route,
        key=key,
        fingerprint=fingerprints_of(body, by=[KeyedDigest(SECRET)])[0],
        status=201,
        result_id=new_id(),
    )


async def claimed(pool: Pool, uses: Sequence[KeyUse]) -> list[Replay | IdempotencyKeyReused | None]:
    async with transaction(pool) as connection:
        return await claim(connection, uses)


async def test_a_new_key_is_claimed_once_and_answered_by_its_first_result(pool: Pool) -> None:
    first, again = a_use(), a_use()

    assert await claimed(pool, [first]) == [None]
    assert await claimed(pool, [again]) == [Replay(201, first.result_id)]


async def test_a_known_key_with_another_body_is_refused(pool: Pool) -> None:
    await claimed(pool, [a_use()])

    assert await claimed(pool, [a_use(body="another")]) == [IdempotencyKeyReused()]


async def test_the_same_key_elsewhere_is_another_key(pool: Pool) -> None:
    await claimed(pool, [a_use()])

    outcomes = await claimed(pool, [a_use(organisation="te-lappi"), a_use(route="others")])

    assert outcomes == [None, None]


async def test_a_key_that_stands_twice_in_a_batch_is_new_once(pool: Pool) -> None:
    first = a_use()

    outcomes = await claimed(pool, [first, a_use("key-2"), a_use(), a_use(body="another")])

    assert outcomes == [None, None, Replay(201, first.result_id), IdempotencyKeyReused()]


async def test_nothing_is_claimed_for_nobody(pool: Pool) -> None:
    assert await claimed(pool, []) == []


async def test_a_key_that_was_given_back_is_new_again(pool: Pool) -> None:
    async with transaction(pool) as connection:
        uses = [a_use(), a_use("key-2")]
        await claim(connection, uses)
        await release(connection, uses[:1])

    assert await claimed(pool, [a_use()]) == [None]
    assert await claimed(pool, [a_use("key-2")]) == [Replay(201, uses[1].result_id)]


async def until_one_waits(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(30):
        while not await connection.fetchval(WAITING):
            pass


async def test_a_duplicate_in_flight_waits_and_gets_the_answer_of_the_first(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    first = a_use()
    async with transaction(pool) as connection:
        await claim(connection, [first])
        second = asyncio.create_task(claimed(pool, [a_use()]))
        await until_one_waits(owner)

    assert await second == [Replay(201, first.result_id)]


async def test_a_duplicate_in_flight_is_new_where_the_first_rolled_back(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    async with pool.acquire() as connection:
        holder = connection.transaction()
        await holder.start()
        await claim(connection, [a_use()])
        second = asyncio.create_task(claimed(pool, [a_use()]))
        await until_one_waits(owner)
        await holder.rollback()

    assert await second == [None]


async def test_a_duplicate_that_waits_too_long_is_told_to_come_back(
    pool: Pool, database: TestDatabase
) -> None:
    impatient = await asyncpg.connect(database.url, server_settings={"lock_timeout": "50ms"})

    async with transaction(pool) as connection:
        await claim(connection, [a_use()])
        with pytest.raises(InProgress) as refusal:
            await claim(impatient, [a_use()])
    await impatient.close()

    assert refusal.value.facts["retry_after_s"] == 1


async def test_a_batch_waits_for_no_key_and_only_the_item_of_a_held_one_is_told_so(
    pool: Pool,
) -> None:
    held, own = a_use(), a_use("key-2")
    async with transaction(pool) as holder, transaction(pool) as batch:
        assert await claim_free(holder, [held]) == [None]
        refused, *neighbours = await claim_free(
            batch, [a_use(), own, a_use("key-1", organisation="te-lappi")]
        )

    assert isinstance(refused, InProgress)
    assert refused.facts["retry_after_s"] == 1
    assert neighbours == [None, None]
    async with transaction(pool) as connection:
        outcomes = await claim_free(connection, [a_use(), a_use("key-2", body="another")])
    assert outcomes == [Replay(201, held.result_id), IdempotencyKeyReused()]


async def test_a_key_that_was_held_and_rolled_back_is_new_for_the_next_batch(pool: Pool) -> None:
    async with pool.acquire() as connection:
        holder = connection.transaction()
        await holder.start()
        await claim_free(connection, [a_use()])
        await holder.rollback()

    async with transaction(pool) as batch:
        assert await claim_free(batch, [a_use()]) == [None]


async def test_batches_with_the_same_keys_in_any_order_do_not_deadlock(pool: Pool) -> None:
    keys = [f"key-{number}" for number in range(50)]
    orders = [keys[first:] + keys[:first] for first in range(0, 50, 9)]
    batches = [[a_use(key) for key in order] for order in (*orders, *map(reversed, orders))]

    answers = await asyncio.gather(*(claimed(pool, batch) for batch in batches))

    new = [
        use
        for batch, answer in zip(batches, answers, strict=True)
        for use, outcome in zip(batch, answer, strict=True)
        if outcome is None
    ]
    results = {use.key: use.result_id for use in new}
    assert sorted(use.key for use in new) == sorted(keys)
    assert all(
        outcome in (None, Replay(201, results[use.key]))
        for batch, answer in zip(batches, answers, strict=True)
        for use, outcome in zip(batch, answer, strict=True)
    )


def test_a_fingerprint_depends_on_the_secret_and_tells_nothing_without_it() -> None:
    body = {"identity_code": "240587-921N"}

    prints = set(fingerprints_of(body, by=[KeyedDigest(bytes(32)), KeyedDigest(bytes(31) + b"1")]))

    assert len(prints) == 2
    assert all(len(fingerprint) == 32 for fingerprint in prints)
