"""Look-ups of identity codes as a key rotation needs them: read in order, replaced by batches."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from kuntavayla.database import Connection

LIST_SEALED = """
SELECT client_id::text, lookup_a, lookup_b, identity_ciphertext, identity_key_id FROM clients
WHERE client_id > $1 ORDER BY client_id LIMIT $2
"""
LOCK = (
    "SELECT client_id FROM clients WHERE client_id = ANY($1::uuid[]) ORDER BY client_id FOR UPDATE"
)
REPLACE_A = """
UPDATE clients SET lookup_a = n.lookup
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (client_id, stored, lookup)
WHERE clients.client_id = n.client_id AND clients.lookup_a = n.stored
"""
REPLACE_B = """
UPDATE clients SET lookup_b = n.lookup
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (client_id, stored, lookup)
WHERE clients.client_id = n.client_id AND clients.lookup_b = n.stored
"""


class LookupColumn(StrEnum):
    """One of the two unique columns by which a person is known again."""

    A = "lookup_a"
    B = "lookup_b"


class SealedIdentity(Struct, frozen=True, kw_only=True):
    """A client's identity code as ciphertext, and its look-ups as stored."""

    client_id: str
    lookup_a: bytes
    lookup_b: bytes
    identity_ciphertext: bytes
    identity_key_id: str


class Replacement(Struct, frozen=True):
    """A look-up that takes the place of a stored one."""

    client_id: str
    stored: bytes
    lookup: bytes


async def list_sealed(connection: Connection, *, after: str, limit: int) -> list[SealedIdentity]:
    """List at most `limit` clients behind the id `after`."""
    rows = await connection.fetch(LIST_SEALED, after, limit)
    return [SealedIdentity(**dict(row)) for row in rows]


async def replace_lookups(
    connection: Connection, column: LookupColumn, replacements: Sequence[Replacement]
) -> None:
    """Replace look-ups of one column; one that was replaced meanwhile stays as it is.

    Locks the clients in order of their ids.
    """
    client_ids = [item.client_id for item in replacements]
    await connection.execute(LOCK, client_ids)
    await connection.execute(
        REPLACE_A if column is LookupColumn.A else REPLACE_B,
        client_ids,
        [item.stored for item in replacements],
        [item.lookup for item in replacements],
    )
