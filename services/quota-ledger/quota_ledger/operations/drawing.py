"""Draw for a decision what a change needs besides: all of it, or nothing."""

from collections.abc import Sequence

from msgspec import Struct

from quota_ledger.operations.stepping import Held
from quota_ledger.rules.decided import Holding
from quota_ledger.rules.plans import Plan
from quota_ledger.rules.posting import Draw, Leg, Refs, Shortage, legs_of
from quota_ledger.rules.states import DecisionState
from quota_ledger.rules.steps import extended


class Drawn(Struct, frozen=True):
    """What a decision will hold of which account."""

    holdings: Sequence[Holding]


def draw_more(held: Held, planned: Plan, *, state: DecisionState) -> Drawn | Shortage:
    """Return what a decision will hold; a shortage where what it needs besides is not free."""
    if not planned.needed_cents:
        return Drawn(planned.holdings)
    decision, ledger = held.decision, held.ledger
    if not held.drawable:
        return Shortage(limit="cents", account_id="", needed=planned.needed_cents, available=0)
    draw = Draw(
        account_ids=held.drawable,
        cents=planned.needed_cents,
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
    return Drawn(extended(planned.holdings, added, is_committed=state != "reserved"))


def _holding(leg: Leg, held: Held) -> Holding:
    return Holding(
        decision_id=held.decision.decision_id,
        account_id=leg.account_id,
        budget_year=held.ledger.balance(leg.account_id).key.budget_year,
        reserved_cents=leg.change.reserved_cents,
    )
