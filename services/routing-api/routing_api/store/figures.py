"""Figures for operators: what waits and what is late, in one statement.

Each count reads the partial index of what it counts.
"""

from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection

WAITING = """
SELECT (SELECT count(*) FROM reviews WHERE state = 'open') AS open_reviews,
       (SELECT count(*) FROM reviews WHERE state = 'open' AND due_on < $2) AS overdue_reviews,
       (SELECT count(*) FROM transfers WHERE state = 'offered') AS offered_transfers,
       (SELECT count(*) FROM transfers WHERE state = 'offered' AND acknowledge_due_at < $1)
           AS overdue_transfers,
       (SELECT count(*) FROM transfers WHERE notice_id IS NULL AND state <> 'withdrawn')
           AS transfers_without_notice,
       (SELECT count(*) FROM transfers
        WHERE notice_id IS NULL AND state <> 'withdrawn' AND notice_due_on < $2)
           AS overdue_notices
"""


class Waiting(Struct, frozen=True, kw_only=True):
    """Counts of what is open and what is late."""

    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int
    overdue_notices: int


async def load_waiting(connection: Connection, *, now: datetime, today: date) -> Waiting:
    """Return the counts as they stand."""
    row = await connection.fetchrow(WAITING, now, today)
    assert row is not None, "an aggregate has one row"
    return Waiting(**dict(row))
