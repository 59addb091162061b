"""The audit, read by operators and auditors; each reading is itself on record."""

from kuntavayla import audit
from kuntavayla.audit import AuditFilter, StoredLine
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import witness


async def read_audit(
    connection: Connection,
    query: AuditFilter,
    *,
    after: int,
    limit: int,
    call: Call,
    moment: Moment,
) -> list[StoredLine]:
    """List audit lines, oldest first; the reading adds its own line in the same transaction."""
    lines = await audit.list_lines(connection, query, after=after, limit=limit)
    await witness(connection, call, action="audit.read", moment=moment, client_id=query.client_id)
    return lines
