import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import cast

import asyncpg
import pytest

from kuntavayla.audit import append, load_state
from kuntavayla.audit.ranges import Ranges, ranges_of
from kuntavayla.audit.stored_blocks import UNSEALED, find_newest, list_blocks
from kuntavayla.database import Connection, Pool, transaction
from kuntavayla.testing import TestDatabase
from tests.shared.audit_examples import a_line, a_sealer, found, lines, sealed, written
from tests.shared.event_examples import NOW

LIMIT_S = 30


@contextlib.asynccontextmanager
async def open_act(database: TestDatabase, count: int = 1) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection whose open transaction has written lines; its end is the test's."""
    connection = await asyncpg.connect(database.url)
    await connection.execute("BEGIN")
    await append(connection, list(lines(count)))
    try:
        yield connection
    finally:
        await connection.close()


async def members(pool: Pool) -> list[Ranges]:
    async with transaction(pool) as connection:
        return [block.members for block in await list_blocks(connection, first=1, last=1_000)]


async def settled_to(pool: Pool) -> int:
    async with transaction(pool) as connection:
        newest = await find_newest(connection)
    return newest.settled_to if newest else 0


async def test_a_block_takes_what_is_committed_and_at_most_its_measure(pool: Pool) -> None:
    await written(pool, 4_500)

    counts = await sealed(pool, a_sealer())

    assert counts == [2_000, 2_000, 500]
    assert await members(pool) == [((1, 2_000),), ((2_001, 4_000),), ((4_001, 4_500),)]
    assert await found(pool) == []


async def test_lines_that_commit_in_the_opposite_order_are_each_sealed_once(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with (
        open_act(database, 3) as first,
        open_act(database, 2) as second,
        open_act(database, 1) as third,
    ):
        for act in (third, second, first):
            await act.execute("COMMIT")
            await sealed(pool, sealer)

    assert await members(pool) == [((6, 6),), ((4, 5),), ((1, 3),)]
    assert await settled_to(pool) == 6
    assert await found(pool) == []


async def test_a_number_that_never_comes_holds_nothing_up_for_long(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with open_act(database, 2) as act:
        await written(pool, 1)
        await sealed(pool, sealer)
        held_at = await settled_to(pool)
        await act.execute("ROLLBACK")
    await written(pool, 1)
    await sealed(pool, sealer)

    assert held_at == 0
    assert await settled_to(pool) == 4
    assert await members(pool) == [((3, 3),), ((4, 4),)]
    assert await found(pool) == []


async def test_an_open_transaction_holds_up_no_line_but_its_own(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with open_act(database, 1) as act:
        for _ in range(5):
            await written(pool, 10)
            assert await sealed(pool, sealer) == [10]
        held_at = await settled_to(pool)
        await act.execute("COMMIT")
    counts = await sealed(pool, sealer)

    assert (held_at, counts, await settled_to(pool)) == (0, [1], 51)
    assert await found(pool) == []


async def test_what_was_late_is_still_found_after_a_change_of_sealers(
    pool: Pool, database: TestDatabase
) -> None:
    async with open_act(database, 1) as act:
        await written(pool, 2)
        await sealed(pool, a_sealer())
        successor = a_sealer()
        async with pool.acquire() as connection:
            await successor.take_over(connection)
        await act.execute("COMMIT")
        counts = await sealed(pool, successor)

    assert counts == [1]
    assert await members(pool) == [((2, 3),), ((1, 1),)]
    assert await found(pool) == []


async def test_many_writers_with_mixed_ends_leave_every_committed_line_in_one_block(
    pool: Pool, database: TestDatabase
) -> None:
    sealer, is_done = a_sealer(), asyncio.Event()

    async def write(seed: int) -> None:
        connection = await asyncpg.connect(database.url)
        for number in range(25):
            act = connection.transaction()
            await act.start()
            await append(connection, [a_line(n) for n in range(1 + (seed + number) % 4)])
            await (act.rollback() if (seed * number) % 5 == 1 else act.commit())
        await connection.close()

    async def seal() -> None:
        while not is_done.is_set():
            await sealed(pool, sealer)

    sealing = asyncio.create_task(seal())
    await asyncio.gather(*map(write, range(8)))
    is_done.set()
    await sealing
    await written(pool, 1)
    await sealed(pool, sealer)

    numbers = [row["audit_id"] for row in await pool.fetch("SELECT audit_id FROM audit")]
    taken = Counter(
        number
        for block in await members(pool)
        for first, last in block
        for number in range(first, last + 1)
    )
    assert taken == Counter(numbers)
    assert await found(pool) == []


async def test_the_settled_end_rises_when_the_writers_of_a_gap_have_gone(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with open_act(database, 1) as lost, open_act(database, 1) as slow:
        await written(pool, 1)
        await sealed(pool, sealer)
        await lost.execute("ROLLBACK")
        await written(pool, 1)
        await sealed(pool, sealer)
        while_slow = await settled_to(pool)
        await slow.execute("COMMIT")
        await sealed(pool, sealer)

    assert (while_slow, await settled_to(pool)) == (0, 4)


async def test_late_lines_that_fill_more_than_a_block_are_all_sealed(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with open_act(database, 3_000) as act:
        await written(pool, 1)
        await sealed(pool, sealer)
        await act.execute("COMMIT")
    counts = await sealed(pool, sealer)

    assert (counts, await settled_to(pool)) == ([2_000, 1_000], 3_001)
    assert await found(pool) == []


class Overtaken:
    """A sealer's connection on which an act commits right after the lines have been read."""

    def __init__(self, connection: Connection, act: asyncpg.Connection) -> None:
        self._connection = connection
        self._act = act

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(statement, *arguments)
        if statement == UNSEALED:
            await self._act.execute("COMMIT")
        return rows

    async def execute(self, statement: str, *arguments: object) -> str:
        told: str = await self._connection.execute(statement, *arguments)
        return told


async def test_a_line_that_commits_while_a_block_is_made_is_in_the_next_one(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    async with open_act(database, 1) as act, pool.acquire() as connection:
        await written(pool, 1)
        await sealer.seal(connection)
        await written(pool, 1)
        await sealer.seal(cast("Connection", Overtaken(connection, act)))
        at_commit = await settled_to(pool)
        await sealer.seal(connection)

    assert (at_commit, await settled_to(pool)) == (0, 3)
    assert await members(pool) == [((2, 2),), ((3, 3),), ((1, 1),)]
    assert await found(pool) == []


async def test_two_sealers_never_close_the_same_block(pool: Pool) -> None:
    one, other = a_sealer(), a_sealer()
    await written(pool, 2)
    await sealed(pool, one)

    with pytest.raises(asyncpg.UniqueViolationError):
        await sealed(pool, other)

    assert await found(pool) == []


async def test_the_state_tells_the_newest_block_and_the_oldest_line_without_one(
    pool: Pool,
) -> None:
    async def state() -> tuple[int | None, datetime | None]:
        async with transaction(pool) as connection:
            told = await load_state(connection)
        return told.newest_block, told.oldest_unsealed_at

    before = await state()
    await written(pool, 2)
    waiting = await state()
    await sealed(pool, a_sealer())

    assert before == (None, None)
    assert waiting == (None, NOW + timedelta(seconds=1))
    assert await state() == (1, None)


def test_runs_of_nothing_are_nothing() -> None:
    assert ranges_of([]) == ()
