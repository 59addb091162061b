"""Figures for operators: what waits and what is late, each by one statement."""

from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Connection

WAITING = """
SELECT (SELECT count(*) FROM reviews WHERE state = 'open') AS open_reviews,
       (SELECT count(*) FROM reviews WHERE state = 'open' AND due_on < $2) AS overdue_reviews,
       count(*) FILTER (WHERE state = 'offered') AS offered_transfers,
       count(*) FILTER (WHERE state = 'offered' AND acknowledge_due_at < $1) AS overdue_transfers,
       count(*) FILTER (WHERE state <> 'withdrawn' AND notice_id IS NULL)
           AS transfers_without_notice
FROM transfers
"""


class Waiting(Struct, frozen=True, kw_only=True):
    """Counts of what is open and what is late."""

    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int


async def load_waiting(connection: Connection, *, now: datetime, today: date) -> Waiting:
    """Return the counts as they stand."""
    row = await connection.fetchrow(WAITING, now, today)
    assert row is not None, "an aggregate has one row"
    return Waiting(**dict(row))
