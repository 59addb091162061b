"""Figures for operators: what is not settled by state, and what waits for each receiver.

Each statement reads a partial index of what is not settled.
"""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection
from statement_relay.rules.states import InformationState

UNSETTLED = """
SELECT state, count(*) AS count, min(accepted_at) AS oldest_at,
       count(*) FILTER (WHERE warned_at IS NOT NULL) AS delayed,
       count(*) FILTER (WHERE overdue_at IS NOT NULL) AS overdue
FROM information
WHERE settled_at IS NULL
GROUP BY state
ORDER BY state
"""
RECEIVERS = """
SELECT r.receiver_id, r.breaker_state = 'closed' AS is_closed,
       r.is_paused AND (r.paused_until IS NULL OR $1 < r.paused_until) AS is_paused,
       coalesce(i.waiting, 0) AS waiting, i.oldest_at
FROM receivers r LEFT JOIN (
    SELECT receiver_id, count(*) AS waiting, min(accepted_at) AS oldest_at FROM information
    WHERE settled_at IS NULL AND number IS NOT NULL AND state IN ('waiting', 'delivering')
    GROUP BY receiver_id
) i USING (receiver_id)
ORDER BY r.receiver_id
"""

DIFFERENCES = """
SELECT r.receiver_id, c.key AS kind, sum(c.value::int) AS count
FROM reconciliations r CROSS JOIN LATERAL json_each_text(r.counts) c
WHERE r.day >= $1
GROUP BY 1, 2
ORDER BY 1, 2
"""
OVERDUE_REQUESTS = """
SELECT count(*) FROM information_requests WHERE state = 'open' AND overdue_at IS NOT NULL
"""


class Unsettled(Struct, frozen=True, kw_only=True):
    """What stands in one state: how many, since when the oldest, how many are late."""

    state: InformationState
    count: int
    oldest_at: datetime
    delayed: int
    overdue: int


async def load_unsettled(connection: Connection) -> Sequence[Unsettled]:
    """Return the states in which anything stands that is not settled, by name."""
    return [Unsettled(**dict(row)) for row in await connection.fetch(UNSETTLED)]


class ReceiverWaiting(Struct, frozen=True, kw_only=True):
    """A receiver: whether it may be called, how many items wait for it, since when the oldest."""

    receiver_id: str
    is_closed: bool
    is_paused: bool
    waiting: int
    oldest_at: datetime | None


async def load_receivers(connection: Connection, *, now: datetime) -> Sequence[ReceiverWaiting]:
    """Return every receiver, by its id."""
    return [ReceiverWaiting(**dict(row)) for row in await connection.fetch(RECEIVERS, now)]


class Differing(Struct, frozen=True, kw_only=True):
    """How many differences of a kind a receiver's lists of some days show."""

    receiver_id: str
    kind: str
    count: int


async def load_differences(connection: Connection, *, since: date) -> Sequence[Differing]:
    """Return the differences of the newest results of each day, by receiver and kind."""
    return [Differing(**dict(row)) for row in await connection.fetch(DIFFERENCES, since)]


async def count_overdue_requests(connection: Connection) -> int:
    """Return how many questions of TE offices are open and overdue."""
    count: int = await connection.fetchval(OVERDUE_REQUESTS)
    return count
