"""The books of a ledger against those of the model."""

from tests.quota_ledger.decision_books import all_faults_of
from tests.quota_ledger.model import Model
from tests.quota_ledger.service import Ledger

COMPARED = (
    "allocated",
    "overridden",
    "reserved",
    "committed",
    "paid",
    "excess",
    "lapsed",
)
ACCOUNTS = """
SELECT municipality_code, budget_year, allocated_cents, overridden_cents, reserved_cents,
       committed_cents, paid_cents, paid_excess_cents, lapsed_cents, reserved_persons,
       committed_persons, last_position, is_lapsed
FROM accounts WHERE last_position > 0 OR is_lapsed
"""
DRAWS = """
SELECT d.decision_id::text, a.municipality_code, a.budget_year, d.reserved_cents,
       d.committed_cents, d.paid_cents
FROM decision_draws d JOIN accounts a USING (account_id)
"""
PAID = """
SELECT coalesce(sum(paid_cents - recovered_cents), 0)::int8 FROM decisions
"""
HELD = ("reserved", "committed", "paid")


async def compare(ledger: Ledger, model: Model) -> None:
    """Compare accounts, persons, entries, decisions and payments; and the books in themselves."""
    found = {(row[0], row[1]): tuple(row)[2:] for row in await ledger.fetch(ACCOUNTS)}
    assert found == {
        key: (
            *(one.sums[name] for name in COMPARED),
            one.persons("reserved"),
            one.persons("committed"),
            one.entries,
            one.is_lapsed,
        )
        for key, one in model.accounts.items()
    }
    rows = await ledger.fetch("SELECT decision_id::text, state, version FROM decisions")
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        name: (one.state, one.version) for name, one in model.decisions.items()
    }
    draws = {(row[0], (row[1], row[2])): tuple(row)[3:] for row in await ledger.fetch(DRAWS)}
    assert draws == {
        (name, key): tuple(draw[held] for held in HELD)
        for name, one in model.decisions.items()
        for key, draw in one.draws.items()
    }
    [(paid,)] = await ledger.fetch(PAID)
    assert paid == sum(one.sums["paid"] for one in model.accounts.values())
    told = await ledger.outbox("cs-sotkamo")
    names = [name for _, name, _ in told]
    for name in ("decision.reserved", "decision.refused", "decision.granted", "payment.booked"):
        assert (name, names.count(name)) == (name, model.events[name])
    assert await all_faults_of(ledger) == []
