"""Payments and recoveries, and what decisions were paid of which account."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg
from msgspec import Struct

from kuntavayla.database import Connection, LostRace
from kuntavayla.database.statements import Columns
from quota_ledger.rules.payments import PaidOf, PayableDecision, Payment, PaymentFilter
from quota_ledger.rules.states import DecisionState

_PAYMENT = Columns(
    {
        "payment_id": "uuid",
        "report_id": "text",
        "payer_reference": "text",
        "fingerprint": "bytea",
        "decision_id": "uuid",
        "kind": "text",
        "month": "date",
        "amount_cents": "int8",
        "paid_on": "date",
        "reason_code": "text",
        "within_cents": "int8",
        "excess_cents": "int8",
        "commitment_left_cents": "int8",
        "state": "text",
        "refused_code": "text",
        "organisation": "text",
        "official_id": "text",
        "booked_at": "timestamptz",
    }
)
_DRAWN = Columns(
    {
        "decision_id": "uuid",
        "account_id": "uuid",
        "committed_cents": "int8",
        "paid_cents": "int8",
    }
)
_SUMMED = Columns({"decision_id": "uuid", "paid_cents": "int8", "recovered_cents": "int8"})
_IDS = {"payment_id", "decision_id"}
_SELECTED = ", ".join(f"p.{name}{'::text' if name in _IDS else ''}" for name in _PAYMENT.names)
APPEND = f"""
INSERT INTO payments ({_PAYMENT.listed}) SELECT {_PAYMENT.read} FROM {_PAYMENT.recordset()}
"""  # noqa: S608 - constants of ours
TAKE_ANEW = f"""
UPDATE payments AS p
SET ({_PAYMENT.listed}) = ROW({_PAYMENT.read})
FROM {_PAYMENT.recordset()}
WHERE p.payment_id = r.payment_id AND p.state = 'refused'
"""  # noqa: S608 - constants of ours
FIND_BY_REFERENCE = f"""
SELECT {_SELECTED} FROM payments p WHERE p.payer_reference = ANY($1::text[])
"""  # noqa: S608 - constants of ours
FIND = f"SELECT {_SELECTED} FROM payments p WHERE p.payment_id = $1"  # noqa: S608 - constants
FIND_OWED = """
SELECT d.state, coalesce((d.calculation ->> 'total_cents')::int8, 0) AS owed_cents
FROM decisions d WHERE d.decision_id = $1
"""
_DECISION = """
SELECT d.decision_id::text, d.organisation, d.client_id::text, d.area_code, d.municipality_code,
       d.instrument, d.budget_year, d.is_restricted, d.state,
       d.decided_on,
       date_trunc('month', d.starts_on)::date AS first_month,
       date_trunc('month', greatest(d.ends_on, (d.content #>> '{period,ends_on}')::date))::date
           AS last_month
FROM decisions d WHERE d.decision_id = ANY($1::uuid[])
"""
LIST_DECISIONS = f"{_DECISION} ORDER BY d.decision_id"
LOCK_DECISIONS = f"{_DECISION} ORDER BY d.decision_id FOR UPDATE"
# What is held of each account, and what entries say was paid there; one of both may be missing.
LIST_PAID = """
WITH booked AS (
    SELECT e.decision_id, e.account_id, sum(e.paid_cents)::int8 AS net,
           sum(e.paid_excess_cents)::int8 AS excess
    FROM entries e
    WHERE e.decision_id = ANY($1::uuid[])
    GROUP BY e.decision_id, e.account_id
),
every AS (
    SELECT decision_id, account_id FROM booked
    UNION
    SELECT decision_id, account_id FROM decision_draws WHERE decision_id = ANY($1::uuid[])
)
SELECT v.decision_id::text, v.account_id::text, a.budget_year,
       coalesce(h.committed_cents, 0) AS committed_cents, coalesce(h.paid_cents, 0) AS paid_cents,
       coalesce(b.net, 0) AS net_cents, coalesce(b.excess, 0) AS excess_cents
FROM every v JOIN accounts a USING (account_id)
LEFT JOIN decision_draws h USING (decision_id, account_id)
LEFT JOIN booked b USING (decision_id, account_id)
ORDER BY v.decision_id, a.budget_year, v.account_id
"""
DRAW = f"""
UPDATE decision_draws AS h SET committed_cents = r.committed_cents, paid_cents = r.paid_cents
FROM {_DRAWN.recordset()}
WHERE h.decision_id = r.decision_id AND h.account_id = r.account_id
"""  # noqa: S608 - constants of ours
SUM = f"""
UPDATE decisions AS d
SET paid_cents = d.paid_cents + r.paid_cents,
    recovered_cents = d.recovered_cents + r.recovered_cents
FROM {_SUMMED.recordset()}
WHERE d.decision_id = r.decision_id
"""  # noqa: S608 - constants of ours
_SEEN = """
FROM payments p LEFT JOIN decisions d USING (decision_id)
LEFT JOIN reversals v USING (payment_id)
WHERE ($1::text[] IS NULL OR d.area_code = ANY($1) OR d.municipality_code = ANY($4))
  AND ($2 OR d.is_restricted IS NOT TRUE)
  AND ($3::uuid IS NULL OR p.decision_id = $3)
"""
LIST = f"""
SELECT {_SELECTED}, v.reversal_id::text AS reversed_by {_SEEN}
  AND ($5::text IS NULL OR p.state = $5) AND p.payment_id > $6
ORDER BY p.payment_id LIMIT $7
"""
PAID_BY_MONTH = f"""
SELECT to_char(p.month, 'YYYY-MM') AS month, sum(p.amount_cents)::int8 AS cents {_SEEN}
  AND p.state <> 'refused' AND v.reversal_id IS NULL
GROUP BY p.month
"""
CALCULATED_BY_MONTH = """
SELECT m ->> 'month' AS month, (m ->> 'cents')::int8 AS cents
FROM decisions d CROSS JOIN LATERAL json_array_elements(d.calculation -> 'months') m
WHERE ($1::text[] IS NULL OR d.area_code = ANY($1) OR d.municipality_code = ANY($4))
  AND ($2 OR NOT d.is_restricted)
  AND d.decision_id = $3
"""


class Drawn(Struct, frozen=True):
    """What is committed of a decision in one account, and what of that is paid."""

    decision_id: str
    account_id: str
    committed_cents: int
    paid_cents: int


class Summed(Struct, frozen=True):
    """What a batch adds to the sums of a decision."""

    decision_id: str
    paid_cents: int
    recovered_cents: int


async def append(connection: Connection, payments: Sequence[Payment]) -> None:
    """Store payments, booked and refused.

    Raises LostRace where another transaction stored one of the payer references first.
    """
    if not payments:
        return
    try:
        await connection.execute(APPEND, _PAYMENT.argument(payments))
    except asyncpg.UniqueViolationError as error:
        raise LostRace from error


async def take_anew(connection: Connection, payments: Sequence[Payment]) -> None:
    """Write what came again, or corrected, in the place of what was refused.

    Raises LostRace where another transaction has booked one of them in between.
    """
    if not payments:
        return
    done = await connection.execute(TAKE_ANEW, _PAYMENT.argument(payments))
    if done != f"UPDATE {len(payments)}":
        raise LostRace


async def find_by_reference(
    connection: Connection, references: Collection[str]
) -> dict[str, Payment]:
    """Return what is stored under payer references, by reference."""
    rows = await connection.fetch(FIND_BY_REFERENCE, sorted(references))
    return {row["payer_reference"]: _payment(row) for row in rows}


async def find(connection: Connection, payment_id: str) -> Payment | None:
    """Return a payment, if there is one of the id."""
    row = await connection.fetchrow(FIND, payment_id)
    return None if row is None else _payment(row)


async def load_owed(connection: Connection, decision_id: str) -> tuple[DecisionState, int]:
    """Return the state of a decision that there is, and what it comes to by its calculation."""
    row: Any = await connection.fetchrow(FIND_OWED, decision_id)
    return row["state"], row["owed_cents"]


async def list_decisions(
    connection: Connection, decision_ids: Collection[str]
) -> dict[str, PayableDecision]:
    """Return decisions that may be paid, by id, without a lock."""
    rows = await connection.fetch(LIST_DECISIONS, sorted(decision_ids))
    return {row["decision_id"]: PayableDecision(**dict(row)) for row in rows}


async def lock_decisions(
    connection: Connection, decision_ids: Collection[str]
) -> dict[str, PayableDecision]:
    """Lock decisions in order of their ids, behind their accounts."""
    rows = await connection.fetch(LOCK_DECISIONS, sorted(decision_ids))
    return {row["decision_id"]: PayableDecision(**dict(row)) for row in rows}


async def list_paid(
    connection: Connection, decision_ids: Collection[str]
) -> dict[str, list[PaidOf]]:
    """Return what decisions have committed and were paid, account by account, by decision."""
    found: dict[str, list[PaidOf]] = {}
    for row in await connection.fetch(LIST_PAID, sorted(decision_ids)):
        members = dict(row)
        found.setdefault(members.pop("decision_id"), []).append(PaidOf(**members))
    return found


async def keep_paid(
    connection: Connection, drawn: Sequence[Drawn], summed: Sequence[Summed]
) -> None:
    """Write what decisions that are locked were paid."""
    if drawn:
        await connection.execute(DRAW, _DRAWN.argument(drawn))
    if summed:
        await connection.execute(SUM, _SUMMED.argument(summed))


async def list_of(
    connection: Connection, query: PaymentFilter, *, after: str, limit: int
) -> list[Payment]:
    """Return payments in the order in which they were booked."""
    rows = await connection.fetch(LIST, *_seen(query), query.state, after, limit)
    return [_payment(row) for row in rows]


async def list_months(
    connection: Connection, query: PaymentFilter
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return by month what was calculated of a decision, and what was paid, net."""
    calculated = await connection.fetch(CALCULATED_BY_MONTH, *_seen(query))
    paid = await connection.fetch(PAID_BY_MONTH, *_seen(query))
    return {row["month"]: row["cents"] for row in calculated}, {
        row["month"]: row["cents"] for row in paid
    }


def _seen(query: PaymentFilter) -> tuple[Sequence[str] | None, bool, str | None, Sequence[str]]:
    return (
        query.area_codes,
        query.may_see_restricted,
        query.decision_id,
        query.municipality_codes,
    )


def _payment(row: Any) -> Payment:  # noqa: ANN401 - a record
    return Payment(**dict(row))
