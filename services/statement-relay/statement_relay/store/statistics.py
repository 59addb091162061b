"""Figures of information, counted in the database."""

from kuntavayla.database import Connection
from statement_relay.rules.statistics import Counts, Tally

# Ids are drawn in order of time, so that a month is a range of the primary key.
COUNT = """
SELECT kind, municipality_code, count(*) AS accepted,
       count(*) FILTER (WHERE state = 'delivered') AS delivered,
       count(*) FILTER (WHERE state = 'delivered' AND settled_at <= deliver_by_at) AS on_time,
       count(*) FILTER (WHERE state = 'rejected') AS rejected,
       count(*) FILTER (WHERE state = 'not_relayed') AS not_relayed
FROM information
WHERE information_id >= $1 AND information_id < $2
GROUP BY kind, municipality_code
ORDER BY kind, municipality_code
"""


async def list_tallies(connection: Connection, *, first_id: str, next_id: str) -> list[Tally]:
    """Return the counts of the items whose ids lie in the range, by kind and municipality."""
    return [
        Tally(
            row["kind"],
            row["municipality_code"],
            Counts(
                row["accepted"],
                row["delivered"],
                row["on_time"],
                row["rejected"],
                row["not_relayed"],
            ),
        )
        for row in await connection.fetch(COUNT, first_id, next_id)
    ]
