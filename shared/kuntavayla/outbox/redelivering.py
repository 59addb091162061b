"""The same events once more to one recipient, because somebody asked for it.

New rows of the outbox with the same ids and the same bytes, to which only `redeliveryid` is added;
the sequence inside stays that of the first time. So every transport carries them like any other
event, and a reader knows them by their id. What was itself redelivered is not chosen again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.events import Channel
from kuntavayla.outbox.appending import TAKE_POSITIONS

EVENTS_MAX = 10_000
"""Events of one redelivery, at most."""
_CHOSEN = """
FROM outbox
WHERE recipient = $1 AND channel = ANY($2::text[]) AND position > $3 AND position <= $4
  AND redelivery_id IS NULL AND ($5::uuid[] IS NULL OR event_id = ANY($5::uuid[]))
"""
# One more than is allowed tells that there are too many; what lies beyond need not be counted.
COUNT = f"""
SELECT count(*) FROM (SELECT 1 {_CHOSEN} LIMIT {EVENTS_MAX + 1}) AS chosen
"""  # noqa: S608 - constants of ours
APPEND = f"""
INSERT INTO outbox
    (position, epoch, event_id, recipient, channel, subject, body, redelivery_id)
SELECT $6::bigint + row_number() OVER (ORDER BY position), $7::int, event_id, recipient, channel,
       subject,
       substring(body FROM 1 FOR octet_length(body) - 1)
           || convert_to(',"redeliveryid":"' || ($8::uuid)::text || '"}}', 'UTF8'),
       $8::uuid
{_CHOSEN}
"""  # noqa: S608 - constants of ours
RECORD = """
INSERT INTO outbox_redeliveries
    (redelivery_id, recipient, event_count, behind_position, reason, organisation, official_id,
     requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
LOAD = """
SELECT redelivery_id::text, recipient, event_count, behind_position, reason, organisation,
       official_id, requested_at
FROM outbox_redeliveries WHERE redelivery_id = $1
"""


class Choice(Struct, frozen=True, kw_only=True):
    """Which events of a recipient: those behind one position up to another, or some by their id.

    `upto` is at most the head: what is chosen can then not change any more.
    """

    recipient: str
    channels: Sequence[Channel]
    behind: int
    upto: int
    event_ids: Sequence[str] | None = None

    def arguments(self) -> tuple[Any, ...]:
        """Return what the statements take."""
        return self.recipient, self.channels, self.behind, self.upto, self.event_ids


class Redelivery(Struct, frozen=True, kw_only=True):
    """A redelivery as it was done; its events stand behind `behind_position`."""

    redelivery_id: str
    recipient: str
    event_count: int
    behind_position: int
    reason: str
    organisation: str
    official_id: str
    requested_at: datetime


class Request(Struct, frozen=True, kw_only=True):
    """Who asks for a redelivery, when and why; the id that its events will carry."""

    redelivery_id: str
    reason: str
    organisation: str
    official_id: str
    at: datetime


async def count_chosen(connection: Connection, choice: Choice) -> int:
    """Return how many events are chosen, and EVENTS_MAX + 1 where there are more than allowed."""
    count: int = await connection.fetchval(COUNT, *choice.arguments())
    return count


async def redeliver(
    connection: Connection, choice: Choice, request: Request, *, count: int
) -> Redelivery:
    """Append the chosen events once more, `count` of them, and record that it was done.

    Call it last: it locks outbox_head until commit.
    """
    assert count <= EVENTS_MAX, "the caller refuses what is too much"
    streams = ",".join(f"{channel}/{choice.recipient}" for channel in choice.channels)
    head: Any = await connection.fetchrow(TAKE_POSITIONS, count, streams)
    behind = head["position"] - count
    done = Redelivery(
        redelivery_id=request.redelivery_id,
        recipient=choice.recipient,
        event_count=count,
        behind_position=behind,
        reason=request.reason,
        organisation=request.organisation,
        official_id=request.official_id,
        requested_at=request.at,
    )
    appended = await connection.execute(
        APPEND, *choice.arguments(), behind, head["epoch"], request.redelivery_id
    )
    assert appended == f"INSERT 0 {count}", "what was chosen cannot change"
    await connection.execute(
        RECORD,
        done.redelivery_id,
        done.recipient,
        done.event_count,
        done.behind_position,
        done.reason,
        done.organisation,
        done.official_id,
        done.requested_at,
    )
    return done


async def load_redelivery(connection: Connection, redelivery_id: str) -> Redelivery:
    """Return a redelivery that was done."""
    row = await connection.fetchrow(LOAD, redelivery_id)
    assert row is not None, "a redelivery is kept as long as its key"
    return Redelivery(**dict(row))
