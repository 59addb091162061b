"""The rows of parked messages: what stands in one, and every statement over them.

A row is added once and never deleted. Whoever parks, queues or repairs a message holds its key's
row in `inbox_keys`; keys are locked in order of consumer and key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.database.statements import Columns

ParkedState = Literal["parked", "queued", "done", "skipped"]
Key = tuple[str, str]
"""A consumer and the key of some of its messages."""

_SELECTED = """
p.parked_id::text, p.number, p.consumer, p.stream, p.place, p.sequence, p.key, p.speaker,
p.event_id, p.event_type, p.state, p.reason, p.attempts, p.parked_at, p.settled_at,
p.repair_id::text
"""
_CONTENTS = "p.content, p.content_key_id, p.edited_content, p.edited_key_id"
_ADDED = Columns(
    {
        "parked_id": "uuid",
        "consumer": "text",
        "stream": "text",
        "place": "text",
        "sequence": "text",
        "key": "text",
        "speaker": "text",
        "event_id": "text",
        "event_type": "text",
        "content": "bytea",
        "content_key_id": "text",
        "state": "text",
        "reason": "text",
        "attempts": "int4",
        "ordinal": "int8",
        "parked_at": "timestamptz",
    }
)
TALLY = """
INSERT INTO inbox_tallies (consumer, stream, messages) VALUES ($1, $2, $3)
ON CONFLICT (consumer, stream) DO UPDATE SET messages = inbox_tallies.messages + $3
"""
FIND_TALLY = "SELECT messages FROM inbox_tallies WHERE consumer = $1 AND stream = $2"
LOCK_KEYS = """
SELECT k.consumer, k.key, k.state
FROM inbox_keys k
JOIN unnest($1::text[], $2::text[]) AS a (consumer, key) USING (consumer, key)
ORDER BY k.consumer, k.key FOR UPDATE OF k
"""
SET_KEYS = """
INSERT INTO inbox_keys (consumer, key, state)
SELECT consumer, key, state FROM unnest($1::text[], $2::text[], $3::text[])
     AS a (consumer, key, state)
ORDER BY 1, 2
ON CONFLICT (consumer, key) DO UPDATE SET state = excluded.state
"""
LIST = f"""
SELECT {_SELECTED} FROM inbox_parked p
WHERE p.number > $1
  AND ($2::text IS NULL OR p.consumer = $2)
  AND ($3::text IS NULL OR p.state = $3)
  AND ($4::text IS NULL OR p.key = $4)
  AND ($5::text IS NULL OR p.reason = $5)
ORDER BY p.number
LIMIT $6
"""  # noqa: S608 - a constant of ours
COUNT = """
SELECT count(*) FROM inbox_parked p
WHERE p.state = 'parked'
  AND ($1::text IS NULL OR p.consumer = $1)
  AND ($2::text IS NULL OR p.key = $2)
  AND ($3::text IS NULL OR p.reason = $3)
"""
FIND = f"""
SELECT {_SELECTED}, {_CONTENTS} FROM inbox_parked p WHERE p.parked_id = ANY($1::uuid[])
ORDER BY p.number
"""  # noqa: S608 - a constant of ours
WAITING = f"""
SELECT {_SELECTED}, {_CONTENTS} FROM inbox_parked p
JOIN unnest($1::text[], $2::text[]) AS a (consumer, key) USING (consumer, key)
WHERE p.state IN ('parked', 'queued')
ORDER BY p.number
LIMIT $3
"""  # noqa: S608 - a constant of ours
BEHIND = f"""
SELECT {_SELECTED} FROM inbox_parked p
WHERE p.consumer = $1 AND p.key = $2 AND p.state = 'queued'
ORDER BY p.number
LIMIT $3
"""  # noqa: S608 - a constant of ours
COUNT_WAITING = """
SELECT a.consumer, a.key, count(p.number) AS waiting
FROM unnest($1::text[], $2::text[]) AS a (consumer, key)
LEFT JOIN inbox_parked p
  ON p.consumer = a.consumer AND p.key = a.key AND p.state IN ('parked', 'queued')
GROUP BY a.consumer, a.key
"""
SETTLE = """
UPDATE inbox_parked SET state = n.state, settled_at = $1,
       repair_id = coalesce($2, inbox_parked.repair_id),
       attempts = attempts + CASE WHEN n.state = 'done' THEN 1 ELSE 0 END
FROM unnest($3::uuid[], $4::text[]) AS n (parked_id, state)
WHERE inbox_parked.parked_id = n.parked_id
"""
PARK_AGAIN = """
UPDATE inbox_parked SET state = 'parked', reason = n.reason, repair_id = $1,
       attempts = inbox_parked.attempts + n.attempts
FROM unnest($2::uuid[], $3::text[], $4::int4[]) AS n (parked_id, reason, attempts)
WHERE inbox_parked.parked_id = n.parked_id
"""
HEAD_OF_REST = """
SELECT DISTINCT ON (p.consumer, p.key) p.parked_id::text
FROM inbox_parked p JOIN unnest($1::text[], $2::text[]) AS a (consumer, key) USING (consumer, key)
WHERE p.state IN ('parked', 'queued')
ORDER BY p.consumer, p.key, p.number
"""
EDIT = """
UPDATE inbox_parked SET edited_content = $2, edited_key_id = $3 WHERE parked_id = $1
"""
FIND_SKIPPED = """
SELECT event_id, parked_id::text FROM (
  SELECT DISTINCT ON (event_id) event_id, parked_id, state FROM inbox_parked
  WHERE consumer = $1 AND event_id = ANY($2::text[])
  ORDER BY event_id, number DESC
) newest
WHERE state = 'skipped'
"""
FIND_PLACES = """
SELECT place, content FROM inbox_parked
WHERE consumer = $1 AND stream = $2 AND place = ANY($3::text[]) AND sequence = ''
"""
FIGURES = """
SELECT c.consumer, coalesce(s.state, 'running') AS state, coalesce(s.reason, '') AS reason,
       s.changed_at, c.parked, c.queued
FROM (
  SELECT consumer, count(*) FILTER (WHERE state = 'parked') AS parked,
         count(*) FILTER (WHERE state = 'queued') AS queued
  FROM inbox_parked WHERE state IN ('parked', 'queued') GROUP BY consumer
  UNION ALL
  SELECT consumer, 0, 0 FROM inbox_consumers n WHERE NOT EXISTS (
    SELECT FROM inbox_parked p WHERE p.consumer = n.consumer AND p.state IN ('parked', 'queued')
  )
) c LEFT JOIN inbox_consumers s USING (consumer)
ORDER BY c.consumer
"""


class ParkedMessage(Struct, frozen=True, kw_only=True):
    """A message that was parked or queued, without its bytes."""

    parked_id: str
    number: int
    consumer: str
    stream: str
    place: str
    sequence: str
    key: str
    speaker: Literal["ours", "outside"]
    event_id: str | None
    event_type: str | None
    state: ParkedState
    reason: str | None
    attempts: int
    parked_at: datetime
    settled_at: datetime | None
    repair_id: str | None

    @property
    def of_key(self) -> Key:
        """Return the consumer and key by which the message keeps its order."""
        return self.consumer, self.key


class StoredMessage(ParkedMessage, frozen=True, kw_only=True):
    """A parked message with its content as stored, and what an operator has put in its place."""

    content: bytes
    content_key_id: str | None
    edited_content: bytes | None
    edited_key_id: str | None


class NewMessage(Struct, frozen=True, kw_only=True):
    """A message to be parked or queued."""

    parked_id: str
    consumer: str
    stream: str
    place: str
    sequence: str
    key: str
    speaker: str
    event_id: str | None
    event_type: str | None
    content: bytes
    content_key_id: str | None
    state: ParkedState
    reason: str | None
    attempts: int
    ordinal: int | None
    parked_at: datetime


class ParkedFilter(Struct, frozen=True, kw_only=True):
    """Which messages are meant; what is None does not filter."""

    consumer: str | None = None
    key: str | None = None
    reason: str | None = None
    state: ParkedState | None = None


class ConsumerFigures(Struct, frozen=True, kw_only=True):
    """A consumer that has parked or stopped: keys that are parked, and what waits behind them."""

    consumer: str
    state: Literal["running", "stopped"]
    reason: str
    changed_at: datetime | None
    parked: int
    queued: int


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[str]]:
    return [consumer for consumer, _ in keys], [key for _, key in keys]


async def append(connection: Connection, messages: Sequence[NewMessage]) -> None:
    """Add messages in the order given; the caller holds their keys."""
    await _ADDED.append(connection, "inbox_parked", messages)


async def lock_keys(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    """Lock the keys that ever parked, in their order; return those of which a message waits."""
    rows = await connection.fetch(LOCK_KEYS, *_columns(keys))
    return {(row["consumer"], row["key"]) for row in rows if row["state"] == "parked"}


async def set_keys(connection: Connection, states: Mapping[Key, str]) -> None:
    """Store what a key is from now on: parked, or free."""
    if states:
        await connection.execute(SET_KEYS, *_columns([*states]), [*states.values()])


async def tally(connection: Connection, consumer: str, stream: str, *, messages: int) -> None:
    """Count messages of a stream whose position the caller holds."""
    await connection.execute(TALLY, consumer, stream, messages)


async def load_tally(connection: Connection, consumer: str, stream: str) -> int:
    """Return how many messages of a stream were counted."""
    return await connection.fetchval(FIND_TALLY, consumer, stream) or 0


async def list_messages(
    connection: Connection, query: ParkedFilter, *, after: int, limit: int
) -> list[ParkedMessage]:
    """List at most `limit` messages behind the number `after`, oldest first."""
    rows = await connection.fetch(
        LIST, after, query.consumer, query.state, query.key, query.reason, limit
    )
    return [ParkedMessage(**dict(row)) for row in rows]


async def count_parked(connection: Connection, query: ParkedFilter) -> int:
    """Return how many keys have a parked message that the filter means."""
    count: int = await connection.fetchval(COUNT, query.consumer, query.key, query.reason)
    return count


async def find_messages(connection: Connection, parked_ids: Sequence[str]) -> list[StoredMessage]:
    """Return messages with their content, oldest first; ids that are not known are left out."""
    return [StoredMessage(**dict(row)) for row in await connection.fetch(FIND, parked_ids)]


async def list_waiting(
    connection: Connection, keys: Sequence[Key], *, limit: int
) -> list[StoredMessage]:
    """List what waits under keys that the caller holds, oldest first, at most `limit`."""
    rows = await connection.fetch(WAITING, *_columns(keys), limit)
    return [StoredMessage(**dict(row)) for row in rows]


async def list_behind(connection: Connection, of_key: Key, *, limit: int) -> list[ParkedMessage]:
    """List what is queued under a key, oldest first, at most `limit`."""
    rows = await connection.fetch(BEHIND, *of_key, limit)
    return [ParkedMessage(**dict(row)) for row in rows]


async def count_waiting(connection: Connection, keys: Sequence[Key]) -> dict[Key, int]:
    """Return how many messages wait under each key, parked and queued."""
    rows = await connection.fetch(COUNT_WAITING, *_columns(keys))
    return {(row["consumer"], row["key"]): row["waiting"] for row in rows}


async def settle(
    connection: Connection,
    states: Mapping[str, str],
    *,
    at: datetime,
    repair_id: str | None = None,
) -> None:
    """Mark messages as done or skipped; `states` by parked id."""
    if states:
        await connection.execute(SETTLE, at, repair_id, [*states], [*states.values()])


async def park_again(
    connection: Connection, reasons: Mapping[str, tuple[str, int]], *, repair_id: str
) -> None:
    """Park messages that waited; `reasons` by parked id, each with the attempts to add."""
    if reasons:
        await connection.execute(
            PARK_AGAIN,
            repair_id,
            [*reasons],
            [reason for reason, _ in reasons.values()],
            [attempts for _, attempts in reasons.values()],
        )


async def first_of_rest(connection: Connection, keys: Sequence[Key]) -> list[str]:
    """Return the oldest message that waits under each key."""
    rows = await connection.fetch(HEAD_OF_REST, *_columns(keys))
    return [row["parked_id"] for row in rows]


async def edit(connection: Connection, parked_id: str, *, content: bytes, key_id: str) -> None:
    """Put other content in a message's place; the first content stays beside it."""
    await connection.execute(EDIT, parked_id, content, key_id)


async def find_skipped(
    connection: Connection, consumer: str, event_ids: Sequence[str]
) -> dict[str, str]:
    """Return the parked id of each event whose newest row is a skipped one."""
    rows = await connection.fetch(FIND_SKIPPED, consumer, event_ids)
    return {row["event_id"]: row["parked_id"] for row in rows}


async def find_places(
    connection: Connection, consumer: str, stream: str, *, places: Sequence[str]
) -> set[tuple[str, bytes]]:
    """Return place and content of what is parked from these places and has no sequence."""
    rows = await connection.fetch(FIND_PLACES, consumer, stream, places)
    return {(row["place"], row["content"]) for row in rows}


async def load_figures(connection: Connection) -> list[ConsumerFigures]:
    """Return the figures of every consumer that has parked messages or ever stopped."""
    return [ConsumerFigures(**dict(row)) for row in await connection.fetch(FIGURES)]
