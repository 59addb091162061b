"""The books as they are stored, read whole for a verification, in one snapshot."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from kuntavayla.database import Connection
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.payments import PaymentItem
from quota_ledger.rules.seals import ACTION, FIELDS, Sealed, span_of
from quota_ledger.rules.verifying import Difference, DifferenceKind, StoredAccount, StoredEntry
from quota_ledger.store import snapshots, verified_sums

PAGE_ROWS = 1_000
DIFFERENCES_MAX = 1_000
"""Differences of one kind that are read, at most."""
_SUMS = Sums.__struct_fields__
_IDS = {"account_id", "entry_id", "client_id", "reverses"} | {
    f"{noun}_id" for noun in ("decision", "allocation", "transfer", "payment", "override")
}
_CONTENT = ", ".join(f"e.{name}{'::text' if name in _IDS else ''}" for name in FIELDS)
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
ENTRIES = f"SELECT {_CONTENT} FROM entries e ORDER BY e.account_id, e.position"  # noqa: S608
SEALS = f"""
SELECT resource_id::text AS account_id, outcome, rule_version
FROM audit WHERE action = '{ACTION}' AND resource_id IS NOT NULL
ORDER BY resource_id, audit_id
"""  # noqa: S608 - constants of ours
ACCOUNTS = f"""
SELECT account_id::text, last_position, {", ".join(_SUMS)} FROM accounts ORDER BY account_id
"""  # noqa: S608 - constants of ours
# What decisions hold of each account, against what it has promised.
DRAWS = """
WITH held AS (
    SELECT account_id, sum(reserved_cents)::int8 AS reserved,
           sum(committed_cents)::int8 AS committed
    FROM decision_draws GROUP BY account_id
)
SELECT a.account_id::text, NULL AS decision_id, s.of, s.expected, s.found
FROM accounts a LEFT JOIN held h USING (account_id)
CROSS JOIN LATERAL (VALUES
    ('reserved_cents', coalesce(h.reserved, 0), a.reserved_cents),
    ('committed_cents', coalesce(h.committed, 0), a.committed_cents)
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# Clients counted in each account, against its persons.
PERSONS = """
WITH held AS (
    SELECT account_id,
           count(*) FILTER (WHERE committed_holds = 0 AND reserved_holds > 0) AS reserved,
           count(*) FILTER (WHERE committed_holds > 0) AS committed
    FROM account_clients GROUP BY account_id
)
SELECT a.account_id::text, NULL AS decision_id, s.of, s.expected, s.found
FROM accounts a LEFT JOIN held h USING (account_id)
CROSS JOIN LATERAL (VALUES
    ('reserved_persons', coalesce(h.reserved, 0), a.reserved_persons::int8),
    ('committed_persons', coalesce(h.committed, 0), a.committed_persons::int8)
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# What the entries of each decision come to, against what it holds.
DECISIONS = """
WITH booked AS (
    SELECT decision_id, account_id, sum(reserved_cents)::int8 AS reserved,
           sum(committed_cents)::int8 AS committed
    FROM entries WHERE decision_id IS NOT NULL GROUP BY decision_id, account_id
),
every AS (
    SELECT decision_id, account_id FROM booked
    UNION SELECT decision_id, account_id FROM decision_draws
)
SELECT account_id::text, decision_id::text, s.of, s.expected, s.found
FROM every
LEFT JOIN booked b USING (decision_id, account_id)
LEFT JOIN decision_draws d USING (decision_id, account_id)
CROSS JOIN LATERAL (VALUES
    ('reserved_cents', coalesce(b.reserved, 0), coalesce(d.reserved_cents, 0)),
    ('committed_cents', coalesce(b.committed, 0), coalesce(d.committed_cents, 0))
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# What the payments of each decision come to, against its entries and its own sums.
PAYMENTS = """
WITH paid AS (
    SELECT p.decision_id, sum(p.amount_cents)::int8 AS net,
           sum(p.excess_cents)::int8 AS excess
    FROM payments p LEFT JOIN reversals v USING (payment_id)
    WHERE p.state <> 'refused' AND v.reversal_id IS NULL GROUP BY p.decision_id
),
booked AS (
    SELECT decision_id, sum(paid_cents)::int8 AS net,
           -- What a commitment that grows takes in of it is no payment.
           coalesce(sum(paid_excess_cents) FILTER (
               WHERE kind IN ('payment', 'recovery', 'reversal')
           ), 0)::int8 AS excess
    FROM entries WHERE decision_id IS NOT NULL GROUP BY decision_id
)
SELECT NULL AS account_id, d.decision_id::text, s.of, s.expected, s.found
FROM decisions d
LEFT JOIN paid p USING (decision_id)
LEFT JOIN booked b USING (decision_id)
CROSS JOIN LATERAL (VALUES
    ('paid_cents', coalesce(p.net, 0), d.paid_cents - d.recovered_cents),
    ('paid_cents', coalesce(p.net, 0), coalesce(b.net, 0)),
    ('paid_excess_cents', coalesce(p.excess, 0), coalesce(b.excess, 0))
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# What overrides have left of what they raised, against what accounts have overridden.
OVERRIDES = """
WITH raised AS (
    SELECT account_id, sum(raised_cents - covered_cents - returned_cents)::int8 AS cents
    FROM overrides GROUP BY account_id
)
SELECT a.account_id::text, NULL AS decision_id, 'overridden_cents' AS of,
       coalesce(r.cents, 0) AS expected, a.overridden_cents AS found
FROM accounts a LEFT JOIN raised r USING (account_id)
WHERE coalesce(r.cents, 0) <> a.overridden_cents
LIMIT $1
"""
# Every snapshot against the entries up to its place, none of which was booked behind its month.
SNAPSHOTS = f"""
SELECT place.account_id::text, NULL AS decision_id, place.month_end::text AS of,
       e.position AS expected, place.position AS found
FROM snapshots AS place
LEFT JOIN entries e ON e.account_id = place.account_id AND e.position = place.position
WHERE e.position IS NULL OR place.sums IS DISTINCT FROM {snapshots.CONTENT}
   OR EXISTS (
    SELECT FROM entries b
    WHERE b.account_id = place.account_id AND b.position <= place.position
      AND b.booked_at >= (place.month_end + 1)::timestamp AT TIME ZONE 'Europe/Helsinki'
)
LIMIT $1
"""  # noqa: S608 - constants of ours
REPORTED = """
SELECT payer_reference, decision_id::text, kind, to_char(month, 'YYYY-MM') AS month, amount_cents,
       paid_on, reason_code, fingerprint
FROM payments ORDER BY payment_id
"""
COUNTS = """
SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM entries) AS entries,
       (SELECT count(*) FROM decisions) AS decisions, (SELECT count(*) FROM payments) AS payments
"""
CHECKS: Mapping[DifferenceKind, str] = {
    "draws_differ": DRAWS,
    "persons_differ": PERSONS,
    "decision_differs": DECISIONS,
    "payments_differ": PAYMENTS,
    "overrides_differ": OVERRIDES,
    "snapshot_differs": SNAPSHOTS,
    "paid_differs": verified_sums.PAID,
    "holds_differ": verified_sums.HOLDS,
    "state_differs": verified_sums.STATES,
    "calculation_differs": verified_sums.CALCULATIONS,
    "allocations_differ": verified_sums.ALLOCATIONS,
    "lapses_differ": verified_sums.LAPSES,
    "payment_differs": verified_sums.PAYMENT_ENTRIES,
}
"""What is added up by the database, by the kind of what differs."""


async def hold_still(connection: Connection) -> None:
    """Let the transaction see one moment from here on; call it before anything is read."""
    await connection.execute(SNAPSHOT)


async def list_accounts(connection: Connection) -> dict[str, StoredAccount]:
    """Return all accounts as they are stored, by id."""
    return {
        row["account_id"]: StoredAccount(
            row["account_id"], Sums(*(row[name] for name in _SUMS)), row["last_position"]
        )
        for row in await connection.fetch(ACCOUNTS)
    }


async def each_entry(connection: Connection) -> AsyncIterator[StoredEntry]:
    """Yield all entries, account by account, in order of their positions."""
    async for row in connection.cursor(ENTRIES, prefetch=PAGE_ROWS):
        yield StoredEntry(
            row["account_id"],
            row["position"],
            Sums(*(row[name] for name in _SUMS)),
            Sums(*(row[f"{name}_after"] for name in _SUMS)),
            tuple(row),
        )


async def each_seal(connection: Connection) -> AsyncIterator[Sealed]:
    """Yield the seals of entries, account by account."""
    async for row in connection.cursor(SEALS, prefetch=PAGE_ROWS):
        first, last = span_of(row["outcome"])
        yield Sealed(row["account_id"], first, last, row["rule_version"] or "")


async def each_reported(connection: Connection) -> AsyncIterator[tuple[PaymentItem, bytes]]:
    """Yield what was reported of each payment as it is stored, with its fingerprint."""
    async for row in connection.cursor(REPORTED, prefetch=PAGE_ROWS):
        members = dict(row)
        fingerprint = members.pop("fingerprint")
        yield PaymentItem(**members), fingerprint


async def list_differences(connection: Connection, kind: DifferenceKind) -> list[Difference]:
    """Return what the database finds when it adds up what is stored of a kind."""
    rows = await connection.fetch(CHECKS[kind], DIFFERENCES_MAX)
    return [_difference(row, kind) for row in rows]


async def count_all(connection: Connection) -> dict[str, int]:
    """Return how many accounts, entries, decisions and payments there are."""
    return dict(await connection.fetchrow(COUNTS) or {})


def _difference(row: Any, kind: DifferenceKind) -> Difference:  # noqa: ANN401 - a record
    return Difference(
        kind=kind,
        account_id=row["account_id"],
        decision_id=row["decision_id"],
        of=row["of"],
        expected=row["expected"],
        found=row["found"],
    )
