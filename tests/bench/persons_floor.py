"""The floor of the row persons-fetch: the same SELECT, decrypting and audit, without HTTP.

A process of its own; one connection, one transaction a call; the SELECT and the vault are the
service's own, nothing is decoded or answered.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from routing_api.app import law_of
from routing_api.operations.vault import IdentityVault
from routing_api.settings import Settings
from routing_api.store.transfers import DISCLOSABLE
from tests.bench.children import read_job, report


class FetchCall(Struct, frozen=True):
    """One call: whose, for which municipality it acts, which transfers."""

    case_system_id: str
    municipality_code: str
    transfer_ids: list[str]


class PersonsFloorJob(Struct, frozen=True):
    """The calls in a file (MessagePack)."""

    path: str


class PersonsFloorReport(Struct, frozen=True):
    """Seconds, processor seconds of this process, persons opened."""

    seconds: float
    processor_s: float
    persons: int


async def fetch(connection: asyncpg.Connection, call: FetchCall, *, vault: IdentityVault) -> int:
    """Select, decrypt and audit one call; return how many persons."""
    now = datetime.now(UTC)
    async with connection.transaction():
        asked = (call.transfer_ids, call.case_system_id, True, now.date())
        rows = await connection.fetch(DISCLOSABLE, *asked)
        for row in rows:
            vault.open(
                row["identity_ciphertext"],
                key_id=row["identity_key_id"],
                belongs_to=row["client_id"],
            )
            vault.open(
                row["profile_ciphertext"],
                key_id=row["profile_key_id"],
                belongs_to=row["registration_id"],
            )
        lines = [
            AuditLine(
                recorded_at=now,
                organisation=call.case_system_id,
                action="person.fetch",
                outcome="disclosed",
                request_id="bench",
                official_id="system",
                official_role="import",
                municipality_code=call.municipality_code,
                purpose="client_service",
                client_id=row["client_id"],
                resource_id=row["transfer_id"],
            )
            for row in rows
        ]
        await audit.append(connection, lines)
    return len(rows)


async def measure(calls: Sequence[FetchCall]) -> PersonsFloorReport:
    """Run all calls one after the other and report."""
    settings = Settings()
    vault = law_of(settings).vault
    url = settings.database_url.get_secret_value()
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    started_s, used_s = time.perf_counter(), time.process_time()
    persons = 0
    for call in calls:
        persons += await fetch(connection, call, vault=vault)
    seconds, processor = time.perf_counter() - started_s, time.process_time() - used_s
    await connection.close()
    return PersonsFloorReport(seconds, processor, persons)


if __name__ == "__main__":
    path = Path(read_job(PersonsFloorJob).path)
    calls = msgspec.msgpack.decode(path.read_bytes(), type=list[FetchCall])
    report(asyncio.run(measure(calls)))
