"""Reconciliations: a payer's list against what was booked, and the results."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.database import Connection
from quota_ledger.rules.reconciliations import (
    DIFFERENCES_MAX,
    REPAIRS,
    DifferenceKind,
    MonthDifference,
    Months,
    PaidLine,
    Reconciliation,
)

_OURS = """
SELECT p.decision_id, p.month, sum(p.amount_cents)::int8 AS cents
FROM payments p LEFT JOIN reversals v USING (payment_id)
WHERE p.month BETWEEN $1 AND $2 AND p.state <> 'refused' AND v.reversal_id IS NULL
GROUP BY p.decision_id, p.month
"""
COUNT = f"SELECT count(*) FROM ({_OURS}) o WHERE o.cents <> 0"  # noqa: S608 - constants of ours
# What comes to nothing on one side is the same as what is not there at all.
COMPARE = f"""
WITH ours AS MATERIALIZED ({_OURS}),
theirs AS MATERIALIZED (
    SELECT t.decision_id, to_date(t.month, 'YYYY-MM') AS month, t.cents
    FROM unnest($3::uuid[], $4::text[], $5::int8[]) AS t (decision_id, month, cents)
),
differing AS (
    SELECT coalesce(theirs.decision_id, ours.decision_id) AS decision_id,
           coalesce(theirs.month, ours.month) AS month,
           coalesce(theirs.cents, 0) AS their_cents, coalesce(ours.cents, 0) AS our_cents,
           CASE WHEN coalesce(theirs.cents, 0) = 0 THEN 'missing_there'
                WHEN coalesce(ours.cents, 0) <> 0 THEN 'amount_differs'
                WHEN d.decision_id IS NULL THEN 'decision_unknown'
                ELSE 'missing_here' END AS kind
    FROM theirs
    FULL JOIN ours ON ours.decision_id = theirs.decision_id AND ours.month = theirs.month
    LEFT JOIN decisions d ON d.decision_id = theirs.decision_id
    WHERE coalesce(theirs.cents, 0) <> coalesce(ours.cents, 0)
),
numbered AS (
    SELECT differing.*, count(*) OVER (PARTITION BY kind) AS alike,
           row_number() OVER (PARTITION BY kind ORDER BY month, decision_id) AS place
    FROM differing
)
SELECT decision_id::text, to_char(month, 'YYYY-MM') AS month, their_cents, our_cents, kind, alike
FROM numbered WHERE place <= $6 ORDER BY month, decision_id
"""  # noqa: S608 - constants of ours
STORE = """
INSERT INTO reconciliations
    (reconciliation_id, organisation, first_month, last_month, their_count, our_count, counts,
     differences, reconciled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organisation, first_month, last_month) DO UPDATE
SET reconciliation_id = excluded.reconciliation_id, their_count = excluded.their_count,
    our_count = excluded.our_count, counts = excluded.counts, differences = excluded.differences,
    reconciled_at = excluded.reconciled_at
"""
_SELECTED = """
SELECT reconciliation_id::text, organisation, first_month, last_month, their_count, our_count,
       counts::text, differences::text, reconciled_at
FROM reconciliations WHERE ($1::text IS NULL OR organisation = $1)
"""
FIND = f"{_SELECTED} AND reconciliation_id = $2"
LIST = f"{_SELECTED} AND reconciliation_id > $2 ORDER BY reconciliation_id LIMIT $3"
_encode = msgspec.json.encode
_counts = msgspec.json.Decoder(dict[DifferenceKind, int]).decode
_differences = msgspec.json.Decoder(list[MonthDifference]).decode


class Compared(Struct, frozen=True):
    """How far a list and what was booked differ: all counted, the first 1,000 of a kind told."""

    our_count: int
    counts: Mapping[DifferenceKind, int]
    differences: Sequence[MonthDifference]


async def compare(connection: Connection, lines: Sequence[PaidLine], *, months: Months) -> Compared:
    """Compare a list with what is booked of its months; no month of a decision stands twice."""
    rows: list[Any] = await connection.fetch(
        COMPARE,
        months.first,
        months.last,
        [line.decision_id for line in lines],
        [line.month for line in lines],
        [line.amount_cents for line in lines],
        DIFFERENCES_MAX,
    )
    counts: dict[DifferenceKind, int] = dict.fromkeys(REPAIRS, 0)
    for row in rows:
        counts[row["kind"]] = row["alike"]
    return Compared(
        our_count=int(await connection.fetchval(COUNT, months.first, months.last)),
        counts=counts,
        differences=[
            MonthDifference(
                kind=row["kind"],
                decision_id=row["decision_id"],
                month=row["month"],
                their_cents=row["their_cents"],
                our_cents=row["our_cents"],
            )
            for row in rows
        ],
    )


async def store(connection: Connection, result: Reconciliation) -> None:
    """Keep a result in place of an earlier one of the same months."""
    await connection.execute(
        STORE,
        result.reconciliation_id,
        result.organisation,
        result.months.first,
        result.months.last,
        result.their_count,
        result.our_count,
        _encode(result.counts).decode(),
        _encode(result.differences).decode(),
        result.reconciled_at,
    )


async def find(
    connection: Connection, reconciliation_id: str, *, organisation: str | None
) -> Reconciliation | None:
    """Return a result by its id, of one organisation or of any."""
    row = await connection.fetchrow(FIND, organisation, reconciliation_id)
    return None if row is None else _reconciliation(row)


async def list_of(
    connection: Connection, *, organisation: str | None, after: str, limit: int
) -> list[Reconciliation]:
    """Return results in the order in which they were made, of one organisation or of all."""
    rows = await connection.fetch(LIST, organisation, after, limit)
    return [_reconciliation(row) for row in rows]


def _reconciliation(row: Any) -> Reconciliation:  # noqa: ANN401 - a record
    return Reconciliation(
        reconciliation_id=row["reconciliation_id"],
        organisation=row["organisation"],
        months=Months(row["first_month"], row["last_month"]),
        their_count=row["their_count"],
        our_count=row["our_count"],
        counts=_counts(row["counts"]),
        differences=_differences(row["differences"]),
        reconciled_at=row["reconciled_at"],
    )
