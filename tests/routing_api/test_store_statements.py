"""The statements and the tables, held against the schema that the migrations make."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlmodel.sql.sqltypes import AutoString

from kuntavayla import audit, feed, idempotency, outbox
from kuntavayla.database.preparing import sqlalchemy_url
from kuntavayla.testing import DatabaseServer, TestDatabase
from routing_api import store
from routing_api.tables import Row
from tests.routing_api.service import Routing

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a folder."""
    return [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]


STORE = modules_of(store)
CONSTRAINTS = """
SELECT conrelid::regclass::text AS of_table, conname, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
  AND conrelid <> coalesce(to_regclass('public.alembic_version'), 0::oid)
  AND contype <> 'n'
ORDER BY 1, 2
"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version'
ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
"""


@compiles(AutoString, "postgresql")
def text_of_any_length(*_: object, **__: object) -> str:
    """Return the type of a `str` of the classes: varchar without a length is text."""
    return "TEXT"


def statements_of(module: ModuleType) -> list[tuple[str, str]]:
    """Return the module's SQL constants by name."""
    return [
        (f"{module.__name__}.{name}", value)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and value.strip().startswith(VERBS)
    ]


STATEMENTS = [
    statement
    for module in (*STORE, *modules_of(audit), *modules_of(outbox), feed, idempotency)
    for statement in statements_of(module)
]


async def test_every_statement_can_be_prepared_by_the_services_own_role(routing: Routing) -> None:
    connection = await asyncpg.connect(routing.database.url)
    faults = {}
    try:
        for name, statement in STATEMENTS:
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                faults[name] = str(error)
    finally:
        await connection.close()

    assert len(STATEMENTS) > len(STORE)
    assert faults == {}


@pytest.mark.parametrize(
    "question", [COLUMNS, CONSTRAINTS, INDEXES], ids=["columns", "constraints", "indexes"]
)
async def test_the_migrations_make_exactly_the_tables_that_the_classes_declare(
    databases: DatabaseServer, database: TestDatabase, question: str
) -> None:
    async with databases.database("routing_api", role="routing_api") as other:
        migrated = await answer_of(database.owner_url, question)
        await make_from_classes(other.owner_url)
        declared = await answer_of(other.owner_url, question)

    assert migrated
    assert migrated == declared


async def answer_of(url: str, question: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(question)]
    finally:
        await connection.close()


async def make_from_classes(url: str) -> None:
    """Replace the migrated tables by those that the classes declare."""
    engine = create_async_engine(sqlalchemy_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_remake)
    finally:
        await engine.dispose()


def _remake(connection: Connection) -> None:
    for table in inspect(connection).get_table_names():
        connection.execute(text(f'DROP TABLE "{table}" CASCADE'))
    Row.metadata.create_all(connection)
