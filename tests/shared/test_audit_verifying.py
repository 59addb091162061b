import asyncpg
import pytest

from kuntavayla.audit import Anchor, BlockSpan, SealKey, SealKeys, verify
from kuntavayla.audit.sealing import sign
from kuntavayla.audit.stored_blocks import append_block, find_block
from kuntavayla.database import Pool, transaction
from tests.shared.audit_examples import (
    KEY,
    KEYS,
    SOURCE,
    a_sealer,
    found,
    sealed,
    verified,
    written,
)
from tests.shared.audit_tamperings import (
    BLOCKS,
    INSERT,
    LINES,
)


@pytest.fixture
async def intact(pool: Pool) -> Anchor:
    """A chain of blocks, and its end as somebody outside has noted it."""
    sealer = a_sealer()
    for _ in range(BLOCKS):
        await written(pool, LINES)
        await sealed(pool, sealer)
    verification = await verified(pool)
    return Anchor(verification.newest_block, verification.newest_hash)


async def test_what_nobody_touched_is_intact(pool: Pool, intact: Anchor) -> None:
    verification = await verified(pool, expected=intact)

    assert verification.differences == []
    assert (verification.first_block, verification.last_block) == (1, BLOCKS)
    assert (verification.block_count, verification.line_count) == (BLOCKS, BLOCKS * LINES)
    assert verification.next_block is None
    assert verification.oldest_unsealed_at is None


async def test_an_audit_without_blocks_has_nothing_to_differ(pool: Pool) -> None:
    await written(pool, 1)

    verification = await verified(pool)

    assert (verification.block_count, verification.newest_block) == (0, 0)
    assert verification.differences == []
    assert verification.oldest_unsealed_at is not None


async def test_a_line_put_where_none_can_come_any_more_is_found_and_never_sealed(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    sealer = a_sealer()
    await written(pool, 3)
    await owner.execute("SELECT nextval(pg_get_serial_sequence('audit', 'audit_id'))")
    await written(pool, 3)
    await sealed(pool, sealer)
    await written(pool, 1)
    await sealed(pool, sealer)
    before = await found(pool)
    await owner.execute(INSERT.format(4))

    counts = await sealed(pool, sealer)

    assert (before, counts) == ([], [])
    assert await found(pool) == [(2, "lines_inserted")]


async def test_a_chain_written_anew_with_another_key_is_found(
    pool: Pool, owner: asyncpg.Connection, intact: Anchor
) -> None:
    await owner.execute("UPDATE audit SET outcome = 'refused' WHERE audit_id = 6")
    await owner.execute("DELETE FROM audit_blocks")
    await sealed(pool, a_sealer(key=SealKey("s1", bytes(32))))
    signed_by_a_stranger = await found(pool)
    await owner.execute("DELETE FROM audit_blocks")
    await sealed(pool, a_sealer(key=SealKey("s2", bytes(32))))
    signed_with_a_new_name = await found(pool)

    assert signed_by_a_stranger == [(1, "signature_invalid")]
    assert signed_with_a_new_name == [(1, "key_unknown")]
    assert (intact.block, "tail_cut") in await found(pool, expected=intact)


async def test_a_chain_written_anew_with_the_own_key_is_found_by_a_hash_kept_outside(
    pool: Pool, owner: asyncpg.Connection, intact: Anchor
) -> None:
    await owner.execute("UPDATE audit SET outcome = 'refused' WHERE audit_id = 6")
    await owner.execute("DELETE FROM audit_blocks")
    await sealed(pool, a_sealer())
    without = await found(pool)
    sealer = a_sealer()
    async with pool.acquire() as connection:
        await sealer.take_over(connection)
    for _ in range(BLOCKS):
        await written(pool, 1)
        await sealed(pool, sealer)

    assert without == []
    assert await found(pool, expected=intact) == [(intact.block, "anchor_differs")]


async def test_a_signed_block_that_no_sealer_can_have_made_is_found(
    pool: Pool, owner: asyncpg.Connection, intact: Anchor
) -> None:
    async with transaction(pool) as connection:
        third = await find_block(connection, 3)
    assert third is not None
    for change in (
        {"members": ((10, 15),), "first_audit_id": 10},
        {"line_count": LINES - 1},
        {"settled_to": 14},
        {"ahead": ((90, 90),)},
        {"members": (), "line_count": 1},
    ):
        forged = sign(
            type(third)(**{**{n: getattr(third, n) for n in third.__struct_fields__}, **change}),
            key=KEY,
            source=SOURCE,
        )
        await owner.execute("DELETE FROM audit_blocks WHERE number >= 3")
        await append_block(owner, forged)

        assert (3, "block_inconsistent") in await found(pool)
    assert intact.block == BLOCKS


async def test_blocks_of_another_service_are_not_taken_for_ours(pool: Pool, intact: Anchor) -> None:
    async with transaction(pool) as connection:
        verification = await verify(connection, KEYS, BlockSpan(), source="/other", expected=intact)

    kinds = {one.kind for one in verification.differences}
    assert kinds == {"block_changed", "anchor_differs"}


async def test_an_old_key_still_verifies_what_it_signed(pool: Pool) -> None:
    newer = SealKey("s2", bytes(range(1, 33)))
    await written(pool, 1)
    await sealed(pool, a_sealer())
    successor = a_sealer(key=newer)
    async with pool.acquire() as connection:
        await successor.take_over(connection)
    await written(pool, 1)
    await sealed(pool, successor)

    both = SealKeys({"s1": KEY.public_bytes, "s2": newer.public_bytes})
    async with transaction(pool) as connection:
        with_both = await verify(connection, both, BlockSpan(), source=SOURCE)
        with_old = await verify(connection, KEYS, BlockSpan(), source=SOURCE)

    assert with_both.differences == []
    assert [(one.block, one.kind) for one in with_old.differences] == [(2, "key_unknown")]


@pytest.mark.usefixtures("intact")
async def test_a_long_chain_is_verified_page_by_page(pool: Pool, owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM audit WHERE audit_id IN (6, 16)")
    pages, start = [], 1
    while start:
        page = await verified(pool, BlockSpan(start, limit=1))
        pages.append(page)
        start = page.next_block or 0

    differences = [(one.block, one.kind) for page in pages for one in page.differences]
    assert [(page.first_block, page.last_block) for page in pages] == [
        (number, number) for number in range(1, BLOCKS + 1)
    ]
    assert differences == [(2, "lines_missing"), (4, "lines_missing")]
