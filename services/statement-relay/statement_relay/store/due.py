"""What has become late: taken once, in many processes at the same time, the earliest first."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection
from statement_relay.rules.deliveries import Late, Refused, Tracked
from statement_relay.store.deliveries import TRACKED, tracked

_LATE = f"{TRACKED}, i.state, i.deliver_by_at"
TAKE_DELAYED = f"""
WITH due AS (
    SELECT information_id FROM information
    WHERE settled_at IS NULL AND warned_at IS NULL AND number IS NOT NULL AND warn_at <= $1
      AND first_delivered_at IS NULL
    ORDER BY warn_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE information i SET warned_at = $1 FROM due WHERE i.information_id = due.information_id
RETURNING {_LATE}
"""  # noqa: S608 - a constant of ours
TAKE_OVERDUE = f"""
WITH due AS (
    SELECT information_id FROM information
    WHERE settled_at IS NULL AND overdue_at IS NULL AND number IS NOT NULL AND deliver_by_at <= $1
      AND first_delivered_at IS NULL
    ORDER BY deliver_by_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE information i SET overdue_at = $1 FROM due WHERE i.information_id = due.information_id
RETURNING {_LATE}
"""  # noqa: S608 - a constant of ours
TAKE_UNKNOWN = """
WITH due AS (
    SELECT information_id FROM information
    WHERE settled_at IS NULL AND indexed_state = 'waiting_for_client' AND accepted_at <= $1
    ORDER BY accepted_at LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE information i SET state = 'refused', state_reason = $2, settled_at = $3
FROM due WHERE i.information_id = due.information_id
RETURNING i.information_id::text, i.organisation, i.municipal_id, i.client_id::text,
          i.is_restricted
"""
LIST_AWAITING = """
SELECT i.information_id::text, a.ended_at
FROM information i JOIN delivery_attempts a
  ON a.information_id = i.information_id AND a.attempt = i.attempts
WHERE i.settled_at IS NULL AND i.indexed_state = 'awaiting_receipt' AND a.ended_at <= $1
ORDER BY a.ended_at LIMIT $2
"""
PARK = f"""
UPDATE information i SET state = 'parked', state_reason = $2
WHERE i.information_id = ANY($1::uuid[]) AND i.state = 'awaiting_receipt'
RETURNING {TRACKED}
"""  # noqa: S608 - a constant of ours


class Awaiting(Struct, frozen=True):
    """An item whose receipt was promised at an instant."""

    information_id: str
    since_at: datetime


async def take_delayed(connection: Connection, *, now: datetime, limit: int) -> Sequence[Late]:
    """Mark items as delayed that are by now, each once for ever, and none delivered before."""
    return [_late(row) for row in await connection.fetch(TAKE_DELAYED, now, limit)]


async def take_overdue(connection: Connection, *, now: datetime, limit: int) -> Sequence[Late]:
    """Mark items as overdue that are by now, each once for ever, and none delivered before."""
    return [_late(row) for row in await connection.fetch(TAKE_OVERDUE, now, limit)]


async def refuse_unknown(
    connection: Connection, *, accepted_before: datetime, code: str, now: datetime, limit: int
) -> Sequence[Refused]:
    """Refuse items that were accepted by an instant and still wait for their client."""
    rows = await connection.fetch(TAKE_UNKNOWN, accepted_before, code, now, limit)
    return [Refused(**dict(row)) for row in rows]


async def list_awaiting(
    connection: Connection, *, promised_before: datetime, limit: int
) -> Sequence[Awaiting]:
    """Return items that await a receipt promised by an instant."""
    rows = await connection.fetch(LIST_AWAITING, promised_before, limit)
    return [Awaiting(*row) for row in rows]


async def park_awaiting(
    connection: Connection, information_ids: Collection[str], *, code: str
) -> Sequence[Tracked]:
    """Park items, whose queues the caller has locked, that still await their receipt."""
    return [tracked(row) for row in await connection.fetch(PARK, [*information_ids], code)]


def _late(row: Any) -> Late:  # noqa: ANN401 - a record of the driver
    return Late(tracked=tracked(row), state=row["state"], deliver_by_at=row["deliver_by_at"])
