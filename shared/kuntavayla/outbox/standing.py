"""Where the publisher to the broker stands: its fence, its position, what it has yet to send."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from kuntavayla.database import Connection, Pool
from kuntavayla.events import instant_of_id

STANDING = """
SELECT p.fence, p.position AS published, h.epoch, h.position AS head, next.event_id
FROM outbox_publisher p, outbox_head h
LEFT JOIN LATERAL (
    SELECT coalesce(redelivery_id, event_id) AS event_id FROM outbox
    WHERE position > (SELECT position FROM outbox_publisher) AND channel = 'common'
    ORDER BY position LIMIT 1
) next ON true
"""
# A publisher that has never published begins with the oldest event that is kept.
ELECT = """
UPDATE outbox_publisher p SET
    fence = p.fence + 1,
    position = CASE WHEN p.fence = 0 THEN h.kept_from ELSE p.position END
FROM outbox_head h
RETURNING p.fence, p.position
"""
POSITION = "SELECT position FROM outbox_publisher"
MOVE = "UPDATE outbox_publisher SET position = $2 WHERE fence = $1 AND position <= $2"
LOCK_FENCE = "SELECT position FROM outbox_publisher WHERE fence = $1 FOR UPDATE"
HOLD_FENCE = "SELECT fence FROM outbox_publisher FOR SHARE"


class Fenced(Exception):
    """Another publisher was elected since; what this one would move is no longer its own."""


class Term(Struct, frozen=True):
    """One election: its fence, and the position from which it publishes."""

    fence: int
    position: int


class Standing(Struct, frozen=True, kw_only=True):
    """Where the publisher stands: no publisher has ever run where `fence` is 0.

    `oldest_unpublished_at` is the time in the id of the oldest event that is not published, or of
    the redelivery that asked for it; None where all are.
    """

    fence: int
    published: int
    epoch: int
    head: int
    oldest_unpublished_at: datetime | None

    @property
    def lag(self) -> int:
        """Return how many positions the publisher has yet to pass."""
        return self.head - self.published


async def load_standing(connection: Connection) -> Standing:
    """Return where head and publisher stand."""
    row: Any = await connection.fetchrow(STANDING)
    event_id: UUID | None = row["event_id"]
    return Standing(
        fence=row["fence"],
        published=row["published"],
        epoch=row["epoch"],
        head=row["head"],
        oldest_unpublished_at=None if event_id is None else instant_of_id(event_id),
    )


async def load_position(connection: Connection) -> int:
    """Return the position up to which everything is published."""
    position: int = await connection.fetchval(POSITION)
    return position


async def elect(connection: Connection) -> Term:
    """Begin a term: from now on nobody with an older fence moves anything."""
    row: Any = await connection.fetchrow(ELECT)
    return Term(row["fence"], row["position"])


async def move(pool: Pool, term: Term, position: int) -> None:
    """Remember that everything up to the position is published; raises Fenced."""
    if await pool.execute(MOVE, term.fence, position) != "UPDATE 1":
        raise Fenced


async def lock_term(connection: Connection, term: Term) -> None:
    """Hold back the next election until the transaction ends; raises Fenced."""
    if await connection.fetchrow(LOCK_FENCE, term.fence) is None:
        raise Fenced
