"""A real backup of a database and its restore, by PostgreSQL's own tools."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from kuntavayla.database.embedded import MAJOR_VERSION, tool
from kuntavayla.testing import DatabaseServer, TestDatabase

DEBIAN = "/usr/lib/postgresql"


async def dump(database: TestDatabase, file: Path) -> None:
    """Write a backup of the whole database as of one moment, while others go on."""
    program = await _tool("pg_dump", database)
    await _run(program, "--format=custom", f"--file={file}", f"--dbname={database.owner_url}")


@contextlib.asynccontextmanager
async def restored(
    databases: DatabaseServer, file: Path, *, like: TestDatabase
) -> AsyncIterator[TestDatabase]:
    """Give a new database with what a backup of `like` holds."""
    async with databases.empty(role="routing_api") as database:
        program = await _tool("pg_restore", like)
        target = f"--dbname={database.owner_url}"
        await _run(program, "--exit-on-error", "--no-owner", target, str(file))
        yield database


async def _tool(name: str, database: TestDatabase) -> str:
    """Return the tool of the server's own version: the wheel's, or that of a given server."""
    connection = await asyncpg.connect(database.owner_url)
    major = connection.get_server_version().major
    await connection.close()
    if major == MAJOR_VERSION:
        return str(tool(name))
    found = shutil.which(name, path=f"{DEBIAN}/{major}/bin") or shutil.which(name)
    assert found is not None, f"no {name} for PostgreSQL {major}"
    return found


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")
