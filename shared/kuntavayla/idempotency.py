"""Idempotency keys: one effect for any number of repeats of a state-changing call.

A row holds an HMAC of the canonical validated body, the status and the id of the result, and no
copy of personal data; the answer to a repeat is rebuilt from that result. A key lives as long as
its resource. Scope: organisation and route.
"""

import hmac
from collections.abc import Sequence

import asyncpg
import msgspec
import sqlalchemy as sa
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, Kind

CLAIM = """
INSERT INTO idempotency_keys (organisation, route, key, fingerprint, result_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::uuid[])
ORDER BY 1, 2, 3
ON CONFLICT (organisation, route, key) DO NOTHING
RETURNING organisation, route, key
"""
FIND = """
SELECT k.organisation, k.route, k.key, k.fingerprint, k.result_id::text
FROM idempotency_keys k
JOIN unnest($1::text[], $2::text[], $3::text[]) AS a (organisation, route, key)
  USING (organisation, route, key)
"""
RELEASE = """
DELETE FROM idempotency_keys k
USING unnest($1::text[], $2::text[], $3::text[]) AS a (organisation, route, key)
WHERE k.organisation = a.organisation AND k.route = a.route AND k.key = a.key
"""

_encode = msgspec.json.Encoder().encode


class IdempotencyKeyReused(DomainError):
    """The key was used before with another body."""

    kind = Kind.INVALID
    code = "idempotency_key_reused"


class InProgress(DomainError):
    """The first call with this key is still being answered."""

    kind = Kind.CONFLICT
    code = "in_progress"


IN_PROGRESS_RETRY_AFTER_S = 1
Scope = tuple[str, str, str]
"""Organisation, route and key."""


class KeyUse(Struct, frozen=True, kw_only=True):
    """One use of a key: its scope, the body's fingerprint, and the id of the result."""

    organisation: str
    route: str
    key: str
    fingerprint: bytes
    result_id: str

    @property
    def scope(self) -> Scope:
        """Return what makes the key one: organisation, route and key."""
        return self.organisation, self.route, self.key


class Replay(Struct, frozen=True):
    """The key is known with the same body: the id of the result that answers it."""

    result_id: str


def add_table(metadata: sa.MetaData) -> None:
    """Add the keys to a service's tables."""
    sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("organisation", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result_id", sa.Uuid, nullable=False),
    )


def fingerprint_of(content: object, *, secret: bytes) -> bytes:
    """Return the HMAC of a validated body in canonical form."""
    return hmac.digest(secret, _encode(content), "sha256")


async def claim(
    connection: Connection, uses: Sequence[KeyUse]
) -> list[Replay | IdempotencyKeyReused | None]:
    """Claim keys for the caller's transaction; one outcome per use, None for a new key.

    Locks the keys in sorted order; a key in flight in another process is waited for (lock_timeout
    of the role). A key that stands twice in the batch is new once; its later uses are repeats.
    """
    first: dict[Scope, KeyUse] = {}
    for use in uses:
        first.setdefault(use.scope, use)
    claimed = await _insert(connection, list(first.values()))
    known = {scope: (use.fingerprint, use.result_id) for scope, use in first.items()}
    if len(claimed) < len(first):
        # A new statement, because the one that waited for another transaction cannot see its row.
        rows = await connection.fetch(FIND, *_columns(list(first.keys() - claimed)))
        known |= {
            (row["organisation"], row["route"], row["key"]): (row["fingerprint"], row["result_id"])
            for row in rows
        }
    return [
        None
        if use is first[use.scope] and use.scope in claimed
        else _repeat_of(use, *known[use.scope])
        for use in uses
    ]


async def _insert(connection: Connection, uses: Sequence[KeyUse]) -> set[Scope]:
    if not uses:
        return set()
    try:
        rows = await connection.fetch(
            CLAIM,
            *_columns([use.scope for use in uses]),
            [use.fingerprint for use in uses],
            [use.result_id for use in uses],
        )
    except asyncpg.LockNotAvailableError as error:
        raise InProgress(retry_after_s=IN_PROGRESS_RETRY_AFTER_S) from error
    return {(row["organisation"], row["route"], row["key"]) for row in rows}


def _columns(scopes: Sequence[Scope]) -> list[list[str]]:
    return [[scope[place] for scope in scopes] for place in range(3)]


def _repeat_of(use: KeyUse, fingerprint: bytes, result_id: str) -> Replay | IdempotencyKeyReused:
    if hmac.compare_digest(fingerprint, use.fingerprint):
        return Replay(result_id)
    return IdempotencyKeyReused()


async def release(connection: Connection, uses: Sequence[KeyUse]) -> None:
    """Give keys back whose call came to nothing: answers other than 2xx are not kept."""
    if uses:
        await connection.execute(RELEASE, *_columns([use.scope for use in uses]))
