"""The floor of the row day-one, as a process of its own.

Decode the same lines, COPY the same rows and events in transactions of 500 registrations, GET the
same events by one call, COPY the effects: one connection, one thing after the other; nothing is
decided, sealed or encoded. The rows are read back from what the bench stored, block by block, while
the watch stands.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
from msgspec import Struct

from routing_api.rules.registrations import Registration
from tests.bench.children import read_job, report

BATCH = 500
"""Registrations of one transaction, as the service takes them."""
EFFECTS_BATCH = 1_000
"""Events of one transaction, as the case systems take them."""
BLOCK = 10_000
BY_REGISTRATION = {
    "clients": "client_id",
    "registrations": "registration_id",
    "decisions": "registration_id",
    "clienthoods": "client_id",
    "transfers": "client_id",
}
"""The tables of which every registration of the bench has one row, and the column that finds it."""
# In the registrations' order in each table, so that what belongs together is in one transaction.
OF_REGISTRATIONS = """
SELECT t.* FROM {table} t
JOIN unnest($1::uuid[]) WITH ORDINALITY AS k ({column}, place) USING ({column})
ORDER BY k.place
"""
IN_ORDER = {"audit": "audit_id", "outbox": "position"}
"""The tables that are only appended to, and the column of their order."""
GENERATED = {"audit_id"}
"""Columns that the database fills itself, for bench and floor alike."""
KEYS = """
SELECT registration_id, client_id FROM registrations WHERE registration_id > $1
ORDER BY registration_id LIMIT $2
"""
Rows = Sequence[tuple[Any, ...]]


class FloorJob(Struct, frozen=True):
    """The lines, the databases to read from and to write into, and where the events are served."""

    path: str
    source_url: str
    target_url: str
    events_url: str
    effects_source_url: str
    effects_target_url: str


class FloorReport(Struct, frozen=True):
    """Seconds of each part, the processor seconds of this process, and what was done."""

    decode_s: float
    copy_s: float
    get_s: float
    effects_s: float
    processor_s: float
    rows: int
    event_bytes: int


class Watch:
    """Counts seconds and processor seconds of the parts that are the floor."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor_s = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside the block."""
        started, used = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self.processor_s += time.process_time() - used


class Block(Struct):
    """Rows of some thousand registrations by table, with the columns of each."""

    columns: dict[str, list[str]]
    rows: dict[str, Rows]
    count: int

    def batches(self) -> Iterator[tuple[int, dict[str, Rows]]]:
        """Yield the rows of one transaction after the other, with the number of registrations."""
        for first in range(0, self.count, BATCH):
            last = min(first + BATCH, self.count)
            yield (
                last - first,
                {
                    table: rows[first * len(rows) // self.count : last * len(rows) // self.count]
                    for table, rows in self.rows.items()
                },
            )


async def blocks(source: asyncpg.Connection) -> AsyncIterator[Block]:
    """Yield everything that the bench stored, in blocks."""
    total = await source.fetchval("SELECT count(*) FROM registrations")
    places = dict.fromkeys(IN_ORDER, 0)
    after, done = "00000000-0000-0000-0000-000000000000", 0
    while keys := await source.fetch(KEYS, after, BLOCK):
        after, done = keys[-1]["registration_id"], done + len(keys)
        found: dict[str, list[asyncpg.Record]] = {}
        for table, column in BY_REGISTRATION.items():
            found[table] = await source.fetch(
                OF_REGISTRATIONS.format(table=table, column=column),
                [key[column] for key in keys],
            )
        for table, column in IN_ORDER.items():
            last = await source.fetchval(f"SELECT max({column}) FROM {table}")  # noqa: S608
            upto = last * done // total
            found[table] = await source.fetch(
                f"SELECT * FROM {table} WHERE {column} > $1 AND {column} <= $2 ORDER BY {column}",  # noqa: S608
                places[table],
                upto,
            )
            places[table] = upto
        yield _block(found, count=len(keys))


def _block(found: dict[str, list[asyncpg.Record]], *, count: int) -> Block:
    columns = {
        table: [name for name in rows[0].keys() if name not in GENERATED]  # noqa: SIM118 - a record
        for table, rows in found.items()
    }
    rows: dict[str, Rows] = {
        table: [tuple(row[name] for name in columns[table]) for row in found[table]]
        for table in found
    }
    return Block(columns, rows, count)


async def store(job: FloorJob, watch: Watch, *, lines: Iterator[bytes]) -> int:
    """Decode all lines and COPY all rows; return how many rows."""
    decode = msgspec.json.Decoder(Registration).decode
    source = await asyncpg.connect(job.source_url)
    target = await asyncpg.connect(job.target_url, server_settings={"jit": "off"})
    stored = 0
    async for block in blocks(source):
        gc.collect()
        gc.freeze()
        for count, tables in block.batches():
            texts = list(islice(lines, count))
            with watch.part("decode"):
                decoded = [decode(text) for text in texts]
            with watch.part("copy"):
                await _copy(target, tables, columns=block.columns)
            assert len(decoded) == count, "a line per registration"
            stored += sum(map(len, tables.values()))
        gc.unfreeze()
    await source.close()
    await target.close()
    return stored


async def _copy(
    target: asyncpg.Connection, tables: dict[str, Rows], *, columns: dict[str, list[str]]
) -> None:
    async with target.transaction():
        for table, rows in tables.items():
            await target.copy_records_to_table(table, records=rows, columns=columns[table])


async def consume(job: FloorJob, watch: Watch) -> int:
    """GET all events by one call and COPY the effects; return how many bytes the events have."""
    with watch.part("get"):
        async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113 - one large answer
            size = len((await client.get(job.events_url)).content)
    source = await asyncpg.connect(job.effects_source_url)
    target = await asyncpg.connect(job.effects_target_url, server_settings={"jit": "off"})
    records = await source.fetch("SELECT * FROM clients ORDER BY transfer_id")
    columns = {"clients": list(records[0].keys())}
    rows = [tuple(record) for record in records]
    gc.collect()
    gc.freeze()
    for first in range(0, len(rows), EFFECTS_BATCH):
        with watch.part("effects"):
            await _copy(target, {"clients": rows[first : first + EFFECTS_BATCH]}, columns=columns)
    await source.close()
    await target.close()
    return size


async def measure(job: FloorJob, *, lines: Iterator[bytes]) -> FloorReport:
    """Do all parts of the floor and report."""
    watch = Watch()
    rows = await store(job, watch, lines=lines)
    size = await consume(job, watch)
    spent = watch.seconds
    return FloorReport(
        spent["decode"],
        spent["copy"],
        spent["get"],
        spent["effects"],
        watch.processor_s,
        rows,
        size,
    )


if __name__ == "__main__":
    job = read_job(FloorJob)
    with Path(job.path).open("rb") as file:
        report(asyncio.run(measure(job, lines=file)))
