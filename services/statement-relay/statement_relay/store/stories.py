"""The whole story of an item, and lists of items."""

from collections.abc import Sequence
from typing import Any

from kuntavayla.database import Connection
from statement_relay.rules.contents import content_of
from statement_relay.rules.stories import Attempt, InformationFilter, ListedInformation, Note, Story
from statement_relay.store.information import STANDING_OF_SUCCESSORS, issuer_of

ATTEMPTS_MAX = 1_000
NOTES_MAX = 1_000
_LISTED = """
i.information_id::text, i.municipal_id, i.organisation, i.client_id::text, i.municipality_code,
i.kind, i.action, i.state, i.state_reason, i.receiver_id, i.accepted_at, i.deliver_by_at,
i.settled_at, i.warned_at, i.overdue_at, i.is_restricted
"""
FIND = f"""
SELECT {_LISTED}, i.content, i.replaces_information_id::text, i.root_information_id::text,
       i.issuer_authority, i.issuer_rule, i.issuer_from_on, i.number, i.digest, i.receipt_id,
       i.received_at, i.receipt_digest, i.delivered_request_id,
       {STANDING_OF_SUCCESSORS},
       (SELECT b.information_id::text FROM information b
        WHERE b.receiver_id = i.receiver_id AND b.client_id = i.client_id AND b.number < i.number
          AND b.number IS NOT NULL AND b.settled_at IS NULL AND i.settled_at IS NULL
        ORDER BY b.number DESC LIMIT 1) AS waiting_behind
FROM information i WHERE i.information_id = $1
"""  # noqa: S608 - a constant of ours
ATTEMPTS = """
SELECT attempt, request_id, started_at, ended_at, status, outcome, code, request_hash,
       receipt_id, received_at, receipt_digest
FROM delivery_attempts WHERE information_id = $1 ORDER BY attempt DESC LIMIT $2
"""
NOTES = """
SELECT action, code, reason, organisation, noted_at, receipt_id, received_at, receipt_digest
FROM delivery_notes WHERE information_id = $1 ORDER BY note_id DESC LIMIT $2
"""
# One statement for each way in, so that each keeps its index, whenever it was planned.
_CHOSEN = """
  AND (NOT i.is_restricted OR $2) AND ($3::text IS NULL OR i.state = $3)
  AND ($4::text IS NULL OR (i.settled_at IS NULL AND CASE $4
       WHEN 'overdue' THEN i.overdue_at IS NOT NULL ELSE i.warned_at IS NOT NULL END))
  AND i.information_id > $5
ORDER BY i.information_id LIMIT $6
"""
LIST_ALL = f"SELECT {_LISTED} FROM information i WHERE $1::text IS NULL {_CHOSEN}"  # noqa: S608 - constants of ours
LIST_OWN = f"SELECT {_LISTED} FROM information i WHERE i.organisation = $1 {_CHOSEN}"  # noqa: S608 - constants of ours
LIST_OF_CLIENT = f"""
SELECT {_LISTED} FROM information i
WHERE i.client_id = $7::uuid AND ($1::text IS NULL OR i.organisation = $1) {_CHOSEN}
"""  # noqa: S608 - constants of ours
LIST_OF_MUNICIPAL_ID = f"""
SELECT {_LISTED} FROM information i
WHERE i.organisation = $1 AND i.municipal_id = $7
  AND ($8::uuid IS NULL OR i.client_id = $8) {_CHOSEN}
"""  # noqa: S608 - constants of ours


async def find_story(connection: Connection, information_id: str) -> Story | None:
    """Return an item with its attempts and notes."""
    row: Any = await connection.fetchrow(FIND, information_id)
    if row is None:
        return None
    attempts = await connection.fetch(ATTEMPTS, information_id, ATTEMPTS_MAX)
    notes = await connection.fetch(NOTES, information_id, NOTES_MAX)
    fields = {name: value for name, value in row.items() if not name.startswith("issuer_")}
    return Story(
        **{
            **fields,
            "content": content_of(row["content"]),
            "issuer": issuer_of(row),
            "attempts": tuple(Attempt(**dict(one)) for one in reversed(attempts)),
            "notes": tuple(Note(**dict(one)) for one in reversed(notes)),
        }
    )


async def list_information(
    connection: Connection, query: InformationFilter, *, after: str, limit: int
) -> Sequence[ListedInformation]:
    """List at most `limit` items behind the id `after`; a municipal id is the organisation's."""
    given = (
        query.organisation,
        query.may_see_restricted,
        query.state,
        query.flag,
        after,
        limit,
    )
    if query.municipal_id is not None:
        chosen = (query.municipal_id, query.client_id)
        rows = await connection.fetch(LIST_OF_MUNICIPAL_ID, *given, *chosen)
    elif query.client_id is not None:
        rows = await connection.fetch(LIST_OF_CLIENT, *given, query.client_id)
    else:
        statement = LIST_ALL if query.organisation is None else LIST_OWN
        rows = await connection.fetch(statement, *given)
    return [ListedInformation(**dict(row)) for row in rows]
