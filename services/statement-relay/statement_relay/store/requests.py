"""Questions of TE offices: asked, answered, reminded of, listed."""

from collections.abc import Collection, Sequence
from datetime import datetime

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from statement_relay.rules.requests import Answering, InformationRequest, RequestFilter
from statement_relay.rules.shape import TimeSpan

ASKED = Columns(
    {
        "information_request_id": "uuid",
        "organisation": "text",
        "reference": "text",
        "fingerprint": "bytea",
        "client_id": "uuid",
        "te_office_code": "text",
        "case_system_id": "text",
        "municipality_code": "text",
        "kind": "text",
        "starts_on": "date:period.starts_on",
        "ends_on": "date:period.ends_on",
        "question_code": "text",
        "question": "text",
        "asked_at": "timestamptz",
        "remind_at": "timestamptz",
        "due_at": "timestamptz",
        "state": "text",
        "information_ids": "uuid[]",
    }
)
_SELECTED = """
q.information_request_id::text, q.organisation, q.reference, q.fingerprint, q.client_id::text,
q.te_office_code, q.case_system_id, q.municipality_code, q.kind, q.starts_on, q.ends_on,
q.question_code, q.question, q.asked_at, q.remind_at, q.due_at, q.reminded_at, q.overdue_at,
q.state, q.answered_at, q.answer_code, q.answer_fingerprint, q.information_ids::text[]
"""
APPEND = f"""
INSERT INTO information_requests ({ASKED.listed})
SELECT {ASKED.read} FROM {ASKED.recordset()} ORDER BY organisation, reference
ON CONFLICT (organisation, reference) DO NOTHING
RETURNING information_request_id::text
"""  # noqa: S608 - constants of ours
FIND = f"""
SELECT {_SELECTED} FROM information_requests q WHERE q.information_request_id = $1
"""  # noqa: S608 - a constant of ours
FIND_BY_REFERENCE = f"""
SELECT {_SELECTED} FROM information_requests q WHERE q.organisation = $1 AND q.reference = $2
"""  # noqa: S608 - a constant of ours
LOCK = f"""
SELECT {_SELECTED} FROM information_requests q WHERE q.information_request_id = $1 FOR UPDATE
"""  # noqa: S608 - a constant of ours
ANSWER = """
UPDATE information_requests
SET state = 'answered', answered_at = $2, answer_code = $3, answer_fingerprint = $4,
    information_ids = $5::uuid[]
WHERE information_request_id = $1
"""
# A client counts as restricted by what was told of it last, so that a security ban set after the
# question hides it too.
_CHOSEN = """
  AND q.information_request_id > $2
  AND ($3::text IS NULL OR q.state = $3)
  AND ($4::timestamptz IS NULL OR (q.state = 'open' AND q.due_at <= $4))
  AND ($5 OR NOT coalesce((
      SELECT r.is_restricted FROM responsibilities r WHERE r.client_id = q.client_id
      ORDER BY r.sequence DESC LIMIT 1), false))
ORDER BY q.information_request_id
LIMIT $6
"""
# One statement for each way in, so that each keeps its index, whenever it was planned.
LIST_ALL = f"SELECT {_SELECTED} FROM information_requests q WHERE $1::text IS NULL {_CHOSEN}"  # noqa: S608 - constants of ours
LIST_OF_OFFICE = f"""
SELECT {_SELECTED} FROM information_requests q WHERE q.te_office_code = $1 {_CHOSEN}
"""  # noqa: S608 - constants of ours
LIST_OF_SYSTEM = f"""
SELECT {_SELECTED} FROM information_requests q WHERE q.case_system_id = $1 {_CHOSEN}
"""  # noqa: S608 - constants of ours
TAKE_TO_REMIND = f"""
WITH due AS (
    SELECT information_request_id FROM information_requests
    WHERE state = 'open' AND reminded_at IS NULL AND remind_at <= $1
    ORDER BY remind_at, information_request_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE information_requests q SET reminded_at = $1
FROM due WHERE q.information_request_id = due.information_request_id
RETURNING {_SELECTED}
"""  # noqa: S608 - a constant of ours
TAKE_OVERDUE = f"""
WITH due AS (
    SELECT information_request_id FROM information_requests
    WHERE state = 'open' AND overdue_at IS NULL AND due_at <= $1
    ORDER BY due_at, information_request_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE information_requests q SET overdue_at = $1
FROM due WHERE q.information_request_id = due.information_request_id
RETURNING {_SELECTED}
"""  # noqa: S608 - a constant of ours
OWN_ITEMS = """
SELECT information_id::text FROM information
WHERE information_id = ANY($1::uuid[]) AND organisation = $2 AND client_id = $3
"""


def _request(row: object) -> InformationRequest:
    values = dict(row)  # type: ignore[call-overload]
    period = TimeSpan(values.pop("starts_on"), values.pop("ends_on"))
    values["information_ids"] = tuple(values["information_ids"])
    return InformationRequest(**values, period=period)


async def append_requests(
    connection: Connection, asked: Sequence[InformationRequest]
) -> frozenset[str]:
    """Add questions; return the ids of those added.

    One whose reference its organisation has used before is left out. A reference that another
    transaction is just using is waited for.
    """
    rows = await connection.fetch(APPEND, ASKED.argument(asked))
    return frozenset(row["information_request_id"] for row in rows)


async def find_request(connection: Connection, request_id: str) -> InformationRequest | None:
    """Return one question."""
    row = await connection.fetchrow(FIND, request_id)
    return _request(row) if row else None


async def find_by_reference(
    connection: Connection, organisation: str, reference: str
) -> InformationRequest | None:
    """Return the question that an organisation has asked under its reference."""
    row = await connection.fetchrow(FIND_BY_REFERENCE, organisation, reference)
    return _request(row) if row else None


async def lock_request(connection: Connection, request_id: str) -> InformationRequest | None:
    """Lock one question until the commit; None where there is none."""
    row = await connection.fetchrow(LOCK, request_id)
    return _request(row) if row else None


async def record_answer(connection: Connection, answering: Answering) -> None:
    """Record the answer to a question that the caller has locked."""
    await connection.execute(
        ANSWER,
        answering.information_request_id,
        answering.answered_at,
        answering.answer_code,
        answering.fingerprint,
        list(answering.information_ids),
    )


async def list_requests(
    connection: Connection, query: RequestFilter, *, after: str, limit: int
) -> list[InformationRequest]:
    """List at most `limit` questions behind the id `after`."""
    if query.te_office_code is not None:
        statement, whose = LIST_OF_OFFICE, query.te_office_code
    elif query.case_system_id is not None:
        statement, whose = LIST_OF_SYSTEM, query.case_system_id
    else:
        statement, whose = LIST_ALL, None
    rows = await connection.fetch(
        statement,
        whose,
        after,
        query.state,
        query.overdue_at,
        query.may_see_restricted,
        limit,
    )
    return [_request(row) for row in rows]


async def take_to_remind(
    connection: Connection, *, now: datetime, limit: int
) -> list[InformationRequest]:
    """Mark open questions as reminded of; return them, the earliest first.

    Locks them; those that another transaction holds are left for the next time, so that several
    processes share the work and none waits.
    """
    return _by_id(await connection.fetch(TAKE_TO_REMIND, now, limit))


async def take_overdue(
    connection: Connection, *, now: datetime, limit: int
) -> list[InformationRequest]:
    """Mark open questions as overdue; return and lock them as `take_to_remind` does."""
    return _by_id(await connection.fetch(TAKE_OVERDUE, now, limit))


async def list_own_items(
    connection: Connection, information_ids: Collection[str], *, organisation: str, client_id: str
) -> frozenset[str]:
    """Return those of the ids that are items of the organisation about the client."""
    if not information_ids:
        return frozenset()
    rows = await connection.fetch(OWN_ITEMS, list(information_ids), organisation, client_id)
    return frozenset(row["information_id"] for row in rows)


def _by_id(rows: Sequence[object]) -> list[InformationRequest]:
    """Return the questions in order of their ids: that in which they were asked."""
    taken = [_request(row) for row in rows]
    return sorted(taken, key=lambda request: request.information_request_id)
