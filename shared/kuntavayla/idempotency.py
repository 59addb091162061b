"""Idempotency keys: one effect for any number of repeats of a state-changing call.

A row holds an HMAC of the canonical validated body, the status and the id of the result, and no
copy of personal data; the answer to a repeat is rebuilt from that result. A key lives as long as
its resource. Scope: organisation and route.

A call in a transaction of its own claims its key by `claim` and waits for another that holds it. A
batch claims by `claim_free` and waits for nobody, because its other items would wait too. A route
uses one of the two.
"""

import hmac
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg
import msgspec
import sqlalchemy as sa
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from kuntavayla.errors import DomainError, Kind
from kuntavayla.values.digests import KeyedDigest

_COLUMNS = Columns(
    {
        "organisation": "text",
        "route": "text",
        "key": "text",
        "fingerprint": "bytea",
        "status": "int2",
        "result_id": "uuid",
    }
)
CLAIM = f"""
INSERT INTO idempotency_keys ({_COLUMNS.listed})
SELECT {_COLUMNS.read} FROM {_COLUMNS.recordset()}
ORDER BY organisation, route, key
ON CONFLICT (organisation, route, key) DO NOTHING
RETURNING organisation, route, key
"""  # noqa: S608 - constants of ours
# The lock is held until the transaction ends, so an insert never meets a row in flight.
CLAIM_FREE = f"""
INSERT INTO idempotency_keys ({_COLUMNS.listed})
SELECT {_COLUMNS.read} FROM {_COLUMNS.recordset()}
WHERE pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', organisation, route, key), 0))
ORDER BY organisation, route, key
ON CONFLICT (organisation, route, key) DO NOTHING
RETURNING organisation, route, key
"""  # noqa: S608 - constants of ours
FIND = """
SELECT k.organisation, k.route, k.key, k.fingerprint, k.status,
       k.result_id::text
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
    """One use of a key: its scope, the body's fingerprint, status and id of the result.

    `older_fingerprints` are those that older secrets make of the same body.
    """

    organisation: str
    route: str
    key: str
    fingerprint: bytes
    status: int
    result_id: str
    older_fingerprints: tuple[bytes, ...] = ()

    @property
    def scope(self) -> Scope:
        """Return what makes the key one: organisation, route and key."""
        return self.organisation, self.route, self.key

    def has_fingerprint(self, stored: bytes) -> bool:
        """Say whether a stored fingerprint is that of this call's body, by any of the secrets."""
        prints = (self.fingerprint, *self.older_fingerprints)
        return any(hmac.compare_digest(stored, one) for one in prints)


class Replay(Struct, frozen=True):
    """The key is known with the same body: status and id of the result that answers it."""

    status: int
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
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("result_id", sa.Uuid, nullable=False),
    )


def fingerprints_of(content: object, *, by: Sequence[KeyedDigest]) -> tuple[bytes, ...]:
    """Return the HMACs of a validated body in canonical form, one by each secret.

    The first secret is in use; what was stored under an older one stays comparable.
    """
    return digests_of(_encode(content), by=by)


def digests_of(encoded: bytes, *, by: Sequence[KeyedDigest]) -> tuple[bytes, ...]:
    """Return the fingerprints of a validated body that is encoded in canonical form already."""
    return tuple(digest(encoded) for digest in by)


async def claim(
    connection: Connection, uses: Sequence[KeyUse]
) -> list[Replay | IdempotencyKeyReused | None]:
    """Claim keys for the caller's transaction; one outcome per use, None for a new key.

    Locks the keys in sorted order; a key in flight in another process is waited for (lock_timeout
    of the role). A key that stands twice in the batch is new once; its later uses are repeats.
    Raises InProgress for all where one key is held too long.
    """
    try:
        outcomes = await _claim(connection, uses, statement=CLAIM)
    except asyncpg.LockNotAvailableError as error:
        raise InProgress(retry_after_s=IN_PROGRESS_RETRY_AFTER_S) from error
    settled: list[Replay | IdempotencyKeyReused | None] = []
    for outcome in outcomes:
        if isinstance(outcome, InProgress):
            raise outcome
        settled.append(outcome)
    return settled


async def claim_one(connection: Connection, use: KeyUse) -> Replay | None:
    """Claim the key of a call that is no batch, as `claim` does; None for a new key.

    Raises IdempotencyKeyReused for another body, and InProgress.
    """
    [outcome] = await claim(connection, [use])
    if isinstance(outcome, IdempotencyKeyReused):
        raise outcome
    return outcome


async def claim_free(
    connection: Connection, uses: Sequence[KeyUse]
) -> list[Replay | IdempotencyKeyReused | InProgress | None]:
    """Claim keys as `claim` does, but wait for none: one that is held elsewhere is InProgress.

    So nobody else in the caller's batch is harmed. It passes: claim again in another transaction.
    """
    return await _claim(connection, uses, statement=CLAIM_FREE)


async def _claim(
    connection: Connection, uses: Sequence[KeyUse], *, statement: str
) -> list[Replay | IdempotencyKeyReused | InProgress | None]:
    first: dict[Scope, KeyUse] = {}
    for use in uses:
        first.setdefault(use.scope, use)
    claimed = await _insert(connection, list(first.values()), statement=statement)
    known = {scope: _Known.of(first[scope]) for scope in claimed}
    if len(claimed) < len(first):
        # A new statement, because the one that met another transaction cannot see its row.
        rows = await connection.fetch(FIND, *_columns(list(first.keys() - claimed)))
        known |= {
            (row["organisation"], row["route"], row["key"]): _Known(
                row["fingerprint"], Replay(row["status"], row["result_id"])
            )
            for row in rows
        }
    return [
        None
        if use is first[use.scope] and use.scope in claimed
        else _repeat_of(use, known.get(use.scope))
        for use in uses
    ]


async def _insert(connection: Connection, uses: Sequence[KeyUse], *, statement: str) -> set[Scope]:
    if not uses:
        return set()
    rows = await connection.fetch(statement, _COLUMNS.argument(uses))
    return {(row["organisation"], row["route"], row["key"]) for row in rows}


def _columns(scopes: Sequence[Scope]) -> list[list[str]]:
    return [[scope[place] for scope in scopes] for place in range(3)]


class _Known(NamedTuple):
    """What is stored of a key, or was claimed just now."""

    fingerprint: bytes
    replay: Replay

    @classmethod
    def of(cls, use: KeyUse) -> "_Known":
        return cls(use.fingerprint, Replay(use.status, use.result_id))


def _repeat_of(use: KeyUse, known: _Known | None) -> Replay | IdempotencyKeyReused | InProgress:
    if known is None:
        return InProgress(retry_after_s=IN_PROGRESS_RETRY_AFTER_S)
    if use.has_fingerprint(known.fingerprint):
        return known.replay
    return IdempotencyKeyReused()


async def release(connection: Connection, uses: Sequence[KeyUse]) -> None:
    """Give keys back whose call came to nothing: answers other than 2xx are not kept."""
    if uses:
        await connection.execute(RELEASE, *_columns([use.scope for use in uses]))
