"""Reconciliations: a receiver's list against our receipts, and the results by day."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from statement_relay.rules.reconciliations import (
    DIFFERENCES_MAX,
    KINDS_OF_DIFFERENCE,
    Compared,
    Difference,
    Reconciliation,
    TakenItem,
)

COMPARE = """
WITH theirs AS MATERIALIZED (
    SELECT information_id, digest FROM unnest($1::uuid[], $2::text[]) AS t (information_id, digest)
    WHERE $6 OR NOT EXISTS (
        SELECT FROM information i WHERE i.information_id = t.information_id AND i.receiver_id = $3
          AND i.is_restricted
    )
), ours AS MATERIALIZED (
    SELECT information_id, digest, is_restricted FROM information
    WHERE receiver_id = $3 AND received_at >= $4 AND received_at < $5 AND state = 'delivered'
      AND (NOT is_restricted OR $6)
), differing AS (
    SELECT coalesce(theirs.information_id, ours.information_id) AS information_id,
           coalesce(ours.is_restricted, known.is_restricted, false) AS is_restricted,
           CASE WHEN theirs.information_id IS NULL THEN 'missing'
                WHEN known.information_id IS NULL THEN 'unknown'
                WHEN known.digest IS DISTINCT FROM theirs.digest THEN 'digest_differs'
                WHEN known.state = 'delivered' THEN 'other_day'
                WHEN known.state = 'rejected' AND known.state_reason = 'skipped' THEN 'skipped'
                WHEN known.state = 'rejected' THEN 'rejected'
                ELSE 'unproven' END AS kind
    FROM theirs
    FULL JOIN ours ON ours.information_id = theirs.information_id
    LEFT JOIN information known ON known.information_id = theirs.information_id
      AND known.receiver_id = $3 AND (NOT known.is_restricted OR $6)
    WHERE ours.information_id IS NULL OR theirs.information_id IS NULL
       OR ours.digest <> theirs.digest
), numbered AS (
    SELECT differing.*, count(*) OVER (PARTITION BY kind) AS alike,
           row_number() OVER (PARTITION BY kind ORDER BY information_id) AS place
    FROM differing
)
SELECT information_id::text, is_restricted, kind, alike FROM numbered
WHERE place <= $7 ORDER BY kind, information_id
"""
COUNT = """
SELECT count(*) FROM information
WHERE receiver_id = $1 AND received_at >= $2 AND received_at < $3 AND state = 'delivered'
  AND (NOT is_restricted OR $4)
"""
STORE = """
INSERT INTO reconciliations AS known
    (receiver_id, day, reconciled_at, their_count, our_count, counts, differences, is_partial)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (receiver_id, day) DO UPDATE
SET reconciled_at = excluded.reconciled_at, their_count = excluded.their_count,
    our_count = excluded.our_count, counts = excluded.counts, differences = excluded.differences,
    is_partial = excluded.is_partial
WHERE known.is_partial OR NOT excluded.is_partial
  AND (NOT $9 OR known.reconciled_at <= excluded.reconciled_at)
"""
RESTRICTED_NOW = """
SELECT information_id::text FROM information
WHERE information_id = ANY($1::uuid[]) AND is_restricted
"""
LIST = """
SELECT receiver_id, day, reconciled_at, their_count, our_count, counts, differences, is_partial
FROM reconciliations WHERE day = $1 AND ($2::text IS NULL OR receiver_id = $2)
ORDER BY receiver_id LIMIT $3
"""
# A list tells what a receiver lacked when it was compared: what was sent again since then may have
# come meanwhile, and is sent once more only for a newer list.
RESEND = """
UPDATE information i SET state = 'waiting', state_reason = 'resent', settled_at = NULL,
       first_delivered_at = coalesce(i.first_delivered_at, i.settled_at)
WHERE i.information_id = ANY($1::uuid[]) AND i.receiver_id = $2 AND i.state = 'delivered'
  AND i.received_at >= $3 AND i.received_at < $4 AND NOT EXISTS (
      SELECT FROM delivery_notes n
      WHERE n.information_id = i.information_id AND n.action = 'resent' AND n.noted_at >= $5)
RETURNING i.information_id::text
"""
# A whole result is asked for anew where receipts of its day came later: the receiver's clock is
# off, or items were sent again. A receipt may commit some time after the instant that it bears.
# So is one that shows items as unproven: only the receiver's own list has their receipts.
LIST_MISSING = """
SELECT r.receiver_id, asked.day FROM receivers r
CROSS JOIN unnest($1::date[], $2::timestamptz[], $3::timestamptz[], $4::bool[])
  AS asked (day, starts_at, ends_at, is_first_look)
LEFT JOIN reconciliations known
  ON known.receiver_id = r.receiver_id AND known.day = asked.day AND NOT known.is_partial
WHERE (NOT r.is_paused OR r.paused_until <= $5)
  AND CASE WHEN known.day IS NULL THEN asked.is_first_look ELSE EXISTS (
      SELECT FROM information i
      WHERE i.receiver_id = r.receiver_id AND i.state = 'delivered'
        AND i.received_at >= asked.starts_at AND i.received_at < asked.ends_at
        AND i.settled_at > known.reconciled_at - $6 * interval '1 second') END
UNION
SELECT receiver_id, known.day FROM reconciliations known JOIN receivers r USING (receiver_id)
WHERE (NOT r.is_paused OR r.paused_until <= $5) AND known.day >= $7
  AND known.reconciled_at <= $5 - $8 * interval '1 second'
  AND (known.counts->>'unproven')::int > 0
ORDER BY receiver_id, day
"""
COMMITTING_S_MAX = 60.0
"""Seconds between the instant that a receipt bears and its commit; a turn ends within a lease."""
UNPROVEN_AGAIN_S = 3_600.0
"""Seconds after which a day is asked for again whose list shows items without a receipt."""
RESULTS_MAX = 1_000
_encode = msgspec.json.encode
_counts = msgspec.json.Decoder(dict[str, int]).decode
_differences = msgspec.json.Decoder(list[Difference]).decode


class Scope(Struct, frozen=True, kw_only=True):
    """Whose receipts are compared, of which hours, and whether restricted clients' are.

    `asked_at` is when we asked for the list that they are compared with; None where it was sent.
    """

    receiver_id: str
    starts_at: datetime
    ends_at: datetime
    may_see_restricted: bool
    asked_at: datetime | None = None


async def compare(
    connection: Connection, taken: Sequence[TakenItem], *, scope: Scope
) -> list[Compared]:
    """Return the items about which the lists differ, the first 1,000 of each kind.

    No item is named twice.
    """
    rows: list[Any] = await connection.fetch(
        COMPARE,
        [item.information_id for item in taken],
        [item.digest for item in taken],
        scope.receiver_id,
        scope.starts_at,
        scope.ends_at,
        scope.may_see_restricted,
        DIFFERENCES_MAX,
    )
    return [
        Compared(
            difference=Difference(
                kind=row["kind"],
                information_id=row["information_id"],
                is_restricted=row["is_restricted"],
            ),
            alike=row["alike"],
        )
        for row in rows
    ]


async def count_ours(connection: Connection, *, scope: Scope) -> int:
    """Return of how many items we have a receipt of the day."""
    count: int = await connection.fetchval(
        COUNT, scope.receiver_id, scope.starts_at, scope.ends_at, scope.may_see_restricted
    )
    return count


async def store(
    connection: Connection, result: Reconciliation, *, asked_at: datetime | None
) -> None:
    """Keep the result of a receiver and a day, but never a partial one in place of a whole one.

    One whose list we asked for, and that came slowly, takes the place of no newer one.
    """
    await connection.execute(
        STORE,
        result.receiver_id,
        result.day,
        result.reconciled_at,
        result.their_count,
        result.our_count,
        _encode(result.counts).decode(),
        _encode(result.differences).decode(),
        result.is_partial,
        asked_at is not None,
    )


async def list_results(
    connection: Connection, day: date, *, receiver_id: str | None
) -> list[Reconciliation]:
    """List the results of a day, of one receiver or of all, in their order.

    Which clients have a security ban is told as it is now, and not as it was at the comparison.
    """
    rows = await connection.fetch(LIST, day, receiver_id, RESULTS_MAX)
    kept = [_differences(row["differences"]) for row in rows]
    named = {each.information_id for differences in kept for each in differences}
    found = await connection.fetch(RESTRICTED_NOW, sorted(named)) if named else []
    restricted = {row["information_id"] for row in found}
    return [
        Reconciliation(
            receiver_id=row["receiver_id"],
            day=row["day"],
            reconciled_at=row["reconciled_at"],
            their_count=row["their_count"],
            our_count=row["our_count"],
            counts=dict.fromkeys(KINDS_OF_DIFFERENCE, 0) | _counts(row["counts"]),
            differences=[
                replace(each, is_restricted=each.information_id in restricted)
                for each in differences
            ],
            is_partial=row["is_partial"],
        )
        for row, differences in zip(rows, kept, strict=True)
    ]


async def let_resend(
    connection: Connection, information_ids: Sequence[str], *, scope: Scope, listed_at: datetime
) -> frozenset[str]:
    """Let delivered items, whose queues the caller has locked, be sent again with the same bytes.

    Returns those that were. What was sent again since the list was compared is left as it is, and
    what has got a receipt of another day.
    """
    rows = await connection.fetch(
        RESEND,
        [*information_ids],
        scope.receiver_id,
        scope.starts_at,
        scope.ends_at,
        listed_at,
    )
    return frozenset(row["information_id"] for row in rows)


class AskedDay(Struct, frozen=True, kw_only=True):
    """A day to compare; one that is no first look is compared only where it was before."""

    day: date
    starts_at: datetime
    ends_at: datetime
    is_first_look: bool


async def list_missing(
    connection: Connection, days: Sequence[AskedDay], *, unproven_since: date, now: datetime
) -> list[tuple[str, date]]:
    """Return receivers that are not paused, with those of the days that lack a whole result.

    A result lacks what was proved for its day after it. Any day from `unproven_since` on comes
    beside them whose result is an hour old and shows items that nothing proves yet.
    """
    rows = await connection.fetch(
        LIST_MISSING,
        [each.day for each in days],
        [each.starts_at for each in days],
        [each.ends_at for each in days],
        [each.is_first_look for each in days],
        now,
        COMMITTING_S_MAX,
        unproven_since,
        UNPROVEN_AGAIN_S,
    )
    return [(row["receiver_id"], row["day"]) for row in rows]
