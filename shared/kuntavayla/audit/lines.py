"""Lines of the audit: written with what they witness, listed by what is asked."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Appending, Columns

COLUMNS = Columns(
    {
        "recorded_at": "timestamptz",
        "organisation": "text",
        "official_id": "text",
        "official_role": "text",
        "municipality_code": "text",
        "action": "text",
        "purpose": "text",
        "outcome": "text",
        "client_id": "uuid",
        "resource_id": "uuid",
        "rule_version": "text",
        "request_id": "text",
    }
)
_APPENDING = Appending({"audit": COLUMNS})
APPEND = _APPENDING.statement
LIST = """
SELECT audit_id, recorded_at, organisation, official_id, official_role, municipality_code, action,
       purpose, outcome, client_id::text, resource_id::text, rule_version, request_id
FROM audit
WHERE audit_id > $1
  AND ($2::uuid IS NULL OR client_id = $2)
  AND ($3::text IS NULL OR official_id = $3)
  AND ($4::text IS NULL OR organisation = $4)
  AND ($5::timestamptz IS NULL OR recorded_at >= $5)
  AND ($6::timestamptz IS NULL OR recorded_at < $6)
ORDER BY audit_id
LIMIT $7
"""
DISCLOSURES = """
SELECT audit_id, recorded_at, organisation, official_id, official_role, municipality_code, action,
       purpose, outcome, client_id::text, resource_id::text, rule_version, request_id
FROM audit
WHERE client_id = $1 AND audit_id > $2 AND outcome = 'disclosed' AND action = ANY($3::text[])
ORDER BY audit_id
LIMIT $4
"""


class AuditLine(Struct, frozen=True, kw_only=True):
    """One act: who, on whose behalf, which client and resource, why, and what came of it."""

    recorded_at: datetime
    organisation: str
    action: str
    outcome: str
    request_id: str
    official_id: str | None = None
    official_role: str | None = None
    municipality_code: str | None = None
    purpose: str | None = None
    client_id: str | None = None
    resource_id: str | None = None
    rule_version: str | None = None


class StoredLine(AuditLine, frozen=True, kw_only=True):
    """A line of the audit with its number."""

    audit_id: int


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which lines are asked for; what is None does not filter. `until` is exclusive."""

    client_id: str | None = None
    official_id: str | None = None
    organisation: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def append(connection: Connection, lines: Sequence[AuditLine]) -> None:
    """Write lines in the order given, inside the caller's transaction."""
    if lines:
        await _APPENDING.run(connection, {"audit": lines})


async def list_lines(
    connection: Connection, query: AuditFilter, *, after: int, limit: int
) -> list[StoredLine]:
    """List at most `limit` lines behind the number `after`, oldest first."""
    rows = await connection.fetch(
        LIST,
        after,
        query.client_id,
        query.official_id,
        query.organisation,
        query.since,
        query.until,
        limit,
    )
    return [StoredLine(**dict(row)) for row in rows]


async def list_disclosures(
    connection: Connection, client_id: str, *, actions: Sequence[str], after: int, limit: int
) -> list[StoredLine]:
    """List at most `limit` disclosures of a client by these actions, oldest first."""
    rows = await connection.fetch(DISCLOSURES, client_id, after, list(actions), limit)
    return [StoredLine(**dict(row)) for row in rows]
