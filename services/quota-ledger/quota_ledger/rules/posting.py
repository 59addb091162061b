"""Bookings: what fits into an account, what is drawn from which, and what does not fit and why.

All legs of a posting are booked or none. What binds money fits into what is free; what frees money
and what was paid is always booked. Nothing here knows of a database.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.entries import EntryKind

Limit = Literal["cents", "persons", "lapsed"]


class Holds(Struct, frozen=True):
    """How many decisions hold money of an account for one client, or a change of that."""

    reserved: int = 0
    committed: int = 0

    @property
    def persons(self) -> tuple[int, int]:
        """Return how the client counts: as a reserved person, a committed one, or not at all."""
        if self.committed > 0:
            return 0, 1
        return (1, 0) if self.reserved > 0 else (0, 0)


NO_HOLDS = Holds()


class Leg(Struct, frozen=True, kw_only=True):
    """A change of one account.

    Where it names a client its persons follow from `holds`: a client is one person, whatever the
    number of decisions.
    """

    account_id: str
    kind: EntryKind
    change: Sums
    client_id: str | None = None
    holds: Holds = NO_HOLDS


class Refs(Struct, frozen=True, kw_only=True):
    """What entries point back at: who booked them, why, of what; `value_on` is their day."""

    value_on: date
    organisation: str
    official_id: str | None = None
    decision_id: str | None = None
    allocation_id: str | None = None
    transfer_id: str | None = None
    payment_id: str | None = None
    override_id: str | None = None
    reverses: str | None = None
    reason: str | None = None
    document: str | None = None


class Posting(Struct, frozen=True, kw_only=True):
    """Changes that are booked together or not at all, in their order."""

    legs: tuple[Leg, ...]
    refs: Refs


class Draw(Struct, frozen=True, kw_only=True):
    """A reservation that takes from accounts in their order: the oldest year first."""

    account_ids: tuple[str, ...]
    cents: int
    client_id: str
    refs: Refs


class Shortage(Struct, frozen=True, kw_only=True):
    """What did not fit: which limit of which account, how much is needed, how much there is."""

    limit: Limit
    account_id: str
    needed: int
    available: int


class Applied(Struct, frozen=True):
    """An account and a client's holds after a leg, and the change that it came to."""

    balance: Balance
    holds: Holds
    change: Sums


def apply(balance: Balance, leg: Leg, held: Holds) -> Applied | Shortage:
    """Return the account after a leg, or what does not fit.

    `held` are the holds of the leg's client in the account. What is freed after the lapse of the
    account's year lapses at once.
    """
    holds = Holds(held.reserved + leg.holds.reserved, held.committed + leg.holds.committed)
    change = leg.change if leg.client_id is None else _counted(leg.change, held, holds)
    if balance.is_lapsed:
        change = _lapsing(balance, change)
    shortage = _shortage_of(balance, change)
    if shortage is not None:
        return shortage
    after = replace(
        balance, sums=balance.sums.plus(change), last_position=balance.last_position + 1
    )
    assert _is_whole(after.sums), "nobody gives back what is not held"
    assert holds.reserved >= 0, "nobody lets go what is not held"
    assert holds.committed >= 0, "nobody lets go what is not held"
    return Applied(after, holds, change)


def _counted(change: Sums, before: Holds, after: Holds) -> Sums:
    """Return a change with the persons that follow from the client's holds."""
    (reserved, committed), (reserved_after, committed_after) = before.persons, after.persons
    is_same = (reserved, committed) == (reserved_after, committed_after)
    if is_same and not (change.reserved_persons or change.committed_persons):
        return change
    return replace(
        change,
        reserved_persons=reserved_after - reserved,
        committed_persons=committed_after - committed,
    )


def _lapsing(balance: Balance, change: Sums) -> Sums:
    """Return a change of a lapsed account: what it frees goes to what lapsed.

    What payments took above all limits is made good first. What an override raised is no
    allocation: it falls back and never lapses. Persons who count no more are not allocated either.
    """
    sums = balance.sums
    allocated = sums.allocated_cents + change.allocated_cents
    freed = max(0, min(change.free_cents, sums.free_cents + change.free_cents, allocated))
    persons = max(0, min(change.free_persons, sums.free_persons + change.free_persons))
    if not freed and not persons:
        return change
    return replace(
        change,
        allocated_cents=change.allocated_cents - freed,
        lapsed_cents=change.lapsed_cents + freed,
        allocated_persons=change.allocated_persons - persons,
    )


def _shortage_of(balance: Balance, change: Sums) -> Shortage | None:
    sums = balance.sums
    needed = change.bound_cents - change.limit_cents
    # What comes back of an excess is free within the same change: behind a lapse it lapses at once.
    available = max(0, sums.free_cents - min(0, change.paid_excess_cents))
    if change.allocated_cents < 0:
        available = min(available, sums.allocated_cents)
    is_return = change.overridden_cents < 0
    if needed > 0 and balance.is_lapsed and not (change.lapsed_cents or is_return):
        return _short(balance, "lapsed", needed=needed, available=0)
    if needed > available:
        return _short(balance, "cents", needed=needed, available=available)
    return _person_shortage(balance, change)


def _person_shortage(balance: Balance, change: Sums) -> Shortage | None:
    sums = balance.sums
    needed = change.bound_persons - change.allocated_persons
    if balance.binds_persons and needed > max(0, sums.free_persons):
        available = max(0, sums.free_persons)
        return _short(balance, "persons", needed=needed, available=available)
    if sums.allocated_persons + change.allocated_persons < 0:
        needed, available = -change.allocated_persons, sums.allocated_persons
        return _short(balance, "persons", needed=needed, available=available)
    return None


def _short(balance: Balance, limit: Limit, *, needed: int, available: int) -> Shortage:
    return Shortage(limit=limit, account_id=balance.account_id, needed=needed, available=available)


def _is_whole(sums: Sums) -> bool:
    """Say whether no sum lies below zero, and promises within the limit."""
    return (
        min(sums.allocated_cents, sums.overridden_cents, sums.reserved_cents) >= 0
        and min(sums.committed_cents, sums.paid_excess_cents, sums.lapsed_cents) >= 0
        and min(sums.allocated_persons, sums.reserved_persons, sums.committed_persons) >= 0
        and sums.bound_cents <= sums.limit_cents
        and sums.paid_excess_cents <= sums.paid_cents
    )


def legs_of(
    draw: Draw, balances: Sequence[Balance], holds: Sequence[Holds]
) -> tuple[Leg, ...] | Shortage:
    """Return what is drawn from which account: the oldest first, all or nothing.

    `balances` are those of the draw's accounts in their order, `holds` what its client has in each.
    Years that have lapsed, and accounts with no person left for the client, are passed over.
    """
    assert balances, "a draw names an account"
    open_ones = [
        (balance, held)
        for balance, held in zip(balances, holds, strict=True)
        if not balance.is_lapsed
    ]
    usable = [balance for balance, held in open_ones if _has_person(balance, held)]
    legs: list[Leg] = []
    left = draw.cents
    for balance in usable:
        taken = min(left, max(0, balance.sums.free_cents))
        if taken or (not draw.cents and not legs):
            legs.append(_reserving(balance, taken, client_id=draw.client_id))
            left -= taken
    if legs and not left:
        return tuple(legs)
    return _draw_shortage(draw, [balance for balance, _ in open_ones], usable or balances)


def _draw_shortage(draw: Draw, open_ones: Sequence[Balance], usable: Sequence[Balance]) -> Shortage:
    """Return what was short: money, persons where money would have done, or every year lapsed."""
    free = sum(max(0, balance.sums.free_cents) for balance in open_ones)
    newest = usable[-1]
    if not open_ones:
        return _short(newest, "lapsed", needed=draw.cents, available=0)
    if free >= draw.cents:
        return _short(newest, "persons", needed=1, available=0)
    return _short(newest, "cents", needed=draw.cents, available=free)


def _has_person(balance: Balance, held: Holds) -> bool:
    is_counted = any(held.persons)
    return not balance.binds_persons or is_counted or balance.sums.free_persons > 0


def _reserving(balance: Balance, cents: int, *, client_id: str) -> Leg:
    return Leg(
        account_id=balance.account_id,
        kind="reserve",
        change=Sums(reserved_cents=cents),
        client_id=client_id,
        holds=Holds(reserved=1),
    )
