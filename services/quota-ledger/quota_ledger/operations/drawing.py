"""Draw for a decision what a change needs besides: all of it, or nothing.

A commitment that grows takes in what was paid above it, before anything else is drawn.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from quota_ledger.operations.stepping import Held
from quota_ledger.rules.decided import Holding
from quota_ledger.rules.plans import Plan
from quota_ledger.rules.posting import Draw, Leg, Refs, Shortage, legs_of
from quota_ledger.rules.states import DecisionState
from quota_ledger.rules.steps import absorbed, extended, held_cents


class Drawn(Struct, frozen=True):
    """What a decision will hold of which account."""

    holdings: Sequence[Holding]


def draw_more(held: Held, planned: Plan, *, state: DecisionState) -> Drawn | Shortage:
    """Return what a decision will hold; a shortage where what it needs besides is not free."""
    is_committed = state != "reserved"
    holdings = _covered(held, planned) if is_committed else planned.holdings
    needed = planned.needed_cents - (held_cents(holdings) - held_cents(planned.holdings))
    if not needed:
        return Drawn(absorbed(held.holdings, holdings))
    decision, ledger = held.decision, held.ledger
    if not held.drawable:
        return Shortage(limit="cents", account_id="", needed=needed, available=0)
    draw = Draw(
        account_ids=held.drawable,
        cents=needed,
        client_id=decision.client_id,
        refs=Refs(value_on=decision.decided_on, organisation=decision.organisation),
    )
    legs = legs_of(
        draw,
        [ledger.balance(one) for one in held.drawable],
        [ledger.holds(one, decision.client_id) for one in held.drawable],
    )
    if isinstance(legs, Shortage):
        return legs
    added = [_holding(leg, held) for leg in legs]
    extension = extended(holdings, added, is_committed=is_committed)
    return Drawn(absorbed(held.holdings, extension))


def _covered(held: Held, planned: Plan) -> Sequence[Holding]:
    """Return holdings that have grown by what was paid above them, as far as that is needed.

    It lies in accounts whose money is gone for it already; not in one that has lapsed, or where
    payments have taken more than there is.
    """
    needed, found = planned.needed_cents, []
    for one in planned.holdings:
        balance = held.ledger.balance(one.account_id)
        may_grow = one.committed_cents > 0 and not balance.is_lapsed
        taken = min(needed, one.excess_cents) if may_grow and balance.sums.free_cents >= 0 else 0
        needed -= taken
        found.append(replace(one, committed_cents=one.committed_cents + taken))
    return found


def _holding(leg: Leg, held: Held) -> Holding:
    return Holding(
        decision_id=held.decision.decision_id,
        account_id=leg.account_id,
        budget_year=held.ledger.balance(leg.account_id).key.budget_year,
        reserved_cents=leg.change.reserved_cents,
    )
