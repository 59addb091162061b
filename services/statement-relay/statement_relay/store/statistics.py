"""Figures of information, counted in the database."""

from collections.abc import Mapping
from typing import Any

from kuntavayla.database import Connection
from statement_relay.rules.statistics import Counts, Seconds, Tally

# Ids are drawn in order of time, so that a month is a range of the primary key. What has no area is
# in the sums over areas alone. A time to delivery is whole seconds, and the half is one that there
# was.
COUNT = """
WITH accepted AS (
    SELECT kind, area_code, state, overdue_at IS NOT NULL AND settled_at IS NULL AS is_overdue,
           settled_at <= deliver_by_at AS is_on_time,
           CASE WHEN state = 'delivered'
                THEN greatest(0, floor(extract(epoch FROM settled_at - accepted_at)))::int8
           END AS seconds
    FROM information
    LEFT JOIN unnest($3::text[], $4::text[]) AS area (municipality_code, area_code)
    USING (municipality_code)
    WHERE information_id >= $1 AND information_id < $2
)
SELECT kind, area_code, count(*) AS accepted,
       count(*) FILTER (WHERE state = 'delivered') AS delivered,
       count(*) FILTER (WHERE state = 'delivered' AND is_on_time) AS delivered_on_time,
       count(*) FILTER (WHERE state = 'delivered' AND NOT is_on_time) AS delivered_late,
       count(*) FILTER (WHERE is_overdue) AS overdue,
       count(*) FILTER (WHERE state = 'rejected') AS rejected,
       count(*) FILTER (WHERE state = 'refused') AS refused,
       count(*) FILTER (WHERE state = 'not_relayed') AS not_relayed,
       count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
       percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds) AS seconds
FROM accepted
GROUP BY CUBE (kind, area_code)
HAVING grouping(area_code) = 1 OR area_code IS NOT NULL
ORDER BY kind NULLS FIRST, area_code NULLS FIRST
"""


async def list_tallies(
    connection: Connection, *, first_id: str, next_id: str, area_of: Mapping[str, str]
) -> list[Tally]:
    """Return the counts of the items whose ids lie in the range: of all, by kind, by area, by both.

    `area_of` names the area of a municipality. Sorted, all of them first; where there is nothing,
    the counts of all are none.
    """
    rows = await connection.fetch(COUNT, first_id, next_id, list(area_of), list(area_of.values()))
    return [_tally(row) for row in rows]


def _tally(row: Any) -> Tally:  # noqa: ANN401 - a record of the driver
    return Tally(
        kind=row["kind"],
        area_code=row["area_code"],
        counts=Counts(**{name: row[name] for name in Counts.__struct_fields__}),
        seconds=None if row["seconds"] is None else Seconds(*row["seconds"]),
    )
