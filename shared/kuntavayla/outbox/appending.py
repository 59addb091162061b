"""Events are written last by whoever announces; where the head stands is read by all."""

from collections.abc import Sequence
from typing import Any

from kuntavayla.database import Connection
from kuntavayla.events import EventDraft, Origin, envelope, sequence_text

NOTIFY_CHANNEL = "outbox"
NOTIFY_BYTES_MAX = 7_000
EVERYBODY = "*"

TAKE_POSITIONS = f"""
UPDATE outbox_head SET position = position + $1
RETURNING epoch, position, pg_notify('{NOTIFY_CHANNEL}', $2)
"""  # noqa: S608 - a constant of ours
COLUMNS = ("position", "epoch", "event_id", "recipient", "channel", "subject", "body")
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
    count = len(drafts)
    envelopes = [envelope(draft, origin) for draft in drafts]
    head: Any = await connection.fetchrow(TAKE_POSITIONS, count, wake_of(drafts))
    epoch, first = head["epoch"], head["position"] - count + 1
    await connection.copy_records_to_table(
        "outbox",
        records=[
            (
                position,
                epoch,
                draft.event_id,
                draft.recipient,
                draft.channel,
                draft.subject,
                sequence_text(epoch, position).encode().join(around),
            )
            for position, draft, around in zip(
                range(first, first + count), drafts, envelopes, strict=True
            )
        ],
        columns=COLUMNS,
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
