"""Blocks and the encoded lines of the audit as the database holds them: every statement of both.

A line's canonical bytes, form 1, are PostgreSQL's own binary form of the row of all its columns:
the count of columns, then for each the number of its type, the length of its value (-1 for null)
and the value. docs/audit.md gives it in full; a test holds it against an independent writer. The
server makes them, so that sealing costs the service 2 µs a line.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from kuntavayla.audit.blocks import Block
from kuntavayla.audit.ranges import Ranges, parse_text, text_of
from kuntavayla.database import Connection

ENCODED = """record_send(ROW(
    a.audit_id, a.recorded_at, a.organisation, a.official_id, a.official_role, a.municipality_code,
    a.action, a.purpose, a.outcome, a.client_id, a.resource_id, a.rule_version, a.request_id
))"""
UNSEALED = f"""
SELECT a.audit_id, {ENCODED} AS encoded FROM audit a
WHERE a.audit_id > $1 AND NOT a.audit_id <@ $2::text::int8multirange
ORDER BY a.audit_id LIMIT $3
"""  # noqa: S608 - a constant of ours
# The ranges are read once a block: the planner would read their text anew for every line.
LINES = f"""
WITH b AS MATERIALIZED (
    SELECT number, first, last, members::int8multirange AS members
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[]) AS b (number, first, last, members)
)
SELECT b.number, {ENCODED} AS encoded
FROM b JOIN audit a ON a.audit_id BETWEEN b.first AND b.last AND a.audit_id <@ b.members
ORDER BY b.number, a.audit_id
"""  # noqa: S608 - a constant of ours
INSERTED = """
WITH b AS MATERIALIZED (
    SELECT number, after, through, sealed::int8multirange AS sealed
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[])
      AS b (number, after, through, sealed)
)
SELECT b.number, count(*) AS lines
FROM b JOIN audit a ON a.audit_id > b.after AND a.audit_id <= b.through
  AND NOT a.audit_id <@ b.sealed
GROUP BY b.number
"""
FIELDS = """number, previous_hash, root, line_count, first_audit_id, last_audit_id,
    members::text, settled_to, ahead::text, sealed_at, key_id, hash, signature"""
NEWEST = f"SELECT {FIELDS} FROM audit_blocks ORDER BY number DESC LIMIT 1"  # noqa: S608 - a constant of ours
FIND = f"SELECT {FIELDS} FROM audit_blocks WHERE number = $1"  # noqa: S608 - a constant of ours
LIST = f"""
SELECT {FIELDS} FROM audit_blocks WHERE number BETWEEN $1 AND $2 ORDER BY number
"""  # noqa: S608 - a constant of ours
APPEND = """
INSERT INTO audit_blocks (number, previous_hash, root, line_count, first_audit_id, last_audit_id,
    members, settled_to, ahead, sealed_at, key_id, hash, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::int8multirange, $8, $9::text::int8multirange, $10, $11,
    $12, $13)
"""
STATE = """
WITH newest AS (
    SELECT number, sealed_at, settled_to, ahead FROM audit_blocks ORDER BY number DESC LIMIT 1
),
place AS (
    SELECT coalesce(max(settled_to), 0) AS settled_to,
           coalesce((SELECT ahead FROM newest), '{}') AS ahead
    FROM newest
)
SELECT (SELECT number FROM newest) AS newest_block, (SELECT sealed_at FROM newest) AS sealed_at,
       (SELECT a.recorded_at FROM audit a, place
        WHERE a.audit_id > place.settled_to AND NOT a.audit_id <@ place.ahead
        ORDER BY a.audit_id LIMIT 1) AS oldest_unsealed_at
"""


class SealState(Struct, frozen=True):
    """How far the audit is sealed; what is None does not exist."""

    newest_block: int | None
    sealed_at: datetime | None
    oldest_unsealed_at: datetime | None


class Membership(Struct, frozen=True):
    """A block's members, and the ends between which they stand."""

    number: int
    first: int
    last: int
    members: Ranges


async def load_state(connection: Connection) -> SealState:
    """Return the newest block and the oldest line that no block has."""
    row: Any = await connection.fetchrow(STATE)
    return SealState(
        row["newest_block"], _aware(row["sealed_at"]), _aware(row["oldest_unsealed_at"])
    )


async def list_unsealed(
    connection: Connection, *, settled_to: int, ahead: Ranges, limit: int
) -> list[tuple[int, bytes]]:
    """List committed lines that no block has, by number, as number and canonical bytes."""
    rows = await connection.fetch(UNSEALED, settled_to, text_of(ahead), limit)
    return [(row["audit_id"], row["encoded"]) for row in rows]


async def list_lines_of(
    connection: Connection, blocks: Sequence[Membership]
) -> dict[int, list[bytes]]:
    """Return the canonical bytes of each block's lines that exist, by number."""
    found: dict[int, list[bytes]] = {block.number: [] for block in blocks}
    for row in await connection.fetch(LINES, *_columns(blocks)):
        found[row["number"]].append(row["encoded"])
    return found


async def count_inserted(connection: Connection, spans: Sequence[Membership]) -> Mapping[int, int]:
    """Count by block the lines from `first` to `last` that are not among its `members`."""
    columns = _columns([Membership(s.number, s.first - 1, s.last, s.members) for s in spans])
    return {row["number"]: row["lines"] for row in await connection.fetch(INSERTED, *columns)}


async def find_newest(connection: Connection) -> Block | None:
    """Return the newest block, or None where nothing is sealed yet."""
    return _block(await connection.fetchrow(NEWEST))


async def find_block(connection: Connection, number: int) -> Block | None:
    """Return the block of a number, or None."""
    return _block(await connection.fetchrow(FIND, number))


async def list_blocks(connection: Connection, *, first: int, last: int) -> list[Block]:
    """List the blocks of these numbers that exist."""
    rows = await connection.fetch(LIST, first, last)
    return [block for row in rows if (block := _block(row)) is not None]


async def append_block(connection: Connection, block: Block) -> None:
    """Store a block."""
    await connection.execute(
        APPEND,
        block.number,
        block.previous_hash,
        block.root,
        block.line_count,
        block.first_audit_id,
        block.last_audit_id,
        text_of(block.members),
        block.settled_to,
        text_of(block.ahead),
        block.sealed_at,
        block.key_id,
        block.hash,
        block.signature,
    )


def _columns(blocks: Sequence[Membership]) -> tuple[list[int], list[int], list[int], list[str]]:
    return (
        [block.number for block in blocks],
        [block.first for block in blocks],
        [block.last for block in blocks],
        [text_of(block.members) for block in blocks],
    )


def _block(row: Any) -> Block | None:  # noqa: ANN401 - a record of asyncpg
    if row is None:
        return None
    fields = dict(row)
    return Block(
        **{
            **fields,
            "members": parse_text(fields["members"]),
            "ahead": parse_text(fields["ahead"]),
            "sealed_at": _aware(fields["sealed_at"]),
        }
    )


def _aware(at: datetime | None) -> datetime | None:
    """Return an instant with its zone, also where the stored one is infinite.

    No instant of ours is, but a verifier must not stumble over what an owner has put there.
    """
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
