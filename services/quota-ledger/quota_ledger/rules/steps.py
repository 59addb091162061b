"""What may be done to a decision in which state, and what it holds of each account afterwards."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from quota_ledger.rules.balances import NOTHING
from quota_ledger.rules.decided import Holding
from quota_ledger.rules.entries import EntryKind
from quota_ledger.rules.posting import Holds, Leg
from quota_ledger.rules.states import DecisionState

Action = Literal["grant", "change", "interrupt", "end", "cancel", "refuse", "expire", "override"]
ALLOWED: Mapping[Action, Mapping[DecisionState, DecisionState]] = {
    "grant": {"reserved": "granted"},
    "change": {"reserved": "reserved", "granted": "granted", "interrupted": "granted"},
    "interrupt": {"granted": "interrupted"},
    "end": {"granted": "ended", "interrupted": "ended"},
    "cancel": {"reserved": "cancelled", "granted": "cancelled", "interrupted": "cancelled"},
    "refuse": {"reserved": "refused"},
    "expire": {"reserved": "expired"},
    "override": {"refused": "reserved"},
}
"""From each state by each act to the next; docs/states.md has the same table."""
KINDS: Mapping[Action, EntryKind] = {
    "grant": "grant",
    "change": "change",
    "interrupt": "release",
    "end": "release",
    "cancel": "release",
    "refuse": "release",
    "expire": "expire",
    "override": "reserve",
}


def next_state(action: Action, state: DecisionState) -> DecisionState | None:
    """Return the state behind an act; None where the act is not for that state."""
    return ALLOWED[action].get(state)


def held_cents(holdings: Sequence[Holding]) -> int:
    """Return what a decision holds in all, in whichever form."""
    return sum(one.held_cents for one in holdings)


def paid_cents(holdings: Sequence[Holding]) -> int:
    """Return what is paid of the commitments: less can not be held."""
    return sum(one.paid_cents for one in holdings)


def granted(holdings: Sequence[Holding], cents: int) -> list[Holding]:
    """Return what is committed of reservations, the oldest year first; the rest is released."""
    assert cents <= held_cents(holdings), "no more is granted than was reserved"
    left, found = cents, []
    for one in holdings:
        taken = min(left, one.reserved_cents)
        found.append(replace(one, reserved_cents=0, committed_cents=one.committed_cents + taken))
        left -= taken
    return found


def reduced(holdings: Sequence[Holding], to_cents: int) -> list[Holding]:
    """Return holdings cut down to a sum, the newest year first, never below what is paid."""
    excess = held_cents(holdings) - to_cents
    found = []
    for one in reversed(holdings):
        from_reserved = min(max(0, excess), one.reserved_cents)
        excess -= from_reserved
        from_committed = min(max(0, excess), one.committed_cents - one.paid_cents)
        excess -= from_committed
        found.append(
            replace(
                one,
                reserved_cents=one.reserved_cents - from_reserved,
                committed_cents=one.committed_cents - from_committed,
            )
        )
    return found[::-1]


def extended(
    holdings: Sequence[Holding], added: Sequence[Holding], *, is_committed: bool
) -> list[Holding]:
    """Return holdings with what was drawn for them besides, the oldest year first."""
    found = {one.account_id: one for one in holdings}
    for one in added:
        known = found.get(one.account_id) or replace(one, reserved_cents=0)
        name = "committed_cents" if is_committed else "reserved_cents"
        found[one.account_id] = replace(known, **{name: getattr(known, name) + one.reserved_cents})
    return sorted(found.values(), key=lambda one: (one.budget_year, one.account_id))


def legs_between(
    before: Sequence[Holding], after: Sequence[Holding], *, kind: EntryKind, client_id: str
) -> tuple[Leg, ...]:
    """Return the changes of accounts from what was held to what is held, in order of years."""
    known = {one.account_id: one for one in before}
    legs = []
    for one in after:
        old = known.get(one.account_id) or replace(one, reserved_cents=0, committed_cents=0)
        if (old.reserved_cents, old.committed_cents) == (one.reserved_cents, one.committed_cents):
            continue
        legs.append(
            Leg(
                account_id=one.account_id,
                kind=kind,
                change=replace(
                    NOTHING,
                    reserved_cents=one.reserved_cents - old.reserved_cents,
                    committed_cents=one.committed_cents - old.committed_cents,
                ),
                client_id=client_id,
                holds=Holds(
                    (one.reserved_cents > 0) - (old.reserved_cents > 0),
                    (one.committed_cents > 0) - (old.committed_cents > 0),
                ),
            )
        )
    return tuple(legs)
