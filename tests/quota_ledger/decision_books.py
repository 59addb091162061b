"""Decisions added up against entries, balances and events, independently of the service."""

from collections import Counter
from typing import Any

import msgspec

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.service import Ledger
from tests.served import kind_of

HELD = """
SELECT h.decision_id, h.account_id, h.reserved_cents, h.committed_cents,
       (SELECT coalesce(sum(e.reserved_cents), 0) FROM entries e
        WHERE e.decision_id = h.decision_id AND e.account_id = h.account_id) AS booked_reserved,
       (SELECT coalesce(sum(e.committed_cents), 0) FROM entries e
        WHERE e.decision_id = h.decision_id AND e.account_id = h.account_id) AS booked_committed
FROM decision_draws h
"""
ACCOUNTS = """
SELECT a.account_id, a.reserved_cents, a.committed_cents,
       coalesce(sum(h.reserved_cents), 0) AS held_reserved,
       coalesce(sum(h.committed_cents), 0) AS held_committed
FROM accounts a LEFT JOIN decision_draws h USING (account_id)
GROUP BY a.account_id
"""
HOLDS = """
SELECT account_id, client_id, c.reserved_holds, c.committed_holds,
       count(*) FILTER (WHERE h.reserved_cents > 0) AS reserved,
       count(*) FILTER (WHERE h.committed_cents > 0) AS committed
FROM account_clients c
JOIN decisions d USING (client_id)
JOIN decision_draws h USING (decision_id, account_id)
GROUP BY account_id, client_id, c.reserved_holds, c.committed_holds
"""


async def all_faults_of(ledger: Ledger) -> list[str]:
    """Return everything that does not agree: entries, balances, decisions, events, persons."""
    faults = await faults_of(ledger)
    for row in await ledger.fetch(HELD):
        held, booked = (row[2], row[3]), (row[4], row[5])
        if held != booked:
            faults.append(f"{row['decision_id']}: holds {held}, booked {booked}")
    for row in await ledger.fetch(ACCOUNTS):
        if (row[1], row[2]) != (row[3], row[4]):
            faults.append(f"{row['account_id']}: {(row[1], row[2])}, decisions {(row[3], row[4])}")
    for row in await ledger.fetch(HOLDS):
        if (row[2], row[3]) != (row[4], row[5]):
            faults.append(f"{row['client_id']}: counted {(row[2], row[3])}, {(row[4], row[5])}")
    return faults + await _faults_of_events(ledger)


async def _faults_of_events(ledger: Ledger) -> list[str]:
    """Return decisions that were told twice, or not at all, or otherwise than they stand."""
    rows = await ledger.fetch("SELECT body FROM outbox")
    told: Counter[tuple[str, str]] = Counter()
    for row in rows:
        event: Any = msgspec.json.decode(row["body"])
        kind = kind_of(event)
        if kind in {"decision.reserved", "decision.refused"}:
            told[event["data"]["decision_id"], kind.removeprefix("decision.")] += 1
    made = {
        (row["decision_id"], "reserved" if row["outcome"] == "reserved" else "refused")
        for row in await ledger.fetch("SELECT decision_id::text, outcome FROM decisions")
    }
    # What an override reserved had been refused, and told so, before.
    overridden = "SELECT decision_id::text FROM decision_steps WHERE action = 'override'"
    made |= {(row["decision_id"], "refused") for row in await ledger.fetch(overridden)}
    faults = [f"{one}: told {count} times" for one, count in told.items() if count != 1]
    return faults + [f"{one}: not told as it is" for one in made ^ set(told)]
