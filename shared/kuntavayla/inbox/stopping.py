"""When a consumer stops: so much parks at once that the release is bad, not the messages.

The counts stand in the database, so that all processes of a consumer agree and a restart forgets
nothing. A stopped consumer reads no further until an operator starts it again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection

SHARE = "parked_share"
KEYS = "parked_keys"
QUEUE = "queue_too_long"
RECORDS_LOST = "records_lost"
STARTED = "started"

RECENT = """
SELECT ARRAY(
         SELECT p.ordinal FROM inbox_parked p
         WHERE p.consumer = $1 AND p.stream = $2 AND p.ordinal > $3
           AND p.parked_at >= c.since
         ORDER BY p.ordinal DESC LIMIT $5
       ) AS ordinals,
       ARRAY(
         SELECT DISTINCT p.key FROM inbox_parked p
         WHERE p.consumer = $1 AND p.ordinal IS NOT NULL
           AND p.parked_at > greatest($4, c.since)
         LIMIT $6
       ) AS keys
FROM (SELECT coalesce((SELECT changed_at FROM inbox_consumers WHERE consumer = $1),
                      '-infinity'::timestamptz) AS since) c
"""
COUNT_QUEUED = """
SELECT count(*) FROM (
  SELECT FROM inbox_parked WHERE consumer = $1 AND state = 'queued' LIMIT $2
) q
"""
FIND_STOP = "SELECT reason FROM inbox_consumers WHERE consumer = $1 AND state = 'stopped'"
CHANGE_CONSUMER = """
INSERT INTO inbox_consumers (consumer, state, reason, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (consumer) DO UPDATE
SET state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at
WHERE inbox_consumers.state <> excluded.state
RETURNING consumer
"""


class StopLimits(Struct, frozen=True, kw_only=True):
    """What may park before a consumer stops: of its stream's last messages, keys within a time.

    `queued_max` bounds what waits behind parked keys; beyond it messages stay where they came from.
    """

    messages: int = 1_000
    parked_max: int = 10
    keys_max: int = 100
    within: timedelta = timedelta(minutes=10)
    queued_max: int = 100_000


class StopRule:
    """The rule for one batch of one stream; it asks the database when the first message parks."""

    def __init__(
        self,
        connection: Connection,
        limits: StopLimits,
        *,
        consumer: str,
        stream: str,
        first: int,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._consumer = consumer
        self._stream = stream
        self._first = first
        self._now = now
        self._recent: tuple[list[int], set[str]] | None = None

    async def reason(self, parked: Sequence[tuple[int, str]]) -> str | None:
        """Return why the consumer must stop; `parked` are places in the batch and their keys."""
        limits = self._limits
        ordinals, keys = self._recent = self._recent or await self._load()
        last = self._first + parked[-1][0]
        earlier = sum(ordinal > last - limits.messages for ordinal in ordinals)
        here = sum(self._first + place > last - limits.messages for place, _ in parked)
        if earlier + here > limits.parked_max:
            return SHARE
        if len(keys | {key for _, key in parked}) > limits.keys_max:
            return KEYS
        return None

    async def _load(self) -> tuple[list[int], set[str]]:
        limits = self._limits
        row: Any = await self._connection.fetchrow(
            RECENT,
            self._consumer,
            self._stream,
            self._first - limits.messages,
            self._now - limits.within,
            limits.parked_max + 1,
            limits.keys_max + 1,
        )
        return row["ordinals"], set(row["keys"])


async def find_stop(connection: Connection, consumer: str) -> str | None:
    """Return why a consumer is stopped, or None where it may run."""
    reason: str | None = await connection.fetchval(FIND_STOP, consumer)
    return reason


async def has_room(connection: Connection, consumer: str, *, limits: StopLimits) -> bool:
    """Say whether no more messages wait behind parked ones than may."""
    queued: int = await connection.fetchval(COUNT_QUEUED, consumer, limits.queued_max + 1)
    return queued <= limits.queued_max


async def stop(connection: Connection, consumer: str, *, reason: str, now: datetime) -> None:
    """Stop a consumer in all its processes."""
    await connection.execute(CHANGE_CONSUMER, consumer, "stopped", reason, now)


async def start(connection: Connection, consumer: str, *, now: datetime) -> bool:
    """Let a stopped consumer run again, counted from now; say False where it was not stopped."""
    if await find_stop(connection, consumer) is None:
        return False
    return bool(await connection.fetchval(CHANGE_CONSUMER, consumer, "running", STARTED, now))
