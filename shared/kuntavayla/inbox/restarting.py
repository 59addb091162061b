"""A consumer that begins anew from its publisher's snapshot."""

from collections.abc import Sequence

from kuntavayla.database import Connection

RESTART = """
INSERT INTO inbox_positions (consumer, stream, cursor, sequence)
SELECT $1, stream, $3, $4 FROM unnest($2::text[]) AS stream ORDER BY stream
ON CONFLICT (consumer, stream) DO UPDATE
SET cursor = excluded.cursor, sequence = excluded.sequence
"""


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
