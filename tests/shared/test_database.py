import asyncio
import builtins
import importlib
import pkgutil
from datetime import date, datetime
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct

from kuntavayla import audit, idempotency
from kuntavayla.audit import AuditLine
from kuntavayla.audit import lines as lines_of_audit
from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.database.preparing import ROLE_SETTINGS, migrate, prepare_database
from kuntavayla.database.statements import TOGETHER_MAX, Appending, Columns
from kuntavayla.inbox import parked
from kuntavayla.testing import DatabaseServer, TestDatabase
from routing_api import store
from routing_api.tables import APPEND_ONLY, MUTABLE, Row
from tests.shared.event_examples import NOW, a_draft, announce, new_id

LINE = AuditLine(
    recorded_at=NOW, organisation="te-kainuu", action="tested", outcome="done", request_id="r-1"
)
TABLE_OF = {
    "clients._STATE_COLUMNS": "clients",
    "clients.NEW": "clients",
    "clients.CLIENTHOODS": "clienthoods",
    "decisions.COLUMNS": "decisions",
    "registrations.COLUMNS": "registrations",
    "registrations._SOURCES": "registrations",
    "reviews.OPENED": "reviews",
    "transfers.OFFERED": "transfers",
    "lines.COLUMNS": "audit",
    "parked._ADDED": "inbox_parked",
    "idempotency._COLUMNS": "idempotency_keys",
}
MODULES = [
    lines_of_audit,
    parked,
    idempotency,
    *(
        importlib.import_module(f"{store.__name__}.{module.name}")
        for module in pkgutil.iter_modules(store.__path__)
    ),
]
COLUMNS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Columns)
}
TYPES = """
SELECT column_name, udt_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1
"""
VERSIONS = "SELECT array_agg(version_num) FROM alembic_version"


KINDS = Columns(
    {
        "id": "uuid",
        "bytes": "bytea",
        "content": "json",
        "day": "date",
        "instant": "timestamptz",
        "is_so": "bool",
        "count": "int4",
        "words": "text",
    }
)


class Kinds(Struct, frozen=True, kw_only=True):
    """A record with one value of each type that our tables have."""

    id: UUID | None = None
    bytes: builtins.bytes | None = None
    content: str | None = None
    day: date | None = None
    instant: datetime | None = None
    is_so: bool | None = None
    count: int | None = None
    words: str | None = None


EMPTY = Kinds()
FULL = Kinds(
    id=UUID(new_id()),
    bytes=b"\x00\xff'\\",
    content='{"b": "\\u00e4\\"", "a": [1]}',
    day=date(2, 12, 31),
    instant=NOW,
    is_so=False,
    count=-1,
    words='tab\t, line\n, quote" and back\\slash, \\N, ä',
)
MANY = TOGETHER_MAX // 2 + 1


class ChangedItsMindError(Exception):
    """A reason to roll back."""


async def lines(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM audit")
    return count


async def test_a_transaction_commits_at_its_clean_end_and_not_before(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await audit.append(connection, [LINE])
        during = await lines(pool)

    assert (during, await lines(pool)) == (0, 1)


async def test_a_transaction_rolls_back_at_any_failure(pool: Pool) -> None:
    async def write_and_fail() -> None:
        async with transaction(pool) as connection:
            await audit.append(connection, [LINE])
            raise ChangedItsMindError

    with pytest.raises(ChangedItsMindError):
        await write_and_fail()

    assert await lines(pool) == 0


async def test_a_cancelled_transaction_rolls_back_and_its_connection_serves_on(
    database: TestDatabase,
) -> None:
    pool = await open_pool(database.url, connections_max=1)
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with transaction(pool) as connection:
            await audit.append(connection, [LINE])
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await lines(pool) == 0
    await pool.close()


async def test_the_role_has_its_limits_and_no_jit(pool: Pool) -> None:
    async with transaction(pool) as connection:
        limits = {name: await connection.fetchval(f"SHOW {name}") for name in ROLE_SETTINGS}
        jit = await connection.fetchval("SHOW jit")

    assert limits == ROLE_SETTINGS
    assert jit == "off"


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_the_role_cannot_rewrite_what_is_only_added(
    pool: Pool, table: str, statement: str
) -> None:
    _, column, *_ = Row.metadata.tables[table].columns.keys()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement.format(table, column, column))


async def test_the_role_makes_no_tables_and_every_table_is_of_one_kind(pool: Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("CREATE TABLE mine (id int)")

    assert {*APPEND_ONLY, *MUTABLE} == set(Row.metadata.tables)


@pytest.mark.parametrize("name", sorted(COLUMNS))
async def test_every_list_of_columns_fits_its_table(pool: Pool, name: str) -> None:
    found = {row["column_name"]: row["udt_name"] for row in await pool.fetch(TYPES, TABLE_OF[name])}
    wanted = COLUMNS[name].types

    assert {column: found.get(column) for column in wanted} == wanted


async def test_few_rows_and_many_are_added_alike(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    described = ", ".join(f"{name} {kind}" for name, kind in KINDS.types.items())
    appending = Appending({"kinds_one": KINDS, "kinds_other": KINDS})
    try:
        for table in ("kinds_one", "kinds_other"):
            await connection.execute(f"CREATE TABLE {table} (number serial, {described})")

        await appending.run(connection, {"kinds_one": [FULL, EMPTY], "kinds_other": []})
        await appending.run(connection, {"kinds_one": [], "kinds_other": [FULL, EMPTY] * MANY})
        few = await connection.fetch("SELECT * FROM kinds_one ORDER BY number")
        many = await connection.fetch("SELECT * FROM kinds_other ORDER BY number")
    finally:
        await connection.close()

    assert [tuple(row)[1:] for row in few] == [
        tuple(getattr(record, name) for name in KINDS.names) for record in (FULL, EMPTY)
    ]
    assert [tuple(row)[1:] for row in many] == [tuple(row)[1:] for row in few] * MANY


async def test_migrations_may_run_twice_and_two_at_once(
    databases: DatabaseServer, server_url: str
) -> None:
    async with databases.empty(role="routing_api") as database:
        await prepare_database(server_url, database=database.name, role="routing_api")
        together = (
            migrate(database.owner_url, package="routing_api", role="routing_api") for _ in range(2)
        )

        await asyncio.gather(*together)
        await migrate(database.owner_url, package="routing_api", role="routing_api")

        pool = await open_pool(database.owner_url)
        versions = await pool.fetchval(VERSIONS)
        heads = await pool.fetchval("SELECT count(*) FROM outbox_head")
        await pool.close()
    assert (len(versions), heads) == (1, 1)


async def test_each_test_has_a_database_of_its_own(databases: DatabaseServer, pool: Pool) -> None:
    await announce(pool, a_draft())

    async with databases.database("routing_api", role="routing_api") as other:
        connection = await asyncpg.connect(other.url)
        count = await connection.fetchval("SELECT count(*) FROM outbox")
        await connection.close()

    assert count == 0
