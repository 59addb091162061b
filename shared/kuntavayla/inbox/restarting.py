"""A consumer that cannot go on from its cursor: it begins anew, or waits for an operator."""

from collections.abc import Sequence
from datetime import datetime

from kuntavayla.database import Connection
from kuntavayla.inbox import stopping
from kuntavayla.inbox.sources import EARLIEST

RESTART = """
INSERT INTO inbox_positions (consumer, stream, cursor, sequence)
SELECT $1, stream, $3, $4 FROM unnest($2::text[]) AS stream ORDER BY stream
ON CONFLICT (consumer, stream) DO UPDATE
SET cursor = excluded.cursor, sequence = excluded.sequence
"""
FORGET_CURSORS = "UPDATE inbox_positions SET cursor = $2 WHERE consumer = $1"


async def restart(
    connection: Connection,
    *,
    consumer: str,
    streams: Sequence[str],
    cursor: str,
    sequence: str = "",
) -> None:
    """Let streams go on from the cursor of a snapshot, whatever was read of them before.

    Commit it with the snapshot's effects. A batch that was read from the place before is dropped.
    What the publisher numbers anew after a restore is new again, so no sequence is kept; where
    streams are read from further back than the snapshot, `sequence` says what it holds already.
    """
    await connection.execute(RESTART, consumer, streams, cursor, sequence)


async def hold_back(connection: Connection, *, consumer: str, now: datetime) -> None:
    """Stop a consumer whose records have passed away unread, and of which there is no snapshot.

    When an operator starts it again it goes on from the oldest records that are kept; what had
    effect before is known by its sequence.
    """
    await connection.execute(FORGET_CURSORS, consumer, EARLIEST)
    await stopping.stop(connection, consumer, reason=stopping.RECORDS_LOST, now=now)
