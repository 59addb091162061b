"""Reviews: open questions, their resolution, and their lists."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from routing_api.rules.judging import Outcome
from routing_api.rules.reviews import Review, ReviewFilter, ReviewState

OPENED = Columns(
    {
        "review_id": "uuid",
        "client_id": "uuid",
        "registration_id": "uuid",
        "decision_id": "uuid",
        "te_office_code": "text",
        "reason": "text",
        "missing_facts": "text:missing_facts_text",
        "is_restricted": "bool",
        "state": "text",
        "version": "int4",
        "opened_at": "timestamptz",
        "due_on": "date",
        "resolved_at": "timestamptz",
        "outcome": "text",
        "resolution_reason": "text",
        "resolving_decision_id": "uuid",
    }
)
_SELECTED = """
review_id::text, client_id::text, registration_id::text, decision_id::text, te_office_code, reason,
missing_facts, is_restricted, state, version, opened_at, due_on, resolved_at, outcome,
resolution_reason, resolving_decision_id::text
"""
FIND = f"SELECT {_SELECTED} FROM reviews WHERE review_id = $1"  # noqa: S608 - a constant of ours
CLOSE = """
UPDATE reviews SET state = n.state, version = version + 1, resolved_at = $1, outcome = n.outcome,
       resolution_reason = n.resolution_reason, resolving_decision_id = n.decision_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[])
     AS n (review_id, state, outcome, resolution_reason, decision_id)
WHERE reviews.review_id = n.review_id
"""
CHANGE_CHANNELS = """
UPDATE reviews SET is_restricted = n.is_restricted
FROM unnest($1::uuid[], $2::bool[]) AS n (client_id, is_restricted)
WHERE reviews.client_id = n.client_id AND reviews.is_restricted <> n.is_restricted
"""
LIST = f"""
SELECT {_SELECTED} FROM reviews
WHERE review_id > $1
  AND ($2::text IS NULL OR te_office_code = $2)
  AND ($3::text IS NULL OR state = $3)
  AND ($4::text IS NULL OR reason = $4)
  AND ($5::date IS NULL OR due_on < $5)
  AND (NOT is_restricted OR $6)
ORDER BY review_id
LIMIT $7
"""  # noqa: S608 - a constant of ours


class Closing(Struct, frozen=True, kw_only=True):
    """How an open review ends."""

    review_id: str
    state: ReviewState
    outcome: Outcome | None
    resolution_reason: str | None
    decision_id: str


def _review(row: object) -> Review:
    values = dict(row)  # type: ignore[call-overload]
    missing = values["missing_facts"]
    values["missing_facts"] = tuple(missing.split(",")) if missing else ()
    return Review(**values)


async def close_reviews(
    connection: Connection, closings: Sequence[Closing], *, at: datetime
) -> None:
    """Close reviews whose client the caller has locked."""
    if closings:
        await connection.execute(
            CLOSE,
            at,
            [closing.review_id for closing in closings],
            [closing.state for closing in closings],
            [closing.outcome for closing in closings],
            [closing.resolution_reason for closing in closings],
            [closing.decision_id for closing in closings],
        )


async def change_channels(connection: Connection, channels: Mapping[str, bool]) -> None:
    """Restrict all reviews of clients, or open them; `is_restricted` by client."""
    if channels:
        await connection.execute(CHANGE_CHANNELS, [*channels], [*channels.values()])


async def find_review(connection: Connection, review_id: str) -> Review | None:
    """Return one review."""
    row = await connection.fetchrow(FIND, review_id)
    return _review(row) if row else None


async def list_reviews(
    connection: Connection, query: ReviewFilter, *, after: str, limit: int
) -> list[Review]:
    """List at most `limit` reviews behind the id `after`."""
    rows = await connection.fetch(
        LIST,
        after,
        query.te_office_code,
        query.state,
        query.reason,
        query.due_before,
        query.may_see_restricted,
        limit,
    )
    return [_review(row) for row in rows]
