"""Receivers as all processes see them: pause, breaker, rate, and how many leases run."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns
from statement_relay.rules.breakers import Breaker
from statement_relay.rules.pacing import ReceiverFigures, ReceiverPause, Standing
from statement_relay.store.deliveries import NOTIFY_CHANNEL

ENSURE = """
INSERT INTO receivers (receiver_id, is_paused, breaker_state, breaker_failures, window_sent)
SELECT r.receiver_id, false, 'closed', 0, 0 FROM unnest($1::text[]) AS r (receiver_id)
ORDER BY r.receiver_id
ON CONFLICT DO NOTHING
"""
_SELECTED = """
r.receiver_id, r.is_paused, r.paused_until, r.breaker_state, r.breaker_failures, r.breaker_until,
r.window_started_at, r.window_sent
"""
# Not EXISTS, which the server may answer by reading every queue that is due, of all receivers.
LOCK = f"""
SELECT {_SELECTED}, clock_timestamp() AS now FROM receivers r
WHERE r.receiver_id = ANY($1::text[]) OR (
    SELECT q.receiver_id FROM client_queues q
    WHERE q.receiver_id = r.receiver_id AND NOT q.is_blocked
      AND q.next_attempt_at IS NOT NULL AND q.next_attempt_at <= clock_timestamp()
    ORDER BY q.next_attempt_at LIMIT 1
) IS NOT NULL
ORDER BY r.receiver_id FOR UPDATE OF r
"""  # noqa: S608 - a constant of ours
_FIGURES = f"""
SELECT {_SELECTED}, r.pause_reason, r.paused_by, f.*,
       (SELECT count(*) FROM client_queues q
        WHERE q.receiver_id = r.receiver_id AND q.lease_token IS NOT NULL
          AND q.lease_until > clock_timestamp()) AS leased
FROM receivers r CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE i.state = 'waiting') AS waiting,
           count(*) FILTER (WHERE i.state = 'delivering') AS delivering,
           count(*) FILTER (WHERE i.state = 'awaiting_receipt') AS awaiting_receipt,
           count(*) FILTER (WHERE i.state = 'parked') AS parked, min(i.accepted_at) AS oldest_at
    FROM information i
    WHERE i.receiver_id = r.receiver_id AND i.number IS NOT NULL AND i.settled_at IS NULL
) f
"""  # noqa: S608 - a constant of ours
LIST = f"{_FIGURES} ORDER BY r.receiver_id"
FIND = f"{_FIGURES} WHERE r.receiver_id = $1"
PAUSE = """
UPDATE receivers SET is_paused = true, pause_reason = $2, paused_until = $3, paused_by = $4
WHERE receiver_id = $1 RETURNING receiver_id
"""
RESUME = f"""
UPDATE receivers SET is_paused = false, pause_reason = NULL, paused_until = NULL, paused_by = NULL,
       breaker_state = 'closed', breaker_failures = 0, breaker_until = NULL
WHERE receiver_id = $1 RETURNING receiver_id, pg_notify('{NOTIFY_CHANNEL}', '')
"""  # noqa: S608 - a constant of ours
_CHANGED = Columns(
    {
        "receiver_id": "text",
        "breaker_state": "text:breaker.state",
        "breaker_failures": "int4:breaker.failures",
        "breaker_until": "timestamptz:breaker.until",
        "window_started_at": "timestamptz",
        "window_sent": "int4",
    }
)
CHANGE = f"""
UPDATE receivers SET breaker_state = r.breaker_state, breaker_failures = r.breaker_failures,
       breaker_until = r.breaker_until, window_started_at = r.window_started_at,
       window_sent = r.window_sent
FROM {_CHANGED.recordset()} WHERE receivers.receiver_id = r.receiver_id
"""  # noqa: S608 - a constant of ours


class Locked(Struct, frozen=True):
    """Standings of locked receivers, by receiver, and the database's time."""

    standings: dict[str, Standing]
    now: datetime | None


async def ensure_receivers(connection: Connection, receiver_ids: Collection[str]) -> None:
    """Make rows for receivers that have none."""
    await connection.execute(ENSURE, sorted(receiver_ids))


async def lock_receivers(connection: Connection, receiver_ids: Collection[str]) -> Locked:
    """Lock these receivers and those with something due, in order of their ids.

    Leases are not counted: that has to be a later statement, which sees what was done meanwhile.
    """
    rows = await connection.fetch(LOCK, [*receiver_ids])
    standings = {row["receiver_id"]: _standing(row) for row in rows}
    return Locked(standings, rows[0]["now"] if rows else None)


async def change_receivers(connection: Connection, standings: Sequence[Standing]) -> None:
    """Write breaker and window of receivers that the caller has locked."""
    if standings:
        await connection.execute(CHANGE, _CHANGED.argument(standings))


async def list_receivers(connection: Connection) -> list[ReceiverFigures]:
    """Return every receiver with what is on its way to it, by id."""
    return [_figures(row) for row in await connection.fetch(LIST)]


async def pause(connection: Connection, receiver_id: str, asked: ReceiverPause) -> bool:
    """Send a receiver nothing more; return whether there is such a receiver."""
    done = await connection.fetchval(PAUSE, receiver_id, asked.reason, asked.until, asked.paused_by)
    return done is not None


async def resume(connection: Connection, receiver_id: str) -> bool:
    """Let a receiver be sent items again; return whether there is such a receiver."""
    return await connection.fetchval(RESUME, receiver_id) is not None


async def find_receiver(connection: Connection, receiver_id: str) -> ReceiverFigures | None:
    """Return a receiver with what is on its way to it, or None."""
    row = await connection.fetchrow(FIND, receiver_id)
    return None if row is None else _figures(row)


def _figures(row: Any) -> ReceiverFigures:  # noqa: ANN401 - a record of the driver
    pause = None
    if row["is_paused"]:
        pause = ReceiverPause(
            reason=row["pause_reason"], until=row["paused_until"], paused_by=row["paused_by"]
        )
    return ReceiverFigures(
        standing=replace(_standing(row), leased=row["leased"]),
        pause=pause,
        waiting=row["waiting"],
        delivering=row["delivering"],
        awaiting_receipt=row["awaiting_receipt"],
        parked=row["parked"],
        oldest_at=row["oldest_at"],
    )


def _standing(row: Any) -> Standing:  # noqa: ANN401 - a record of the driver
    return Standing(
        receiver_id=row["receiver_id"],
        is_paused=row["is_paused"],
        paused_until=row["paused_until"],
        breaker=Breaker(row["breaker_state"], row["breaker_failures"], row["breaker_until"]),
        window_started_at=row["window_started_at"],
        window_sent=row["window_sent"],
    )
