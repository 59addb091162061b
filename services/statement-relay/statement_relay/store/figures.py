"""Figures for operators: what is not settled, by state, in one statement over a partial index."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from kuntavayla.database import Connection
from statement_relay.rules.states import InformationState

UNSETTLED = """
SELECT state, count(*) AS count, min(accepted_at) AS oldest_at,
       count(*) FILTER (WHERE warned_at IS NOT NULL) AS delayed,
       count(*) FILTER (WHERE overdue_at IS NOT NULL) AS overdue
FROM information
WHERE settled_at IS NULL
GROUP BY state
ORDER BY state
"""


class Unsettled(Struct, frozen=True, kw_only=True):
    """What stands in one state: how many, since when the oldest, how many are late."""

    state: InformationState
    count: int
    oldest_at: datetime
    delayed: int
    overdue: int


async def load_unsettled(connection: Connection) -> Sequence[Unsettled]:
    """Return the states in which anything stands that is not settled, by name."""
    return [Unsettled(**dict(row)) for row in await connection.fetch(UNSETTLED)]
