"""Every statement about the information of the simulated case systems; each works on a batch."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla_sandbox.week import Entry, WeekClient

APPEND_WEEK = """
INSERT INTO information (case_system_id, municipal_id, ordinal, client_id, kind, action,
                         replaces_municipal_id, document, state, is_delayed, is_overdue)
SELECT $1::text, municipal_id, place + (SELECT coalesce(max(ordinal), 0) FROM information
                                  WHERE case_system_id = $1::text),
       client_id, kind, action, replaces_municipal_id, document, 'to_send', false, false
FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::json[])
     WITH ORDINALITY
     AS new (municipal_id, client_id, kind, action, replaces_municipal_id, document, place)
ON CONFLICT (case_system_id, municipal_id) DO NOTHING
"""
LIST_CLIENTS_OF_WEEK = """
SELECT DISTINCT ON (client_id) client_id::text, municipality_code
FROM clients WHERE case_system_id = $1 AND state = 'acknowledged'
ORDER BY client_id, clienthood_version DESC
"""
LIST_TO_SEND = """
SELECT told.municipal_id, told.action, told.document::text, original.information_id::text,
       original.state = 'refused' AS is_hopeless, told.client_id::text,
       EXISTS (SELECT FROM clients
               WHERE clients.case_system_id = $1 AND clients.client_id = told.client_id
                 AND clients.channel = 'restricted') AS is_restricted
FROM information AS told
     LEFT JOIN information AS original ON original.case_system_id = told.case_system_id
          AND original.municipal_id = told.replaces_municipal_id
WHERE told.case_system_id = $1 AND told.state = 'to_send'
ORDER BY told.ordinal LIMIT $2
"""
LIST_UNANSWERED = """
SELECT municipal_id, action, document::text, NULL, NULL, client_id::text, false
FROM information WHERE case_system_id = $1 AND state = 'sent' ORDER BY ordinal
"""
MARK_SENT = """
UPDATE information SET state = 'sent'
WHERE case_system_id = $1 AND municipal_id = ANY($2::text[]) AND state = 'to_send'
"""
HAS_UNANSWERED = """
SELECT EXISTS (SELECT FROM information WHERE case_system_id = $1 AND state = 'sent')
"""
# One sender a case system: a place is the last one's and the answer's own.
MARK_ANSWERED = """
UPDATE information
SET state = CASE WHEN answer.information_id IS NULL THEN 'refused' ELSE 'answered' END,
    information_id = answer.information_id, accepted_state = answer.accepted_state,
    receiver_id = answer.receiver_id, digest = answer.digest, problem_code = answer.problem_code,
    answered_place = newest.place + answer.nth
FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
     WITH ORDINALITY
     AS answer (municipal_id, information_id, accepted_state, receiver_id, digest, problem_code,
                nth),
     (SELECT coalesce(max(answered_place), 0) AS place FROM information
      WHERE case_system_id = $1) AS newest
WHERE information.case_system_id = $1 AND information.municipal_id = answer.municipal_id
  AND (information.state = $8
       OR information.state = 'refused' AND $8 = 'sent' AND answer.information_id IS NOT NULL)
"""
MARK_WITHDRAWN = """
UPDATE information SET outcome = 'withdrawn'
FROM information AS withdrawal
WHERE withdrawal.case_system_id = $1 AND withdrawal.municipal_id = ANY($2::text[])
  AND information.case_system_id = $1
  AND information.municipal_id = withdrawal.replaces_municipal_id
"""
MARK_OUTCOMES = """
UPDATE information
SET outcome = told.outcome, outcome_code = told.code, receipt_id = told.receipt_id,
    receipt_digest = told.digest
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
     AS told (municipal_id, outcome, code, receipt_id, digest)
WHERE information.case_system_id = $1 AND information.municipal_id = told.municipal_id
"""
MARK_LATE = """
UPDATE information
SET is_delayed = true, is_overdue = information.is_overdue OR told.is_overdue
FROM unnest($2::text[], $3::bool[]) AS told (municipal_id, is_overdue)
WHERE information.case_system_id = $1 AND information.municipal_id = told.municipal_id
"""
COUNT_INFORMATION = """
SELECT case_system_id,
       CASE WHEN state <> 'answered' THEN state ELSE coalesce(outcome, accepted_state) END,
       count(*), count(*) FILTER (WHERE is_delayed), count(*) FILTER (WHERE is_overdue)
FROM information GROUP BY 1, 2
"""
LIST_INFORMATION = """
SELECT ordinal, municipal_id, client_id::text, kind, action, replaces_municipal_id,
       document::text AS document, state, information_id::text, answered_place, accepted_state,
       receiver_id, digest, problem_code, outcome, outcome_code, receipt_id, receipt_digest,
       is_delayed, is_overdue
FROM information WHERE case_system_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3
"""


class ToSend(Struct, frozen=True):
    """One thing to be sent now; a correction or withdrawal with the id of what it replaces.

    A hopeless one replaces an item that the relay refused. What is about a restricted client never
    goes by a topic.
    """

    municipal_id: str
    action: str
    document: str
    replaces_information_id: str | None
    is_hopeless: bool | None
    client_id: str
    is_restricted: bool


class Answered(Struct, frozen=True, kw_only=True):
    """What the relay answered: an id where it took the item, else a problem's code."""

    municipal_id: str
    information_id: str | None = None
    state: str | None = None
    receiver_id: str | None = None
    digest: str | None = None
    problem_code: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of an item, by event; with the proof where it was delivered."""

    municipal_id: str
    outcome: str
    code: str | None = None
    receipt_id: str | None = None
    digest: str | None = None


class Count(Struct, frozen=True):
    """How many items of a case system stand so, and how many of them are late."""

    case_system_id: str
    standing: str
    items: int
    delayed: int
    overdue: int


class SentItem(Struct, frozen=True, kw_only=True):
    """An item as the case system knows it, for whoever compares."""

    ordinal: int
    municipal_id: str
    client_id: str
    kind: str
    action: str
    replaces_municipal_id: str | None
    document: str
    state: str
    information_id: str | None
    answered_place: int | None
    accepted_state: str | None
    receiver_id: str | None
    digest: str | None
    problem_code: str | None
    outcome: str | None
    outcome_code: str | None
    receipt_id: str | None
    receipt_digest: str | None
    is_delayed: bool
    is_overdue: bool


async def list_week_clients(connection: Connection, case_system_id: str) -> list[WeekClient]:
    """Return the clients that a case system has taken over and still holds."""
    rows = await connection.fetch(LIST_CLIENTS_OF_WEEK, case_system_id)
    return [WeekClient(row[0], row[1]) for row in rows]


async def append_week(
    connection: Connection, case_system_id: str, entries: Sequence[Entry]
) -> None:
    """Keep a week's entries in their order; one that is kept already stays as it is."""
    encode = msgspec.json.Encoder().encode
    await connection.execute(
        APPEND_WEEK,
        case_system_id,
        [entry.municipal_id for entry in entries],
        [entry.client_id for entry in entries],
        [entry.kind for entry in entries],
        [entry.action for entry in entries],
        [entry.replaces_municipal_id for entry in entries],
        [encode(entry.document).decode() for entry in entries],
    )


async def list_to_send(connection: Connection, case_system_id: str, *, limit: int) -> list[ToSend]:
    """Return what is to be sent next, in order."""
    rows = await connection.fetch(LIST_TO_SEND, case_system_id, limit)
    return [ToSend(*row) for row in rows]


async def list_unanswered(connection: Connection, case_system_id: str) -> list[ToSend]:
    """Return what went by the topic and has no answer yet, in order."""
    return [ToSend(*row) for row in await connection.fetch(LIST_UNANSWERED, case_system_id)]


async def mark_sent(
    connection: Connection, case_system_id: str, municipal_ids: Sequence[str]
) -> None:
    """Note what goes by the topic; its answers come by event."""
    await connection.execute(MARK_SENT, case_system_id, municipal_ids)


async def has_unanswered(connection: Connection, case_system_id: str) -> bool:
    """Tell whether something that went by the topic has no answer yet."""
    is_there: bool = await connection.fetchval(HAS_UNANSWERED, case_system_id)
    return is_there


async def mark_heard(
    connection: Connection, case_system_id: str, answers: Sequence[Answered]
) -> None:
    """Note the answers to what went by the topic; also one to a parked item that was mended."""
    await _mark_answered(connection, case_system_id, answers, state="sent")


async def mark_answered(
    connection: Connection, case_system_id: str, answers: Sequence[Answered]
) -> None:
    """Note the relay's answers to calls in their order.

    A withdrawal that is settled by its answer ends what it withdraws: that was never sent on.
    """
    await _mark_answered(connection, case_system_id, answers, state="to_send")
    withdrawals = [answer.municipal_id for answer in answers if answer.state == "withdrawn"]
    if withdrawals:
        await connection.execute(MARK_WITHDRAWN, case_system_id, withdrawals)


async def _mark_answered(
    connection: Connection, case_system_id: str, answers: Sequence[Answered], *, state: str
) -> None:
    await connection.execute(
        MARK_ANSWERED,
        case_system_id,
        [answer.municipal_id for answer in answers],
        [answer.information_id for answer in answers],
        [answer.state for answer in answers],
        [answer.receiver_id for answer in answers],
        [answer.digest for answer in answers],
        [answer.problem_code for answer in answers],
        state,
    )


async def mark_outcomes(
    connection: Connection, case_system_id: str, outcomes: Sequence[Outcome]
) -> None:
    """Note what became of items; each item once in a batch."""
    await connection.execute(
        MARK_OUTCOMES,
        case_system_id,
        [outcome.municipal_id for outcome in outcomes],
        [outcome.outcome for outcome in outcomes],
        [outcome.code for outcome in outcomes],
        [outcome.receipt_id for outcome in outcomes],
        [outcome.digest for outcome in outcomes],
    )


async def mark_late(connection: Connection, case_system_id: str, late: dict[str, bool]) -> None:
    """Note which items are late, and which of them even overdue."""
    await connection.execute(MARK_LATE, case_system_id, list(late), list(late.values()))


async def count_information(connection: Connection) -> list[Count]:
    """Return how many items stand how, by case system."""
    rows = await connection.fetch(COUNT_INFORMATION)
    return [Count(*row) for row in rows]


async def list_information(
    connection: Connection, case_system_id: str, *, after: int, limit: int
) -> list[SentItem]:
    """Return a case system's items in the order of sending, from behind `after`."""
    rows: list[Any] = await connection.fetch(LIST_INFORMATION, case_system_id, after, limit)
    return [SentItem(**dict(row)) for row in rows]
