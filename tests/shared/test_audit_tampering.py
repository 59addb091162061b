"""One chain for all tests of this module; each tampers in a transaction that is rolled back."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from kuntavayla.audit import Anchor, BlockSpan, verify
from kuntavayla.database import open_pool
from kuntavayla.testing import DatabaseServer
from tests.shared.audit_examples import KEYS, SOURCE, a_sealer, sealed, verified, written
from tests.shared.audit_tamperings import (
    BLOCKS,
    CHANGED_FIELDS,
    CHANGES,
    LINES,
    TAMPERINGS,
    statement_of,
    tamperings,
)

SECOND = f"audit_id = {LINES + 1}"
"""The first line of the second block."""


class Chain(Struct, frozen=True):
    """An owner's connection to a sealed audit, and its end as somebody outside has noted it."""

    owner: asyncpg.Connection
    end: Anchor

    @contextlib.asynccontextmanager
    async def tampering(self) -> AsyncIterator[asyncpg.Connection]:
        """Give the owner's connection; what is done inside is undone at the end."""
        act = self.owner.transaction()
        await act.start()
        try:
            yield self.owner
        finally:
            await act.rollback()

    async def found(self) -> list[tuple[int, str]]:
        """Return the differences as block and kind."""
        verification = await verify(self.owner, KEYS, BlockSpan(), source=SOURCE, expected=self.end)
        return [(one.block, one.kind) for one in verification.differences]


@pytest.fixture(scope="module")
async def chain(databases: DatabaseServer) -> AsyncIterator[Chain]:
    async with databases.database("routing_api", role="routing_api") as database:
        pool, sealer = await open_pool(database.url), a_sealer()
        for _ in range(BLOCKS):
            await written(pool, LINES)
            await sealed(pool, sealer)
        end = await verified(pool)
        await pool.close()
        owner = await asyncpg.connect(database.owner_url)
        yield Chain(owner, Anchor(end.newest_block, end.newest_hash))
        await owner.close()


async def test_every_column_of_a_line_is_changed_by_some_case(chain: Chain) -> None:
    columns = await chain.owner.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit'"
    )

    assert {row["column_name"] for row in columns} == {"audit_id", *CHANGES}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_of_a_line_is_found(chain: Chain, column: str) -> None:
    async with chain.tampering() as owner:
        told = await owner.execute(
            f"UPDATE audit SET {column} = {CHANGES[column]} WHERE {SECOND}"  # noqa: S608 - constants
        )

        assert told == "UPDATE 1"
        assert await chain.found() == [(2, "lines_changed")]


@pytest.mark.parametrize("case", TAMPERINGS)
async def test_a_tampering_by_the_owner_of_the_database_is_found(
    chain: Chain, *, case: str
) -> None:
    statements, differences = TAMPERINGS[case]
    async with chain.tampering() as owner:
        for statement in statements:
            await owner.execute(statement)

        assert await chain.found() == differences


@pytest.mark.parametrize("field", CHANGED_FIELDS)
async def test_a_changed_field_of_a_block_is_found(chain: Chain, *, field: str) -> None:
    async with chain.tampering() as owner:
        await owner.execute(
            f"UPDATE audit_blocks SET {field} = {CHANGED_FIELDS[field]} WHERE number = 2"  # noqa: S608 - constants
        )
        differences = await chain.found()

    assert (2, "block_changed") in differences
    assert {block for block, _ in differences} <= {2, 3}


async def test_bytes_moved_from_one_field_to_its_neighbour_are_found(chain: Chain) -> None:
    async with chain.tampering() as owner:
        await owner.execute(
            "UPDATE audit_blocks SET previous_hash = previous_hash || substr(root, 1, 1),"
            " root = substr(root, 2) WHERE number = 2"
        )

        assert (2, "block_changed") in await chain.found()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chosen=st.lists(tamperings, max_size=4))
async def test_any_mix_of_tamperings_is_found_and_none_is_invented(
    chain: Chain, *, chosen: list[tuple[str, str, int]]
) -> None:
    async with chain.tampering() as owner:
        before = await content_of(owner)
        for tampering in chosen:
            await owner.execute(statement_of(tampering))
        is_changed = await content_of(owner) != before
        found = await chain.found()

    assert bool(found) == is_changed


async def content_of(connection: asyncpg.Connection) -> str:
    text: str = await connection.fetchval(
        "SELECT concat((SELECT string_agg(a::text, '|' ORDER BY audit_id) FROM audit a),"
        " (SELECT string_agg(b::text, '|' ORDER BY number) FROM audit_blocks b))"
    )
    return text
