"""Figures of information, counted in the database."""

from collections.abc import Mapping
from typing import Any

from kuntavayla.database import Connection
from statement_relay.rules.statistics import TIME_STEPS, Counts, Tally

_STEPS = range(1, len(TIME_STEPS) + 1)
_TAKEN_WITHIN = ", ".join(
    f"count(*) FILTER (WHERE took <= ($5::interval[])[{step}])" for step in _STEPS
)
_SUMS_OF_REACHED = ", ".join(f"sum(reached[{step}])::int8" for step in _STEPS)
# Ids are drawn in order of time, so that a month is a range of the primary key. Counting by
# municipality first leaves few rows to add up for areas; what has no area is in the sums over areas
# alone. Times are counted by steps: sorting all items for exact percentiles takes several times as
# long as all the rest.
COUNT = f"""
WITH accepted AS (
    SELECT kind, municipality_code, state, settled_at IS NULL AND overdue_at IS NOT NULL AS overdue,
           coalesce(first_delivered_at, settled_at) > deliver_by_at AS is_late,
           CASE WHEN state = 'delivered'
                THEN coalesce(first_delivered_at, settled_at) - accepted_at END AS took
    FROM information
    WHERE information_id >= $1 AND information_id < $2
), alike AS (
    SELECT kind, municipality_code, count(*) AS accepted,
           count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state = 'delivered' AND NOT is_late) AS delivered_on_time,
           count(*) FILTER (WHERE state = 'delivered' AND is_late) AS delivered_late,
           count(*) FILTER (WHERE overdue) AS overdue,
           count(*) FILTER (WHERE state = 'rejected') AS rejected,
           count(*) FILTER (WHERE state = 'refused') AS refused,
           count(*) FILTER (WHERE state = 'not_relayed') AS not_relayed,
           count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
           ARRAY[{_TAKEN_WITHIN}] AS reached
    FROM accepted
    GROUP BY kind, municipality_code
)
SELECT kind, area_code, coalesce(sum(accepted), 0)::int8 AS accepted,
       coalesce(sum(delivered), 0)::int8 AS delivered,
       coalesce(sum(delivered_on_time), 0)::int8 AS delivered_on_time,
       coalesce(sum(delivered_late), 0)::int8 AS delivered_late,
       coalesce(sum(overdue), 0)::int8 AS overdue, coalesce(sum(rejected), 0)::int8 AS rejected,
       coalesce(sum(refused), 0)::int8 AS refused,
       coalesce(sum(not_relayed), 0)::int8 AS not_relayed,
       coalesce(sum(withdrawn), 0)::int8 AS withdrawn,
       ARRAY[{_SUMS_OF_REACHED}] AS reached
FROM alike
LEFT JOIN unnest($3::text[], $4::text[]) AS area (municipality_code, area_code)
USING (municipality_code)
GROUP BY CUBE (kind, area_code)
HAVING grouping(area_code) = 1 OR area_code IS NOT NULL
ORDER BY kind NULLS FIRST, area_code NULLS FIRST
"""  # noqa: S608 - a constant of ours


async def list_tallies(
    connection: Connection, *, first_id: str, next_id: str, area_of: Mapping[str, str]
) -> list[Tally]:
    """Return the counts of the items whose ids lie in the range: of all, by kind, by area, by both.

    `area_of` names the area of a municipality. Sorted, all of them first.
    """
    codes, areas = list(area_of), list(area_of.values())
    rows = await connection.fetch(COUNT, first_id, next_id, codes, areas, TIME_STEPS)
    return [_tally(row) for row in rows]


def _tally(row: Any) -> Tally:  # noqa: ANN401 - a record of the driver
    return Tally(
        kind=row["kind"],
        area_code=row["area_code"],
        counts=Counts(**{name: row[name] for name in Counts.__struct_fields__}),
        reached=tuple(row["reached"]),
    )
