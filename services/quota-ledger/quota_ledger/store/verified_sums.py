"""What orders, payments, states and calculations say, against the sums that are stored."""

# What was paid of each commitment, as entries say it: a recovery takes of it only what it takes of
# the commitment too, and a reversal is as what it reverses.
PAID = """
WITH booked AS (
    SELECT e.decision_id, e.account_id,
           sum(CASE coalesce(o.kind, e.kind) WHEN 'recovery' THEN e.committed_cents
                         ELSE e.paid_cents - e.paid_excess_cents END)::int8 AS paid
    FROM entries e LEFT JOIN entries o ON o.entry_id = e.reverses
    WHERE e.decision_id IS NOT NULL GROUP BY e.decision_id, e.account_id
)
SELECT account_id::text, decision_id::text, 'paid_cents' AS of,
       coalesce(b.paid, 0) AS expected, coalesce(d.paid_cents, 0) AS found
FROM booked b FULL JOIN decision_draws d USING (decision_id, account_id)
WHERE coalesce(b.paid, 0) <> coalesce(d.paid_cents, 0)
LIMIT $1
"""
# For how many decisions a client holds money of an account, against what is counted.
HOLDS = """
WITH held AS (
    SELECT w.account_id, d.client_id,
           count(*) FILTER (WHERE w.reserved_cents > 0) AS reserved,
           count(*) FILTER (WHERE w.committed_cents > 0) AS committed
    FROM decision_draws w JOIN decisions d USING (decision_id)
    GROUP BY w.account_id, d.client_id
)
SELECT account_id::text, NULL AS decision_id, s.of, s.expected, s.found
FROM held h FULL JOIN account_clients c USING (account_id, client_id)
CROSS JOIN LATERAL (VALUES
    ('reserved_holds', coalesce(h.reserved, 0), coalesce(c.reserved_holds, 0)::int8),
    ('committed_holds', coalesce(h.committed, 0), coalesce(c.committed_holds, 0)::int8)
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# The state of each decision against its newest step, and against what it holds.
STATES = """
WITH newest AS (
    SELECT DISTINCT ON (decision_id) decision_id,
           CASE action WHEN 'expire' THEN 'expired' WHEN 'override' THEN 'reserved'
               ELSE coalesce(content #>> '{verdict,state}', content ->> 'state') END AS state
    FROM decision_steps ORDER BY decision_id, number DESC
),
held AS (
    SELECT decision_id, sum(reserved_cents)::int8 AS reserved,
           sum(committed_cents)::int8 AS committed, sum(paid_cents)::int8 AS paid
    FROM decision_draws GROUP BY decision_id
)
SELECT NULL AS account_id, d.decision_id::text, s.of, s.expected, s.found
FROM decisions d LEFT JOIN newest n USING (decision_id) LEFT JOIN held h USING (decision_id)
CROSS JOIN LATERAL (VALUES
    ('state', NULL::int8, NULL::int8, n.state IS DISTINCT FROM d.state),
    ('reserved_cents', 0, h.reserved, d.state <> 'reserved' AND h.reserved > 0),
    ('committed_cents', h.paid, h.committed,
     d.state IN ('reserved', 'cancelled', 'refused', 'expired') AND h.committed <> h.paid)
) AS s (of, expected, found, differs)
WHERE s.differs
LIMIT $1
"""
# The calculation that stands against that of the step that made it, and its months against it.
CALCULATIONS = """
WITH made AS (
    SELECT DISTINCT ON (decision_id) decision_id, number, calculation
    FROM decision_steps
    WHERE (action IN ('reserve', 'change', 'end', 'interrupt', 'override') OR number = 1)
      AND content #>> '{verdict,outcome}' IS DISTINCT FROM 'refused'
    ORDER BY decision_id, number DESC
),
months AS (
    SELECT d.decision_id, (d.calculation ->> 'total_cents')::int8 AS total,
           (SELECT coalesce(sum((m ->> 'cents')::int8), 0)::int8
            FROM json_array_elements(d.calculation -> 'months') m) AS cents
    FROM decisions d WHERE d.calculation IS NOT NULL
)
SELECT NULL AS account_id, d.decision_id::text, s.of, s.expected, s.found
FROM decisions d LEFT JOIN made s1 USING (decision_id) LEFT JOIN months t USING (decision_id)
CROSS JOIN LATERAL (VALUES
    ('calculation', NULL::int8, NULL::int8,
     s1.calculation::jsonb IS DISTINCT FROM d.calculation::jsonb
     AND NOT (s1.number = 1 AND s1.calculation IS NULL)),
    ('total_cents', t.cents, t.total, t.cents <> t.total)
) AS s (of, expected, found, differs)
WHERE s.differs
LIMIT $1
"""
# What was ordered for each account, against what it was given: what lapsed was given too.
ALLOCATIONS = """
WITH ordered AS (
    SELECT account_id, sum(sign * amount_cents)::int8 AS cents,
           sum(sign * persons)::int8 AS persons
    FROM (
        SELECT account_id, CASE kind WHEN 'cut' THEN -1 ELSE 1 END AS sign, amount_cents, persons
        FROM allocations WHERE status = 'confirmed'
        UNION ALL
        SELECT from_account_id, -1, amount_cents, persons FROM allocation_transfers
        UNION ALL
        SELECT to_account_id, 1, amount_cents, persons FROM allocation_transfers
    ) AS o GROUP BY account_id
),
beside AS (
    SELECT account_id,
           sum(allocated_cents + lapsed_cents) FILTER (WHERE kind IN ('lapse', 'reversal'))::int8
               AS cents,
           sum(allocated_persons)::int8 AS persons
    FROM entries
    WHERE kind NOT IN ('initial', 'addition', 'cut', 'transfer_in', 'transfer_out')
    GROUP BY account_id
)
SELECT a.account_id::text, NULL AS decision_id, s.of, s.expected, s.found
FROM accounts a LEFT JOIN ordered o USING (account_id) LEFT JOIN beside b USING (account_id)
CROSS JOIN LATERAL (VALUES
    ('allocated_cents', coalesce(o.cents, 0) + coalesce(b.cents, 0),
     a.allocated_cents + a.lapsed_cents),
    ('allocated_persons', coalesce(o.persons, 0) + coalesce(b.persons, 0),
     a.allocated_persons::int8)
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# Years that were closed, against the entries and the accounts. An account that was opened for a
# year already closed was never given anything, and no lapse names it.
LAPSES = """
WITH closed AS (
    SELECT (one ->> 'account_id')::uuid AS account_id, sum((one ->> 'cents')::int8)::int8 AS cents,
           sum(coalesce((one ->> 'persons')::int8, 0))::int8 AS persons
    FROM lapses CROSS JOIN LATERAL jsonb_array_elements(accounts) AS one GROUP BY 1
),
booked AS (
    SELECT account_id, bool_or(kind IN ('initial', 'addition', 'transfer_in')) AS was_given,
           coalesce(sum(lapsed_cents) FILTER (WHERE kind = 'lapse'), 0)::int8 AS cents,
           coalesce(-sum(allocated_persons) FILTER (WHERE kind = 'lapse'), 0)::int8 AS persons
    FROM entries GROUP BY account_id
)
SELECT a.account_id::text, NULL AS decision_id, s.of, s.expected, s.found
FROM accounts a LEFT JOIN closed c USING (account_id) LEFT JOIN booked b USING (account_id)
CROSS JOIN LATERAL (VALUES
    ('lapsed_cents', coalesce(c.cents, 0), coalesce(b.cents, 0)),
    ('allocated_persons', coalesce(c.persons, 0), coalesce(b.persons, 0)),
    ('is_lapsed', (c.account_id IS NOT NULL)::int::int8,
     (a.is_lapsed AND (c.account_id IS NOT NULL OR b.was_given IS TRUE))::int::int8)
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
# Each payment against its own entries.
PAYMENT_ENTRIES = """
WITH booked AS (
    SELECT payment_id, sum(paid_cents)::int8 AS cents, sum(paid_excess_cents)::int8 AS excess
    FROM entries WHERE payment_id IS NOT NULL AND kind <> 'reversal' GROUP BY payment_id
),
paid AS (
    SELECT payment_id, decision_id, amount_cents, within_cents, excess_cents
    FROM payments WHERE state <> 'refused'
)
SELECT NULL AS account_id, p.decision_id::text, s.of, s.expected, s.found
FROM booked b FULL JOIN paid p USING (payment_id)
CROSS JOIN LATERAL (VALUES
    ('amount_cents', coalesce(b.cents, 0), coalesce(p.amount_cents, 0)),
    ('within_cents', coalesce(b.cents - b.excess, 0), coalesce(p.within_cents, 0)),
    ('excess_cents', coalesce(b.excess, 0), coalesce(p.excess_cents, 0))
) AS s (of, expected, found)
WHERE s.expected <> s.found
LIMIT $1
"""
