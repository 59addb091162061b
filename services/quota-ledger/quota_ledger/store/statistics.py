"""Decisions of a month counted, by place, outcome and reason."""

from kuntavayla.database import Connection
from quota_ledger.rules.statistics import Decided, Place

# The ids of decisions begin with the instant at which they were taken.
COUNT = """
SELECT d.area_code, d.instrument, d.budget_year, d.outcome,
       d.reasons -> 0 ->> 'code' AS reason_code, count(*) AS count
FROM decisions d
WHERE d.decision_id >= $1 AND d.decision_id < $2
GROUP BY d.area_code, d.instrument, d.budget_year, d.outcome, reason_code
ORDER BY d.area_code, d.instrument, d.budget_year, d.outcome, reason_code
"""


async def count_decided(connection: Connection, *, first_id: str, next_id: str) -> list[Decided]:
    """Return how many decisions between two ids came to what."""
    return [
        Decided(
            place=Place(row["area_code"], row["instrument"], row["budget_year"]),
            outcome=row["outcome"],
            reason_code=row["reason_code"],
            count=row["count"],
        )
        for row in await connection.fetch(COUNT, first_id, next_id)
    ]
