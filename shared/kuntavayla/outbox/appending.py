"""Events are written last by whoever announces; where the head stands is read by all."""

from collections.abc import Sequence
from typing import Any

from kuntavayla.database import Connection
from kuntavayla.events import EPOCH_DIGITS, POSITION_DIGITS, EventDraft, Origin, envelope

NOTIFY_CHANNEL = "outbox"
NOTIFY_BYTES_MAX = 7_000
EVERYBODY = "*"

APPEND = f"""
WITH head AS (
    UPDATE outbox_head SET position = position + $1
    RETURNING epoch, position - $1 AS position, pg_notify('{NOTIFY_CHANNEL}', $2)
)
INSERT INTO outbox (position, epoch, event_id, recipient, channel, subject, body)
SELECT head.position + e.number, head.epoch, e.event_id, e.recipient, e.channel, e.subject,
       e.before || convert_to(
           lpad(head.epoch::text, {EPOCH_DIGITS}, '0') || '.'
           || lpad((head.position + e.number)::text, {POSITION_DIGITS}, '0'), 'UTF8') || e.behind
FROM head, unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::bytea[], $8::bytea[])
    WITH ORDINALITY AS e (event_id, recipient, channel, subject, before, behind, number)
"""  # noqa: S608 - constants of ours
HEAD = "SELECT epoch, position, kept_from FROM outbox_head"


def wake_of(drafts: Sequence[EventDraft]) -> str:
    """Return whom a batch wakes: `channel/recipient` joined by commas, or `*` for many."""
    streams = ",".join(sorted({f"{draft.channel}/{draft.recipient}" for draft in drafts}))
    return streams if len(streams) <= NOTIFY_BYTES_MAX else EVERYBODY


async def append(connection: Connection, drafts: Sequence[EventDraft], *, origin: Origin) -> None:
    """Write the events of one transaction in the order given; call it last.

    Locks outbox_head until commit and wakes whoever waits for a stream when the transaction
    commits.
    """
    if not drafts:
        return
    around = [envelope(draft, origin) for draft in drafts]
    await connection.execute(
        APPEND,
        len(drafts),
        wake_of(drafts),
        [draft.event_id for draft in drafts],
        [draft.recipient for draft in drafts],
        [draft.channel for draft in drafts],
        [draft.subject for draft in drafts],
        [before for before, _ in around],
        [behind for _, behind in around],
    )


async def load_head(connection: Connection) -> tuple[int, int]:
    """Return the epoch and the newest position."""
    row: Any = await connection.fetchrow(HEAD)
    return row["epoch"], row["position"]


async def load_bounds(connection: Connection) -> tuple[int, int, int]:
    """Return the epoch, the newest position that is no longer kept (0: all are), and the newest.

    Whoever drops old events raises `kept_from` in the same transaction.
    """
    row: Any = await connection.fetchrow(HEAD)
    return row["epoch"], row["kept_from"], row["position"]
