"""Recipients held back: nothing is sent to them until they are resumed, and nothing is skipped.

A hold remembers from which position on its recipient is owed events. When it ends it is drained:
the publisher sends what it had left out, in order, and removes the hold before it goes on. Where no
publisher has ever run there is nothing to drain, and the hold is removed at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.outbox.appending import NOTIFY_CHANNEL
from kuntavayla.outbox.standing import HOLD_FENCE

PAUSE = """
INSERT INTO outbox_holds AS h
    (recipient, state, held_from, reason, organisation, official_id, paused_at, until)
SELECT $1, 'paused', position, $2, $3, $4, $5, $6 FROM outbox_publisher
ON CONFLICT (recipient) DO UPDATE SET
    state = 'paused', reason = excluded.reason, organisation = excluded.organisation,
    official_id = excluded.official_id, paused_at = excluded.paused_at, until = excluded.until
"""
RESUME = """
UPDATE outbox_holds SET state = 'draining'
WHERE recipient = $1 AND state = 'paused' AND (until IS NULL OR until > $2)
"""
WAKE = f"SELECT pg_notify('{NOTIFY_CHANNEL}', '')"
REMOVE = "DELETE FROM outbox_holds WHERE recipient = $1"
REMOVE_DRAINED = "DELETE FROM outbox_holds WHERE recipient = $1 AND state = 'draining'"
END_DUE = "UPDATE outbox_holds SET state = 'draining' WHERE state = 'paused' AND until <= $1"
LIST = """
SELECT recipient, state, held_from, reason, organisation, official_id, paused_at, until
FROM outbox_holds ORDER BY recipient
"""
FIND = """
SELECT recipient, state, held_from, reason, organisation, official_id, paused_at, until
FROM outbox_holds WHERE recipient = $1
"""
DRAINED_TO = "UPDATE outbox_holds SET held_from = $2 WHERE recipient = $1 RETURNING state"


class Hold(Struct, frozen=True, kw_only=True):
    """A recipient held back: since when, until when, why, by whom, and from which position on."""

    recipient: str
    state: Literal["paused", "draining"]
    held_from: int
    reason: str
    organisation: str
    official_id: str
    paused_at: datetime
    until: datetime | None

    def is_paused(self, *, now: datetime) -> bool:
        """Say whether the recipient gets nothing now: a pause whose `until` has come is over."""
        return self.state == "paused" and (self.until is None or self.until > now)


class Pause(Struct, frozen=True, kw_only=True):
    """What an operator asks for: why, by whom, from when, and until when at most."""

    reason: str
    organisation: str
    official_id: str
    at: datetime
    until: datetime | None


async def pause(connection: Connection, recipient: str, pause: Pause) -> None:
    """Hold a recipient back, or change the reason and end of a hold that stands."""
    await connection.execute(
        PAUSE,
        recipient,
        pause.reason,
        pause.organisation,
        pause.official_id,
        pause.at,
        pause.until,
    )


async def resume(connection: Connection, recipient: str, *, now: datetime) -> bool:
    """End a recipient's pause; False where it was not paused.

    The publisher's row is locked against an election, so that none begins without seeing this.
    """
    has_published = await connection.fetchval(HOLD_FENCE) > 0
    was_paused = await connection.execute(RESUME, recipient, now) == "UPDATE 1"
    if not has_published:
        await connection.execute(REMOVE, recipient)
    await connection.execute(WAKE)
    return was_paused


async def find_hold(connection: Connection, recipient: str) -> Hold | None:
    """Return the hold of a recipient, where there is one."""
    row = await connection.fetchrow(FIND, recipient)
    return None if row is None else _hold_of(row)


async def list_holds(connection: Connection) -> list[Hold]:
    """Return all holds; there is one per recipient at most."""
    return [_hold_of(row) for row in await connection.fetch(LIST)]


async def end_due(connection: Connection, *, now: datetime) -> None:
    """End the pauses whose `until` has come."""
    await connection.execute(END_DUE, now)


async def drained_to(connection: Connection, hold: Hold, position: int) -> bool:
    """Remember how far a hold is drained; False where it was paused anew in between."""
    state: str | None = await connection.fetchval(DRAINED_TO, hold.recipient, position)
    return state == "draining"


async def remove_drained(connection: Connection, hold: Hold) -> None:
    """Remove a hold that is drained, unless it was paused anew."""
    await connection.execute(REMOVE_DRAINED, hold.recipient)


def held(holds: Sequence[Hold]) -> Mapping[str, Hold]:
    """Return the holds by recipient."""
    return {hold.recipient: hold for hold in holds}


def _hold_of(row: Any) -> Hold:  # noqa: ANN401 - a record
    return Hold(**dict(row))
