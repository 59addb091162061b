"""The forms of docs/audit.md, written a second time: of a line, and of what a block signs."""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuntavayla.audit import AuditLine, append
from kuntavayla.audit.blocks import Block
from kuntavayla.audit.ranges import Ranges
from kuntavayla.audit.stored_blocks import list_blocks, list_unsealed
from kuntavayla.database import Pool, transaction
from kuntavayla.testing import TestDatabase
from kuntavayla.values.officials import Purpose, Role
from tests.shared.audit_examples import KEY, SOURCE, a_line, a_sealer, sealed, written

COLUMNS = (
    "audit_id",
    "recorded_at",
    "organisation",
    "official_id",
    "official_role",
    "municipality_code",
    "action",
    "purpose",
    "outcome",
    "client_id",
    "resource_id",
    "rule_version",
    "request_id",
)
INT8, TEXT, TIMESTAMPTZ, UUID_TYPE = 20, 25, 1184, 2950
TYPE_OF = {
    "audit_id": INT8,
    "recorded_at": TIMESTAMPTZ,
    "client_id": UUID_TYPE,
    "resource_id": UUID_TYPE,
}
START_OF_2000 = datetime(2000, 1, 1, tzinfo=UTC)


def form_1(audit_id: int, line: AuditLine) -> bytes:
    parts = [struct.pack(">i", len(COLUMNS))]
    for name in COLUMNS:
        type_number = TYPE_OF.get(name, TEXT)
        value: Any = audit_id if name == "audit_id" else getattr(line, name)
        encoded = value_of(type_number, value)
        parts.append(struct.pack(">I", type_number))
        parts.append(struct.pack(">i", -1 if encoded is None else len(encoded)))
        parts.append(encoded or b"")
    return b"".join(parts)


def value_of(type_number: int, value: Any) -> bytes | None:  # noqa: ANN401 - of any column
    if value is None:
        return None
    match type_number:
        case 20:
            return struct.pack(">q", value)
        case 1184:
            return struct.pack(">q", (value - START_OF_2000) // timedelta(microseconds=1))
        case 2950:
            return UUID(value).bytes
        case _:
            return str(value).encode()


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
maybe = st.none() | texts
ids = st.none() | st.uuids().map(str)
audit_lines = st.builds(
    AuditLine,
    recorded_at=st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2999, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        timezones=st.just(UTC),
    ),
    organisation=texts,
    action=texts,
    outcome=texts,
    request_id=texts,
    official_id=maybe,
    official_role=st.none() | st.sampled_from(get_args(Role)),
    municipality_code=maybe,
    purpose=st.none() | st.sampled_from(get_args(Purpose)),
    client_id=ids,
    resource_id=ids,
    rule_version=maybe,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=st.lists(audit_lines, min_size=1, max_size=8))
async def test_the_canonical_bytes_of_a_line_are_the_documented_ones(
    pool: Pool, written: list[AuditLine]
) -> None:
    async with transaction(pool) as connection:
        newest = await connection.fetchval("SELECT coalesce(max(audit_id), 0) FROM audit")
        await append(connection, written)
        found = await list_unsealed(connection, settled_to=newest, ahead=(), limit=100)

    assert len(found) == len(written)
    assert [encoded for _, encoded in found] == [
        form_1(number, line) for (number, _), line in zip(found, written, strict=True)
    ]


def header_1(block: Block, *, source: str) -> bytes:
    def sized(part: bytes) -> bytes:
        return struct.pack(">i", len(part)) + part

    def runs(ranges: Ranges) -> bytes:
        numbers = [number for run in ranges for number in run]
        return struct.pack(">i", len(ranges)) + struct.pack(f">{len(numbers)}q", *numbers)

    micros = (block.sealed_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return (
        b"kuntavayla audit block 1\n"
        + sized(source.encode())
        + sized(block.previous_hash)
        + sized(block.root)
        + struct.pack(">qq", block.number, block.line_count)
        + struct.pack(">qqq", block.first_audit_id, block.last_audit_id, block.settled_to)
        + struct.pack(">q", micros)
        + runs(block.members)
        + runs(block.ahead)
        + sized(block.key_id.encode())
    )


async def test_a_block_is_hashed_and_signed_over_the_documented_bytes(
    pool: Pool, database: TestDatabase
) -> None:
    sealer = a_sealer()
    late = await asyncpg.connect(database.url)
    await late.execute("BEGIN")
    await append(late, [a_line()])
    for _ in range(2):
        await written(pool, 2)
        await sealed(pool, sealer)
    await late.close()

    async with transaction(pool) as connection:
        blocks = await list_blocks(connection, first=1, last=2)

    public = Ed25519PublicKey.from_public_bytes(KEY.public_bytes)
    assert [block.ahead for block in blocks] == [((2, 3),), ((2, 5),)]
    for block in blocks:
        header = header_1(block, source=SOURCE)
        assert block.hash == sha256(header).digest()
        public.verify(block.signature, header)
