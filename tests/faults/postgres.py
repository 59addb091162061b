"""A PostgreSQL server that may be stopped, killed and started again; it belongs to the test run."""

import asyncio
import os
import random
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from kuntavayla.database import AWAY
from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox import routing_service
from kuntavayla_sandbox.case_systems import starting
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.faults.waiting import POLL_S, ended, until

ROUTING = routing_service.DATABASE
ROLES = [routing_service.ROLE, "case_systems", "statement_relay", "te_offices", "quota_ledger"]
PATIENCE_S = 60
BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE usename = ANY($1::text[]) AND pid <> pg_backend_pid()
ORDER BY state <> 'active', pid
"""
QUICKLY_HEALED = {"checkpoint_timeout": "30s", "max_wal_size": "256MB"}
"""A killed server replays its log since the last checkpoint, and lets nobody in meanwhile."""
GATE = 4_711
"""The advisory lock that stands for the gate; see `gate`."""
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = $1 AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


class Postgres:
    """The server, by its embedded form: how it is asked, hurt and healed."""

    def __init__(self, directory: Path) -> None:
        self.server = EmbeddedServer(directory, settings=QUICKLY_HEALED)
        self._has_copies = False
        self._asking: dict[str, asyncpg.Connection] = {}
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Start the server; what a killed one left running ends by itself in a moment."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await asyncio.to_thread(self.server.start)
                # One that still replays its log after a kill is asserted to be ready too early.
                except (subprocess.SubprocessError, AssertionError):
                    await asyncio.sleep(POLL_S)
                else:
                    return

    async def stop(self) -> None:
        """Stop the server as an operator does: sessions are cut, what has committed stays."""
        for connection in self._asking.values():
            connection.terminate()
        await asyncio.to_thread(self.server.stop)

    async def kill(self) -> None:
        """Kill the server without any warning."""
        pid = self.server.pid
        assert pid is not None, "only a running server is killed"
        os.kill(pid, signal.SIGKILL)
        await ended(pid)

    async def make_databases(self) -> None:
        """Make both databases anew, by copies of the first ones."""
        names = (ROUTING, CASE_SYSTEMS)
        for name in names:
            await self.execute("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if self._has_copies:
            for name in names:
                await self._copy(f"{name}_fresh", name)
            return
        await routing_service.prepare(self.server)
        await starting.prepare(self.server)
        for name in names:
            await self._copy(name, f"{name}_fresh")
        self._has_copies = True

    async def _copy(self, name: str, copy: str) -> None:
        await self.execute("postgres", f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')

    async def fetch(self, database: str, sql: str, *arguments: object) -> list[Any]:
        """Ask as the owner, by a connection that is kept; waits for a server that is away."""
        async with asyncio.timeout(PATIENCE_S), self._turns[database]:
            while True:
                try:
                    connection = await self._connection(database)
                    rows: list[Any] = await connection.fetch(sql, *arguments)
                except AWAY:
                    if database in self._asking:
                        self._asking.pop(database).terminate()
                    await asyncio.sleep(POLL_S)
                else:
                    return rows

    async def _connection(self, database: str) -> asyncpg.Connection:
        kept = self._asking.get(database)
        if kept is None or kept.is_closed():
            kept = self._asking[database] = await asyncpg.connect(self.server.url(database))
        return kept

    async def count(self, database: str, sql: str, *arguments: object) -> int:
        """Return the one number that a statement asks for."""
        [row] = await self.fetch(database, sql, *arguments)
        number: int = row[0]
        return number

    async def execute(self, database: str, sql: str) -> None:
        """Run one statement as the owner."""
        async with self.session(database) as connection:
            await connection.execute(sql)

    @asynccontextmanager
    async def session(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection of the owner."""
        connection = await asyncpg.connect(self.server.url(database))
        try:
            yield connection
        finally:
            connection.terminate()

    async def terminate_backend(self, rng: random.Random) -> None:
        """Let the server end a session of ours, of those at work if there are any."""
        pid = await self._pick(rng)
        if pid is not None:
            await self.fetch("postgres", "SELECT pg_terminate_backend($1)", pid)

    async def kill_backend(self, rng: random.Random) -> None:
        """Kill a session's process: the server then cuts all sessions and recovers."""
        pid = await self._pick(rng)
        if pid is not None:
            # The session may have ended meanwhile, and its id be another process's.
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.name() == "postgres":
                    process.kill()

    async def _pick(self, rng: random.Random) -> int | None:
        rows = await self.fetch("postgres", BACKENDS, ROLES)
        return rng.choice(rows[: max(1, len(rows) // 2)])["pid"] if rows else None

    @asynccontextmanager
    async def gate(
        self, database: str, table: str, *, event: str, only: str = "true"
    ) -> AsyncIterator[None]:
        """Make whoever does `event` to the table wait inside a transaction while the block runs.

        `event` is such as `BEFORE INSERT`, or `COMMIT` for rows inserted: the wait is then inside
        the commit, which goes on whether or not anybody still listens. `only` is a condition on the
        row.
        """
        kind, when, timing = "TRIGGER", event, ""
        if event == "COMMIT":
            kind, when = "CONSTRAINT TRIGGER", "AFTER INSERT"
            timing = "DEFERRABLE INITIALLY DEFERRED"
        async with self.session(database) as connection:
            await connection.execute("SELECT pg_advisory_lock($1)", GATE)
            await connection.execute(
                f"""
                CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NEW; END $$;
                CREATE {kind} gate {when} ON "{table}" {timing}
                FOR EACH ROW WHEN ({only}) EXECUTE FUNCTION wait_at_gate()
                """
            )
            try:
                yield
            finally:
                await connection.execute("SELECT pg_advisory_unlock($1)", GATE)
                await connection.execute(f'DROP TRIGGER gate ON "{table}"')

    async def somebody_waits(self, database: str) -> None:
        """Return when somebody stands at the gate."""

        async def is_one_there() -> bool:
            return await self.count(database, WAITING, database) > 0

        await until(is_one_there, within_s=PATIENCE_S)
