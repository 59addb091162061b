"""The floor of the row ledger-bulk, as a process of its own: bare batches of asyncpg.

One connection, 500 decisions a transaction: lock the account, one COPY a table, one statement for
the clients' holds and one for the balance. The rows are read back from what the bench has stored
before the watch runs.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
from msgspec import Struct

from tests.bench.children import read_job, report
from tests.bench.results import server_processor_s

# Of every decision that got its money one row of each, in the order of the account's entries.
_ENTRIES = "SELECT * FROM entries WHERE kind = 'reserve' ORDER BY position LIMIT $1"
_OF_DECISIONS = """
SELECT t.* FROM {table} t JOIN entries e ON e.decision_id = t.{column}
WHERE e.kind = 'reserve' ORDER BY e.position LIMIT $1
"""
READ = {
    "decisions": _OF_DECISIONS.format(table="decisions", column="decision_id"),
    "decision_draws": _OF_DECISIONS.format(table="decision_draws", column="decision_id"),
    "decision_steps": _OF_DECISIONS.format(table="decision_steps", column="decision_id"),
    "audit": _OF_DECISIONS.format(table="audit", column="resource_id"),
    "entries": _ENTRIES,
    "outbox": "SELECT * FROM outbox ORDER BY position LIMIT $1",
}
GENERATED = {"audit_id"}
"""Columns that the database fills itself, for bench and floor alike."""
LOCK = "SELECT * FROM accounts WHERE account_id = $1 FOR UPDATE"
HOLD = """
INSERT INTO account_clients (account_id, client_id, reserved_holds, committed_holds)
SELECT $1, c, count(*), 0 FROM unnest($2::uuid[]) AS c GROUP BY c ORDER BY c
ON CONFLICT (account_id, client_id) DO UPDATE
SET reserved_holds = account_clients.reserved_holds + excluded.reserved_holds
"""
BALANCE = """
UPDATE accounts SET reserved_cents = $2, reserved_persons = $3, last_position = $4
WHERE account_id = $1
"""
Rows = Sequence[tuple[Any, ...]]


class FloorJob(Struct, frozen=True):
    """Databases to read from and write into, their server, how many decisions, how many at once."""

    source_url: str
    target_url: str
    server_pid: int
    decisions: int
    batch: int


class FloorReport(Struct, frozen=True):
    """Seconds, processor seconds of this process and of PostgreSQL, and rows."""

    seconds: float
    processor_s: float
    server_s: float
    rows: int


class Stored(Struct, frozen=True):
    """What the bench has stored: the rows of each table with their columns, and the account."""

    columns: dict[str, list[str]]
    rows: dict[str, Rows]
    account: dict[str, Any]


async def read(connection: asyncpg.Connection, *, decisions: int) -> Stored:
    """Return one row of each table for each of so many decisions, and their account."""
    columns: dict[str, list[str]] = {}
    rows: dict[str, Rows] = {}
    for table, query in READ.items():
        found = await connection.fetch(query, decisions)
        assert len(found) == decisions, (table, len(found))
        names = [name for name in found[0].keys() if name not in GENERATED]  # noqa: SIM118 - a record
        columns[table] = names
        rows[table] = [tuple(row[name] for name in names) for row in found]
    account = await connection.fetchrow("SELECT * FROM accounts")
    assert account is not None
    return Stored(columns, rows, dict(account))


async def open_account(connection: asyncpg.Connection, account: dict[str, Any]) -> None:
    """Add the account as it was when nothing was reserved."""
    empty = {
        **account,
        "reserved_cents": 0,
        "reserved_persons": 0,
        "last_position": 1,
        "threshold_told": 0,
    }
    await connection.copy_records_to_table(
        "accounts", records=[tuple(empty.values())], columns=[*empty]
    )


async def store(connection: asyncpg.Connection, stored: Stored, *, first: int, batch: int) -> int:
    """Store one batch in a transaction of its own; return how many rows."""
    columns, upto = stored.columns, first + batch
    account_id = stored.account["account_id"]
    entries = stored.rows["entries"][first:upto]
    last = dict(zip(columns["entries"], entries[-1], strict=True))
    at = columns["entries"].index("client_id")
    async with connection.transaction():
        await connection.fetch(LOCK, account_id)
        await connection.execute(HOLD, account_id, [entry[at] for entry in entries])
        for table, rows in stored.rows.items():
            await connection.copy_records_to_table(
                table, records=rows[first:upto], columns=columns[table]
            )
        await connection.execute(
            BALANCE,
            account_id,
            last["reserved_cents_after"],
            last["reserved_persons_after"],
            last["position"],
        )
    return len(entries) * len(READ)


async def measure(job: FloorJob) -> FloorReport:
    """Read, then store batch by batch under the watch."""
    source = await asyncpg.connect(job.source_url)
    stored = await read(source, decisions=job.decisions)
    await source.close()
    target = await asyncpg.connect(job.target_url, server_settings={"jit": "off"})
    await open_account(target, stored.account)
    gc.collect()
    gc.freeze()
    server_before = server_processor_s(job.server_pid)
    began, used, rows = time.perf_counter(), time.process_time(), 0
    for first in range(0, job.decisions, job.batch):
        rows += await store(target, stored, first=first, batch=job.batch)
    seconds, processor_s = time.perf_counter() - began, time.process_time() - used
    server_s = server_processor_s(job.server_pid) - server_before
    await target.close()
    return FloorReport(seconds, processor_s, server_s, rows)


if __name__ == "__main__":
    report(asyncio.run(measure(read_job(FloorJob))))
