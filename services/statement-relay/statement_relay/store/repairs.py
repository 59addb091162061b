"""Items on their way as operators and receivers reach for them: found, locked, changed by hand."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from statement_relay.rules.answers import Receipt
from statement_relay.rules.deliveries import (
    DeliveryFilter,
    DeliveryNote,
    DeliverySummary,
    Tracked,
    Undelivered,
)
from statement_relay.store import queues
from statement_relay.store.deliveries import (
    NOTIFY_CHANNEL,
    TRACKED,
    append_attempts,
    cut_off,
    tracked,
)
from statement_relay.store.queues import Queue

_IS_HEAD = """NOT EXISTS (
    SELECT FROM information b
    WHERE b.receiver_id = i.receiver_id AND b.client_id = i.client_id AND b.number < i.number
      AND b.number IS NOT NULL AND b.settled_at IS NULL
)"""
_UNDELIVERED = f"""
{TRACKED}, i.number, i.state, i.state_reason, i.attempts, i.digest, i.receipt_id, i.accepted_at,
i.deliver_by_at,
(SELECT max(n.noted_at) FROM delivery_notes n
 WHERE n.information_id = i.information_id AND n.action = 'resent') AS resent_at,
q.lease_token IS NOT NULL AND q.lease_until > clock_timestamp() AS is_leased,
{_IS_HEAD} AS is_head
"""  # noqa: S608 - constants of ours
_ON_ITS_WAY = """
i.settled_at IS NULL AND i.number IS NOT NULL
AND ($1::text IS NULL OR i.state = $1) AND ($2::text IS NULL OR i.receiver_id = $2)
AND ($3::text IS NULL OR i.state_reason = $3)
AND ($4::timestamptz IS NULL OR i.accepted_at < $4) AND (NOT i.is_restricted OR $5)
"""
PLACES = """
SELECT DISTINCT i.receiver_id, i.client_id::text FROM information i
WHERE i.information_id = ANY($1::uuid[]) AND i.number IS NOT NULL
"""
LOAD = f"""
SELECT {_UNDELIVERED}
FROM information i JOIN client_queues q
  ON q.receiver_id = i.receiver_id AND q.client_id = i.client_id
WHERE i.information_id = ANY($1::uuid[]) AND i.number IS NOT NULL
ORDER BY i.information_id
"""  # noqa: S608 - a constant of ours
# What is on its way is little among all that ever was: it is found by an index of that alone, and
# the place of the page is looked at behind it.
LIST = f"""
WITH found AS MATERIALIZED (SELECT i.information_id FROM information i WHERE {_ON_ITS_WAY}),
page AS (
    SELECT information_id FROM found
    WHERE information_id > $6
    ORDER BY information_id LIMIT $7
)
SELECT {_UNDELIVERED}
FROM page JOIN information i ON i.information_id = page.information_id
JOIN client_queues q ON q.receiver_id = i.receiver_id AND q.client_id = i.client_id
ORDER BY i.information_id
"""  # noqa: S608 - a constant of ours
# What stands behind another item is repaired when its turn has come.
COUNT = f"SELECT count(*) FROM information i WHERE {_ON_ITS_WAY} AND {_IS_HEAD}"  # noqa: S608 - constants of ours
CHOOSE = f"""
SELECT i.information_id::text FROM information i WHERE {_ON_ITS_WAY} AND {_IS_HEAD}
ORDER BY i.information_id LIMIT $6
"""  # noqa: S608 - constants of ours
SUMMARY = """
SELECT i.receiver_id, i.state, i.state_reason, count(*) AS count, min(i.accepted_at) AS oldest_at,
       count(*) FILTER (WHERE i.overdue_at IS NOT NULL) AS overdue
FROM information i
WHERE i.settled_at IS NULL AND i.number IS NOT NULL AND (NOT i.is_restricted OR $1)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
# What is told of items goes by these rows as they are when they are locked: a ban may have been set
# since they were read.
SETTLE_BY_RECEIPT = f"""
UPDATE information i SET state = 'delivered', state_reason = NULL, settled_at = $2, receipt_id = $3,
       received_at = $4, receipt_digest = $5, delivered_request_id = NULL
WHERE i.information_id = $1
  AND (i.settled_at IS NULL OR (i.state = 'rejected' AND i.state_reason = 'skipped'))
RETURNING {TRACKED}
"""  # noqa: S608 - a constant of ours
OVERTAKEN = """
SELECT EXISTS (
    SELECT FROM information i JOIN information s
      ON s.replaces_information_id = i.replaces_information_id
      AND s.information_id <> i.information_id AND s.indexed_state NOT IN ('rejected', 'refused')
    WHERE i.information_id = $1
)
"""
PARK_BY_RECEIPT = f"""
UPDATE information i SET state = 'parked', state_reason = $2, receipt_id = $3, received_at = $4,
       receipt_digest = $5
WHERE i.information_id = $1 AND i.settled_at IS NULL
RETURNING {TRACKED}
"""  # noqa: S608 - a constant of ours
REJECT = f"""
UPDATE information i SET state = 'rejected', state_reason = $2, settled_at = $3
WHERE i.information_id = ANY($1::uuid[]) AND i.settled_at IS NULL
RETURNING {TRACKED}
"""  # noqa: S608 - a constant of ours
PUT_BACK = """
UPDATE information SET state = 'waiting'
WHERE information_id = ANY($1::uuid[]) AND settled_at IS NULL
"""
_QUEUES = Columns({"receiver_id": "text", "client_id": "uuid"})
# A lease that still runs is left to its courier, and to the claim that takes the queue over when
# it has ended; until then its queue is not blocked. Both statements go by one instant: what the
# first has not found the second leaves alone.
_RUNS = "coalesce(q.lease_until > transaction_timestamp(), false)"
REFRESH = f"""
UPDATE client_queues q SET
       is_blocked = NOT {_RUNS} AND coalesce(h.state IN ('parked', 'awaiting_receipt'), false),
       lease_token = CASE WHEN {_RUNS} THEN q.lease_token END,
       lease_until = CASE WHEN {_RUNS} THEN q.lease_until END,
       next_attempt_at = CASE WHEN {_RUNS} THEN q.next_attempt_at
                              WHEN h.state IS NOT NULL THEN clock_timestamp() END
FROM {_QUEUES.recordset()} LEFT JOIN LATERAL (
    SELECT i.state FROM information i
    WHERE i.receiver_id = r.receiver_id AND i.client_id = r.client_id
      AND i.number IS NOT NULL AND i.settled_at IS NULL
    ORDER BY i.number LIMIT 1
) h ON true
WHERE q.receiver_id = r.receiver_id AND q.client_id = r.client_id
"""  # noqa: S608 - a constant of ours
LAPSED = f"""
SELECT q.lease_token::text, q.claimed_information_id::text, q.claimed_attempt
FROM {_QUEUES.recordset()} JOIN client_queues q
  ON q.receiver_id = r.receiver_id AND q.client_id = r.client_id
WHERE NOT {_RUNS}
"""  # noqa: S608 - a constant of ours
_NOTES = Columns(
    {
        "note_id": "uuid",
        "information_id": "uuid",
        "action": "text",
        "code": "text",
        "reason": "text",
        "organisation": "text",
        "official_id": "text",
        "noted_at": "timestamptz",
        "receipt_id": "text",
        "received_at": "timestamptz",
        "receipt_digest": "text",
    }
)
APPEND_NOTES = f"""
INSERT INTO delivery_notes ({_NOTES.listed}) SELECT {_NOTES.read} FROM {_NOTES.recordset()}
"""  # noqa: S608 - a constant of ours
WAKE = f"SELECT pg_notify('{NOTIFY_CHANNEL}', '')"


class Placed(Protocol):
    """What stands in a queue, or is one."""

    @property
    def receiver_id(self) -> str:
        """Whose queue it is."""

    @property
    def client_id(self) -> str:
        """About whom."""


async def lock_items(
    connection: Connection, information_ids: Collection[str]
) -> dict[str, Undelivered]:
    """Lock the queues of items, in their order, and return the items as they stand by then.

    Settled ones are among them; those that never had a place in a queue are left out.
    """
    places = await connection.fetch(PLACES, [*information_ids])
    await queues.lock(connection, [Queue(*row) for row in places])
    rows = await connection.fetch(LOAD, [*information_ids])
    return {row["information_id"]: _undelivered(row) for row in rows}


async def list_undelivered(
    connection: Connection, query: DeliveryFilter, *, after: str, limit: int
) -> list[Undelivered]:
    """Return items on their way, in order of their ids."""
    rows = await connection.fetch(LIST, *_arguments(query), after, limit)
    return [_undelivered(row) for row in rows]


async def count_undelivered(connection: Connection, query: DeliveryFilter) -> int:
    """Return how many items a filter means, of those that are the first of their queue."""
    count: int = await connection.fetchval(COUNT, *_arguments(query))
    return count


async def choose_undelivered(
    connection: Connection, query: DeliveryFilter, *, limit: int
) -> list[str]:
    """Return the items that `count_undelivered` counts, in order of their ids."""
    rows = await connection.fetch(CHOOSE, *_arguments(query), limit)
    return [row["information_id"] for row in rows]


async def summarise(connection: Connection, *, may_see_restricted: bool) -> list[DeliverySummary]:
    """Return what is on its way by receiver, state and reason."""
    rows = await connection.fetch(SUMMARY, may_see_restricted)
    return [DeliverySummary(**dict(row)) for row in rows]


async def settle_by_receipt(
    connection: Connection, information_id: str, receipt: Receipt, *, at: datetime
) -> Tracked:
    """Record that an item, whose queue the caller has locked, was delivered, also a skipped one.

    Returns the item as it stands by then.
    """
    row = await connection.fetchrow(
        SETTLE_BY_RECEIPT,
        information_id,
        at,
        receipt.receipt_id,
        receipt.received_at,
        receipt.digest,
    )
    return _as_it_stands(row)


async def is_overtaken(connection: Connection, information_id: str) -> bool:
    """Say whether another successor of the same item stands; the caller has locked its queue."""
    found: bool = await connection.fetchval(OVERTAKEN, information_id)
    return found


async def park_by_receipt(
    connection: Connection, information_id: str, receipt: Receipt | None, *, code: str
) -> Tracked:
    """Park an item, whose queue the caller has locked, with the receipt that does not fit it.

    Returns the item as it stands by then.
    """
    told: tuple[object, ...] = (None, None, None)
    if receipt is not None:
        told = (receipt.receipt_id, receipt.received_at, receipt.digest)
    row = await connection.fetchrow(PARK_BY_RECEIPT, information_id, code, *told)
    return _as_it_stands(row)


async def reject(
    connection: Connection, items: Collection[Tracked], *, code: str, at: datetime
) -> list[Tracked]:
    """Reject items for good whose queues the caller has locked.

    Returns them in the order given, each as it stands by then.
    """
    ids = [item.information_id for item in items]
    found = {
        row["information_id"]: tracked(row) for row in await connection.fetch(REJECT, ids, code, at)
    }
    return [found[information_id] for information_id in ids]


async def append_cut_off(
    connection: Connection, placed: Collection[Placed], *, now: datetime
) -> None:
    """Add the attempts whose leases have run out unsettled on locked queues: they end by this."""
    places = sorted({(one.receiver_id, one.client_id) for one in placed})
    if places:
        argument = _QUEUES.argument([Queue(*place) for place in places])
        rows = await connection.fetch(LAPSED, argument)
        await append_attempts(connection, cut_off(rows, now=now))


async def put_back(connection: Connection, items: Collection[Tracked]) -> None:
    """Let items wait for another attempt whose queues the caller has locked."""
    await connection.execute(PUT_BACK, [item.information_id for item in items])


async def append_notes(connection: Connection, notes: Sequence[DeliveryNote]) -> None:
    """Add notes of what was done to deliveries."""
    if notes:
        await connection.execute(APPEND_NOTES, _NOTES.argument(notes))


async def refresh(connection: Connection, placed: Collection[Placed]) -> None:
    """Bring locked queues into line with their heads, which are due now; wakes couriers."""
    places = sorted({(one.receiver_id, one.client_id) for one in placed})
    if places:
        await connection.execute(REFRESH, _QUEUES.argument([Queue(*place) for place in places]))
        await connection.execute(WAKE)


def _as_it_stands(row: object | None) -> Tracked:
    assert row is not None, "who has locked the queue of an item knows that it is open"
    return tracked(row)


def _arguments(query: DeliveryFilter) -> Sequence[object]:
    return (
        query.state,
        query.receiver_id,
        query.code,
        query.accepted_before,
        query.may_see_restricted,
    )


def _undelivered(row: Any) -> Undelivered:  # noqa: ANN401 - a record of the driver
    return Undelivered(
        tracked=tracked(row),
        number=row["number"],
        state=row["state"],
        state_reason=row["state_reason"],
        attempts=row["attempts"],
        digest=row["digest"],
        receipt_id=row["receipt_id"],
        resent_at=row["resent_at"],
        accepted_at=row["accepted_at"],
        deliver_by_at=row["deliver_by_at"],
        is_leased=row["is_leased"],
        is_head=row["is_head"],
    )
