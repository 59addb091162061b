"""Month-end snapshots of accounts: made once from entries, and the sums that they shorten."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from kuntavayla.database import Connection
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.snapshots import Snapshot, added

_SUMS = Sums.__struct_fields__
_BOOKED = ", ".join(f"e.{name}_after" for name in _SUMS)
_SUMMED = ", ".join(f"sum(e.{name})::int8" for name in _SUMS)
# What the entries up to a position come to: e is the entry there, m the end of the month.
CONTENT = f"""
jsonb_build_object('booked', jsonb_build_array({_BOOKED}), 'ahead', (
    SELECT coalesce(jsonb_object_agg(day, figures), '{{}}') FROM (
        SELECT e.value_on AS day, jsonb_build_array({_SUMMED}) AS figures
        FROM entries e
        WHERE e.account_id = place.account_id AND e.position <= place.position
          AND e.value_on > place.month_end
        GROUP BY e.value_on
    ) AS days
))
"""  # noqa: S608 - constants of ours
FIRST_BOOKED = """
SELECT min(e.booked_at) FROM accounts a
JOIN entries e ON e.account_id = a.account_id AND e.position = 1
"""
# The last place before the first entry that was booked behind the month; entries booked before its
# end that take their place later stand behind it, and are added to it like any other.
MAKE = f"""
INSERT INTO snapshots (account_id, month_end, position, sums, made_at)
SELECT place.account_id, place.month_end, place.position, {CONTENT}, $3
FROM (
    SELECT a.account_id, m.month_end, coalesce((
        SELECT min(e.position) - 1 FROM entries e
        WHERE e.account_id = a.account_id AND e.booked_at >= m.ends_at
    ), a.last_position) AS position
    FROM accounts a CROSS JOIN unnest($1::date[], $2::timestamptz[]) AS m (month_end, ends_at)
    WHERE NOT EXISTS (
        SELECT FROM snapshots s WHERE s.account_id = a.account_id AND s.month_end = m.month_end
    )
) AS place
JOIN entries e ON e.account_id = place.account_id AND e.position = place.position
ORDER BY place.account_id, place.month_end
ON CONFLICT (account_id, month_end) DO NOTHING
"""  # noqa: S608 - constants of ours
# Of each account the newest snapshot of which all was booked by then, and counts by the day.
AS_OF = f"""
WITH nearest AS (
    SELECT DISTINCT ON (account_id) account_id, position, sums FROM snapshots
    WHERE account_id = ANY($1::uuid[]) AND month_end <= $2
      AND month_end < coalesce($4::date, 'infinity')
    ORDER BY account_id, month_end DESC
)
SELECT a.account_id::text, n.sums::text,
       {", ".join(f"coalesce(r.{name}, 0) AS {name}" for name in _SUMS)}
FROM accounts a LEFT JOIN nearest n USING (account_id)
LEFT JOIN LATERAL (
    SELECT {", ".join(f"sum(e.{name})::int8 AS {name}" for name in _SUMS)}
    FROM entries e
    WHERE e.account_id = a.account_id AND e.position > coalesce(n.position, 0)
      AND e.value_on <= $2 AND e.booked_at <= coalesce($3::timestamptz, 'infinity')
) AS r ON true
WHERE a.account_id = ANY($1::uuid[])
"""  # noqa: S608 - constants of ours


async def first_booked_at(connection: Connection) -> datetime | None:
    """Return when the first entry of all was booked."""
    found: datetime | None = await connection.fetchval(FIRST_BOOKED)
    return found


async def make(
    connection: Connection, ends: Sequence[date], *, ends_at: Sequence[datetime], now: datetime
) -> int:
    """Make the snapshots of months that accounts lack; return how many were made now."""
    return int((await connection.execute(MAKE, ends, ends_at, now)).split()[-1])


async def sums_as_of(
    connection: Connection,
    account_ids: Collection[str],
    *,
    on: date,
    known_at: datetime | None,
    known_on: date | None,
) -> dict[str, Sums]:
    """Return the sums of accounts of a day, as they were known at an instant or by now, by id.

    `known_on` is the legal day of that instant.
    """
    rows = await connection.fetch(AS_OF, sorted(account_ids), on, known_at, known_on)
    return {row["account_id"]: added(_snapshot(row), _behind(row), on=on) for row in rows}


_decode = msgspec.json.Decoder(Snapshot).decode


def _snapshot(row: Any) -> Snapshot | None:  # noqa: ANN401 - a record
    return None if row["sums"] is None else _decode(row["sums"])


def _behind(row: Any) -> Sums:  # noqa: ANN401 - a record
    return Sums(*(row[name] for name in _SUMS))
