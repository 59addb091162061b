"""What waits for each recipient, by the place up to which it is known to have its events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.events import instant_of_id

WAITING_MAX = 10_000
"""Events that an operator who asks gets counted, at most."""

# The names are found by a jump from one to the next in the index, not by reading all events.
LIST = """
WITH RECURSIVE found AS (
    (SELECT recipient FROM outbox ORDER BY recipient LIMIT 1)
    UNION ALL
    SELECT (SELECT o.recipient FROM outbox o WHERE o.recipient > f.recipient
            ORDER BY o.recipient LIMIT 1)
    FROM found f WHERE f.recipient IS NOT NULL
), streams AS (
    SELECT names.recipient, channel,
           CASE WHEN channel = 'common' AND $1 = 'kafka' THEN coalesce(h.held_from, p.position)
                ELSE r.position END AS counted_from,
           CASE WHEN channel = 'common' AND $1 = 'kafka' THEN NULL ELSE r.read_at END AS read_at
    FROM (SELECT recipient FROM found WHERE recipient IS NOT NULL
          UNION SELECT recipient FROM outbox_holds) names
    CROSS JOIN (VALUES ('common'), ('restricted')) AS channels (channel)
    CROSS JOIN outbox_publisher p
    LEFT JOIN outbox_holds h USING (recipient)
    LEFT JOIN outbox_readings r USING (recipient, channel)
)
SELECT recipient, channel, counted_from, read_at,
       (SELECT max(position) FROM outbox o
        WHERE o.recipient = s.recipient AND o.channel = s.channel) AS newest,
       CASE WHEN counted_from IS NOT NULL THEN (
            SELECT count(*) FROM (
                SELECT 1 FROM outbox o
                WHERE o.recipient = s.recipient AND o.channel = s.channel
                  AND o.position > s.counted_from
                LIMIT $2
            ) AS behind
       ) END AS waiting,
       (SELECT coalesce(o.redelivery_id, o.event_id) FROM outbox o
        WHERE o.recipient = s.recipient AND o.channel = s.channel
          AND o.position > s.counted_from
        ORDER BY o.position LIMIT 1) AS oldest_id
FROM streams s
ORDER BY recipient, channel
"""


class StreamStanding(Struct, frozen=True, kw_only=True):
    """One stream of a recipient: its newest event, and what waits behind a place.

    The place is None, and so the count, where it is not known how far the recipient has come.
    `oldest_waiting_at` is the time in the id of the first event that waits, or of the redelivery
    that asked for it.
    """

    recipient: str
    channel: Literal["common", "restricted"]
    newest: int | None
    counted_from: int | None
    waiting: int | None
    oldest_waiting_at: datetime | None
    read_at: datetime | None


async def list_streams(
    connection: Connection, *, transport: Literal["feed", "kafka"], waiting_max: int
) -> Sequence[StreamStanding]:
    """Return both streams of everybody who has events or is held back, by recipient.

    Common events travel by the transport, restricted ones always by the feed. On the feed the place
    is the cursor with which the recipient last came; on Kafka the publisher's position, or where
    the recipient's hold began. At most `waiting_max` events of a stream are counted.
    """
    rows = await connection.fetch(LIST, transport, waiting_max)
    return [_standing_of(row) for row in rows]


def _standing_of(row: Any) -> StreamStanding:  # noqa: ANN401 - a record
    oldest_id: UUID | None = row["oldest_id"]
    return StreamStanding(
        recipient=row["recipient"],
        channel=row["channel"],
        newest=row["newest"],
        counted_from=row["counted_from"],
        waiting=row["waiting"],
        oldest_waiting_at=None if oldest_id is None else instant_of_id(oldest_id),
        read_at=row["read_at"],
    )
