"""Queues of clients' items as acceptance sees them: locked, and grown by new places."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from statement_relay.store.deliveries import NOTIFY_CHANNEL

_QUEUES = Columns({"receiver_id": "text", "client_id": "uuid"})
_GROWN = Columns({"receiver_id": "text", "client_id": "uuid", "count": "int8"})
LOCK = f"""
SELECT q.receiver_id, q.client_id::text, q.lease_token IS NOT NULL AS is_leased
FROM {_QUEUES.recordset()} JOIN client_queues q
  ON q.receiver_id = r.receiver_id AND q.client_id = r.client_id
ORDER BY q.receiver_id, q.client_id FOR UPDATE OF q
"""  # noqa: S608 - a constant of ours
# Whatever stands already is locked by the conflict, and left as it is.
ENSURE = f"""
INSERT INTO client_queues AS q (receiver_id, client_id, last_number, is_blocked)
SELECT r.receiver_id, r.client_id, 0, false FROM {_QUEUES.recordset()}
ORDER BY r.receiver_id, r.client_id
ON CONFLICT (receiver_id, client_id) DO UPDATE SET is_blocked = q.is_blocked WHERE false
"""  # noqa: S608 - a constant of ours
GROW = f"""
INSERT INTO client_queues AS q (receiver_id, client_id, last_number, next_attempt_at, is_blocked)
SELECT r.receiver_id, r.client_id, r.count, clock_timestamp(), false FROM {_GROWN.recordset()}
ORDER BY r.receiver_id, r.client_id
ON CONFLICT (receiver_id, client_id) DO UPDATE
SET last_number = q.last_number + excluded.last_number,
    next_attempt_at = coalesce(q.next_attempt_at, excluded.next_attempt_at)
RETURNING receiver_id, client_id::text, last_number, pg_notify('{NOTIFY_CHANNEL}', '')
"""  # noqa: S608 - constants of ours
LAST_OPEN = f"""
SELECT r.receiver_id, r.client_id::text, open.information_id::text
FROM {_QUEUES.recordset()} CROSS JOIN LATERAL (
    SELECT i.information_id FROM information i
    WHERE i.receiver_id = r.receiver_id AND i.client_id = r.client_id
      AND i.number IS NOT NULL AND i.settled_at IS NULL
    ORDER BY i.number DESC LIMIT 1
) open
"""  # noqa: S608 - a constant of ours


class Queue(Struct, frozen=True):
    """Which queue: one a receiver and client."""

    receiver_id: str
    client_id: str


class _Growth(Struct, frozen=True):
    receiver_id: str
    client_id: str
    count: int


async def lock(connection: Connection, queues: Collection[Queue]) -> dict[Queue, bool]:
    """Lock the queues that stand already, in their order; say of each whether it is leased."""
    if not queues:
        return {}
    rows = await connection.fetch(LOCK, _QUEUES.argument(_sorted(queues)))
    return {Queue(row["receiver_id"], row["client_id"]): row["is_leased"] for row in rows}


async def lock_all(connection: Connection, queues: Collection[Queue]) -> dict[Queue, bool]:
    """Lock queues in their order, those too that have had no item; say which are leased."""
    if not queues:
        return {}
    await connection.execute(ENSURE, _QUEUES.argument(_sorted(queues)))
    return await lock(connection, queues)


async def grow(connection: Connection, places: Mapping[Queue, int]) -> dict[Queue, int]:
    """Take so many places at the end of each queue; return the last number of each.

    Locks the queues in their order, to the commit, and wakes couriers when it has committed.
    """
    if not places:
        return {}
    grown = [_Growth(one.receiver_id, one.client_id, places[one]) for one in _sorted(places)]
    rows = await connection.fetch(GROW, _GROWN.argument(grown))
    return {Queue(row["receiver_id"], row["client_id"]): row["last_number"] for row in rows}


async def find_last_open(connection: Connection, queues: Collection[Queue]) -> dict[Queue, str]:
    """Return the last item of each queue that is not settled; the caller has locked the queues."""
    if not queues:
        return {}
    rows = await connection.fetch(LAST_OPEN, _QUEUES.argument(_sorted(queues)))
    return {Queue(row["receiver_id"], row["client_id"]): row["information_id"] for row in rows}


def _sorted(queues: Collection[Queue]) -> Sequence[Queue]:
    return sorted(queues, key=lambda one: (one.receiver_id, one.client_id))
