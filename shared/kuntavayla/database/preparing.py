"""Databases, roles, migrations under a lock: what an operator does before a service starts."""

from collections.abc import Sequence
from importlib.resources import as_file, files

import asyncpg
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

MIGRATION_LOCK = 0x6B757461
"""The advisory lock that serialises migrations of one database, and preparations of one server."""
LOCK_TIMEOUT = "10s"
ROLE_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}


def _named(name: str) -> str:
    assert name.replace("_", "").isalnum(), "names of databases and roles are our own constants"
    return f'"{name}"'


async def prepare_database(admin_url: str, *, database: str, role: str) -> None:
    """Create the database and the service's own role, where they do not stand yet.

    The role owns nothing: it may connect and use, and a migration grants it what it needs. Its
    limits on statements, locks and idle transactions are settings of the role, so that every client
    of it has them.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        # Roles belong to the whole server: two callers at once would both find one missing.
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f"CREATE ROLE {_named(role)} LOGIN")
        for name, value in ROLE_SETTINGS.items():
            await connection.execute(f"ALTER ROLE {_named(role)} SET {name} = '{value}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f"CREATE DATABASE {_named(database)}")
    finally:
        await connection.close()


def sqlalchemy_url(url: str) -> str:
    """Return the address in the form that SQLAlchemy's asyncpg dialect reads."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


async def migrate(url: str, *, package: str, role: str) -> None:
    """Bring the database to the newest migration of a service, one caller at a time.

    `url` names an owner of the tables; `role` is the service's own role, to which the migrations
    grant its rights.
    """
    engine = create_async_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(sqlalchemy.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(
                sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK}
            )
            await connection.run_sync(_upgrade, package, role)
    finally:
        await engine.dispose()


def _upgrade(connection: sqlalchemy.Connection, package: str, role: str) -> None:
    with as_file(files(package) / "migrations") as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        config.attributes["role"] = role
        command.upgrade(config, "head")


def grants(role: str, *, append_only: Sequence[str], mutable: Sequence[str]) -> list[str]:
    """Return the statements that give the service's role its rights.

    Append-only tables get INSERT and SELECT, so that not even a fault of ours can rewrite them.
    """
    statements = [f"GRANT USAGE ON SCHEMA public TO {_named(role)}"]
    statements += [f"GRANT SELECT, INSERT ON {_named(t)} TO {_named(role)}" for t in append_only]
    statements += [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_named(t)} TO {_named(role)}" for t in mutable
    ]
    return statements
