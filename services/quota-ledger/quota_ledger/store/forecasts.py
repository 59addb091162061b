"""What accounts used week by week."""

from collections.abc import Collection
from datetime import date

from kuntavayla.database import Connection

# What was booked later than the day for which it counts could be used only then.
OPENED_ON = """
SELECT account_id::text,
       greatest(value_on, (booked_at AT TIME ZONE 'Europe/Helsinki')::date) AS value_on
FROM entries
WHERE account_id = ANY($1::uuid[]) AND position = 1
"""
NET_BY_WEEK = """
SELECT e.account_id::text, date_trunc('week', e.value_on)::date AS monday,
       sum(e.reserved_cents + e.committed_cents)::int8 AS cents
FROM entries e
WHERE e.account_id = ANY($1::uuid[]) AND e.value_on >= $2 AND e.value_on < $3
GROUP BY e.account_id, monday
"""


async def list_opened_on(connection: Connection, account_ids: Collection[str]) -> dict[str, date]:
    """Return the day from which each account could be used, by id."""
    rows = await connection.fetch(OPENED_ON, sorted(account_ids))
    return {row["account_id"]: row["value_on"] for row in rows}


async def list_net_use(
    connection: Connection, account_ids: Collection[str], *, since: date, before: date
) -> dict[str, dict[date, int]]:
    """Return what was promised less what was released, by account and Monday."""
    found: dict[str, dict[date, int]] = {}
    for row in await connection.fetch(NET_BY_WEEK, sorted(account_ids), since, before):
        found.setdefault(row["account_id"], {})[row["monday"]] = row["cents"]
    return found
