"""The connection pool and the only place that begins and commits a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = PoolConnectionProxy | asyncpg.Connection
Pool = asyncpg.Pool

TRY_ELECTION = "SELECT pg_try_advisory_lock($1)"
"""Elects one process of a service for a work: it holds the lock as long as its connection lives."""
AWAY: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # Of a connection that the server ended while it was in use: not every way out is foreseen.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""The server is away or a commit's outcome unknown: answer 503; a repeat is safe."""


class LostRace(Exception):
    """Another transaction stored first what this one was about to; run the batch again."""


AGAIN: tuple[type[BaseException], ...] = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    LostRace,
)
"""The transaction lost against another one and is safe to run again as a whole."""

BUSY: tuple[type[BaseException], ...] = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)
"""Others held for too long what a statement needs: nothing was done, the same later is safe."""

ACQUIRE_S_MAX = 5
CONNECT_S_MAX = 5
POOL_CONNECTIONS_MAX = 10
SESSION_SETTINGS = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "application_name": "kuntavayla",
}
KEEPALIVES = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5"}
"""Seconds after which the server asks whether the holder of a lock is still there, and again."""


async def _keep_session(_connection: Any) -> None:  # noqa: ANN401
    """Leave a returned connection as it is: nobody changes session state.

    A reset would be one wasted round trip.
    """


async def open_pool(url: str, *, connections_max: int = POOL_CONNECTIONS_MAX) -> Pool:
    """Open the process's one pool, also while the server is away: a process may start before it.

    A server that refuses the address fails at once. JIT is off: PostgreSQL's default compiles each
    batch statement anew, measured 19 ms in place of 0.6 ms. Sequential scans, and joins that read a
    whole index, are a last resort: a statement is planned once, often while its table is still
    small, and the plan stays; measured, look-ups by key fell from 217 to 843 µs of PostgreSQL's
    time a call as the tables grew.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections_max,
        timeout=CONNECT_S_MAX,
        command_timeout=60,
        server_settings=SESSION_SETTINGS,
        reset=_keep_session,
    )
    with suppress(*AWAY):
        async with pool.acquire(timeout=ACQUIRE_S_MAX):
            pass
    return pool


async def open_connection(url: str) -> asyncpg.Connection:
    """Open one connection beside the pool, for a lock that lives as long as it does.

    The server asks every few seconds whether we are still there, so that a lock does not outlive
    the machine that held it.
    """
    return await asyncpg.connect(
        url,
        timeout=CONNECT_S_MAX,
        command_timeout=60,
        server_settings={**SESSION_SETTINGS, **KEEPALIVES},
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Give a connection inside one transaction; commit at a clean end, roll back at any failure.

    An answer may leave only after this block has ended.
    """
    async with pool.acquire(timeout=ACQUIRE_S_MAX) as connection, connection.transaction():
        yield connection


@asynccontextmanager
async def transaction_on(connection: Connection) -> AsyncIterator[Connection]:
    """Do the same on a connection of one's own: a lock that it holds guards the transaction."""
    async with connection.transaction():
        yield connection
