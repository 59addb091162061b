"""What accounts should hold by the rules: reckoned beside the service, which is not asked.

An account is an area and an instrument of one appropriation year. The oldest year is drawn first
and let go last; what is freed behind the lapse of a year lapses.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

AccountName = tuple[str, str, int]
"""Area, instrument and year."""


class Draw(Struct, frozen=True):
    """What a decision holds of one account, and what was paid of it there.

    `paid_cents` is paid of the commitment; `net_cents` is all that was paid and not taken back, and
    `excess_cents` that part of it which lies above the commitment.
    """

    reserved_cents: int = 0
    committed_cents: int = 0
    paid_cents: int = 0
    net_cents: int = 0
    excess_cents: int = 0

    @property
    def held_cents(self) -> int:
        """Return what is promised."""
        return self.reserved_cents + self.committed_cents

    @property
    def left_cents(self) -> int:
        """Return what may still be paid of the commitment."""
        return max(0, self.committed_cents - self.paid_cents)


NOTHING = Draw()
Draws = Mapping[AccountName, Draw]


class Account(Struct):
    """One account."""

    allocated_cents: int = 0
    allocated_persons: int = 0
    overridden_cents: int = 0
    reserved_cents: int = 0
    committed_cents: int = 0
    paid_cents: int = 0
    excess_cents: int = 0
    lapsed_cents: int = 0
    is_lapsed: bool = False

    @property
    def free_cents(self) -> int:
        """Return what may still be promised; below zero where payments have taken more."""
        limit = self.allocated_cents + self.overridden_cents
        return limit - self.reserved_cents - self.committed_cents - self.excess_cents

    @property
    def drawable_cents(self) -> int:
        """Return what a decision may draw."""
        return 0 if self.is_lapsed else max(0, self.free_cents)

    def move(self, before: Draw, after: Draw) -> None:
        """Take in what a decision holds behind an act; what it frees of a lapsed year lapses."""
        free = self.free_cents
        self.reserved_cents += after.reserved_cents - before.reserved_cents
        self.committed_cents += after.committed_cents - before.committed_cents
        self.paid_cents += after.net_cents - before.net_cents
        self.excess_cents += after.excess_cents - before.excess_cents
        freed = min(self.free_cents - free, self.free_cents, self.allocated_cents)
        if self.is_lapsed and freed > 0:
            self._let_lapse(freed)

    def lapse(self) -> int:
        """Close the account; return what lapses of it."""
        cents = max(0, min(self.free_cents, self.allocated_cents))
        self._let_lapse(cents)
        self.is_lapsed = True
        return cents

    def _let_lapse(self, cents: int) -> None:
        self.allocated_cents -= cents
        self.lapsed_cents += cents


def drawn(cents: int, names: Sequence[AccountName], *, of: Mapping[AccountName, Account]) -> Draws:
    """Return what is drawn of which account, oldest year first; nothing where all is not free."""
    left, found = cents, {}
    for name in names:
        taken = min(left, of[name].drawable_cents)
        if taken:
            found[name] = Draw(reserved_cents=taken)
            left -= taken
    return {} if left else found


def extended(draws: Draws, added: Draws, *, is_committed: bool) -> Draws:
    """Return draws with what was drawn for them besides."""
    found = dict(draws)
    for name, one in added.items():
        known, more = found.get(name, NOTHING), one.reserved_cents
        if is_committed:
            found[name] = replace(known, committed_cents=known.committed_cents + more)
        else:
            found[name] = replace(known, reserved_cents=known.reserved_cents + more)
    return found


def granted(draws: Draws, cents: int) -> Draws:
    """Return what is committed of reservations, the oldest year first; the rest is let go."""
    left, found = cents, {}
    for name in _oldest_first(draws):
        taken = min(left, draws[name].reserved_cents)
        found[name] = replace(draws[name], reserved_cents=0, committed_cents=taken)
        left -= taken
    return found


def reduced(draws: Draws, to_cents: int) -> Draws:
    """Return draws cut down to a sum, the newest year first, never below what is paid."""
    excess, found = held_cents(draws) - to_cents, {}
    for name in reversed(_oldest_first(draws)):
        one = draws[name]
        reserved = min(max(0, excess), one.reserved_cents)
        excess -= reserved
        committed = min(max(0, excess), one.left_cents)
        excess -= committed
        found[name] = replace(
            one,
            reserved_cents=one.reserved_cents - reserved,
            committed_cents=one.committed_cents - committed,
        )
    return found


def paid(draws: Draws, cents: int, *, is_covered: bool) -> Draws:
    """Return draws behind a payment: commitments first, the oldest year's before others.

    What lies above them, or is of a month that is not decided on, is in excess of the newest.
    """
    left, found = cents, {}
    names = _oldest_first(draws)
    for name in names:
        one = draws[name]
        within = min(left, one.left_cents) if is_covered else 0
        left -= within
        over = left if name == names[-1] else 0
        found[name] = replace(
            one,
            paid_cents=one.paid_cents + within,
            net_cents=one.net_cents + within + over,
            excess_cents=one.excess_cents + over,
        )
    return found


def recovered(draws: Draws, cents: int, *, is_over: bool) -> Draws:
    """Return draws behind a recovery: what was in excess first, the newest year's before others.

    Of a decision that is over, what is taken back of the commitment is no longer committed.
    """
    left, found = cents, dict(draws)
    names = _oldest_first(draws)[::-1]
    for name in names:
        one = found[name]
        back = min(left, one.excess_cents)
        left -= back
        found[name] = replace(
            one, net_cents=one.net_cents - back, excess_cents=one.excess_cents - back
        )
    for name in names:
        one = found[name]
        back = min(left, one.net_cents - one.excess_cents)
        left -= back
        freed = back if is_over else 0
        found[name] = replace(
            one,
            net_cents=one.net_cents - back,
            committed_cents=one.committed_cents - freed,
            paid_cents=one.paid_cents - freed,
        )
    return found


def held_cents(draws: Draws) -> int:
    """Return what is promised of all accounts."""
    return sum(one.held_cents for one in draws.values())


def free_cents(names: Iterable[AccountName], *, of: Mapping[AccountName, Account]) -> int:
    """Return what may be drawn of accounts together."""
    return sum(of[name].drawable_cents for name in names)


def lacking_cents(
    needed: int, names: Sequence[AccountName], *, of: Mapping[AccountName, Account]
) -> int:
    """Return by how much the newest account must be raised so that all give what is needed."""
    lacking = needed - free_cents(names, of=of)
    return lacking + max(0, -of[names[-1]].free_cents) if lacking > 0 else 0


def _oldest_first(draws: Draws) -> list[AccountName]:
    return sorted(draws, key=lambda name: name[2])
