"""What a database is made of, asked of the database itself, and made from a service's classes."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlmodel.sql.sqltypes import AutoString

from kuntavayla.database.preparing import sqlalchemy_url

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
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


QUESTIONS = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES}


@compiles(AutoString, "postgresql")
def text_of_any_length(*_: object, **__: object) -> str:
    """Return the type of a `str` of the classes: varchar without a length is text."""
    return "TEXT"


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a folder."""
    return [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]


def statements_of(module: ModuleType) -> list[tuple[str, str]]:
    """Return the module's SQL constants by name."""
    return [
        (f"{module.__name__}.{name}", value)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and value.strip().startswith(VERBS)
    ]


async def faults_of(url: str, statements: list[tuple[str, str]]) -> dict[str, str]:
    """Return what the database says against statements that it can not prepare, by name."""
    connection = await asyncpg.connect(url)
    faults = {}
    try:
        for name, statement in statements:
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                faults[name] = str(error)
    finally:
        await connection.close()
    return faults


async def answer_of(url: str, question: str) -> list[tuple[Any, ...]]:
    """Return what a database answers."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(question)]
    finally:
        await connection.close()


async def make_from_classes(url: str, metadata: sa.MetaData) -> None:
    """Replace the migrated tables by those that the classes declare."""
    engine = create_async_engine(sqlalchemy_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_remake, metadata)
    finally:
        await engine.dispose()


def _remake(connection: Connection, metadata: sa.MetaData) -> None:
    for table in inspect(connection).get_table_names():
        connection.execute(text(f'DROP TABLE "{table}" CASCADE'))
    metadata.create_all(connection)
