"""Are the books what their entries make them: positions, balances, seals, computed anew; pure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from quota_ledger.rules.balances import NOTHING, Sums
from quota_ledger.rules.seals import Content, Sealed, digest_of

_SUMS = Sums.__struct_fields__
DifferenceKind = Literal[
    "account_missing",
    "position_differs",
    "balance_behind_differs",
    "balance_differs",
    "draws_differ",
    "persons_differ",
    "decision_differs",
    "payments_differ",
    "overrides_differ",
    "snapshot_differs",
    "paid_differs",
    "holds_differ",
    "state_differs",
    "calculation_differs",
    "allocations_differ",
    "lapses_differ",
    "payment_differs",
    "seal_missing",
    "seal_differs",
    "audit_differs",
]


class Difference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that does not add up: where, of which sum, what it should be and what it is.

    `position` is that of an entry, `block` that of the audit.
    """

    kind: DifferenceKind
    account_id: str | None = None
    position: int | None = None
    decision_id: str | None = None
    block: int | None = None
    of: str | None = None
    expected: int | None = None
    found: int | None = None


class StoredEntry(Struct, frozen=True):
    """An entry as it is stored; `content` is what its seal covers."""

    account_id: str
    position: int
    change: Sums
    after: Sums
    content: Content


class StoredAccount(Struct, frozen=True):
    """An account as it is stored."""

    account_id: str
    sums: Sums
    last_position: int


class AccountBook:
    """The entries of one account, taken in the order of their positions."""

    def __init__(self, account_id: str, seals: Sequence[Sealed]) -> None:
        self._account_id = account_id
        self._seals = sorted(seals, key=lambda one: one.first)
        self._sums = NOTHING
        self._last = 0
        self._open: list[Content] = []

    def take(self, entry: StoredEntry) -> Iterator[Difference]:
        """Yield what is wrong with the next entry against all before it."""
        if entry.position != self._last + 1:
            yield self._differs("position_differs", entry.position, expected=self._last + 1)
        self._sums = self._sums.plus(entry.change)
        wrong = next(differing(self._sums, entry.after), None)
        if wrong is not None:
            of, expected, found = wrong
            yield Difference(
                kind="balance_behind_differs",
                account_id=self._account_id,
                position=entry.position,
                of=of,
                expected=expected,
                found=found,
            )
            # What is wrong is told once, and not again behind every later entry.
            self._sums = entry.after
        self._last = entry.position
        yield from self._seal(entry)

    def end(self, account: StoredAccount | None) -> Iterator[Difference]:
        """Yield what is wrong with the account behind its last entry."""
        for seal in self._seals:
            yield self._differs("seal_differs", seal.first, expected=seal.last)
        if account is None:
            if self._last:
                yield self._differs("account_missing", self._last)
            return
        if account.last_position != self._last:
            yield self._differs("position_differs", account.last_position, expected=self._last)
        for of, expected, found in differing(self._sums, account.sums):
            yield Difference(
                kind="balance_differs",
                account_id=self._account_id,
                of=of,
                expected=expected,
                found=found,
            )

    def _seal(self, entry: StoredEntry) -> Iterator[Difference]:
        """Hold entries against the seal that covers them, once it is complete."""
        while self._seals and self._seals[0].last < entry.position:
            yield self._differs("seal_differs", self._seals.pop(0).first)
            self._open = []
        if not self._seals or entry.position < self._seals[0].first:
            yield self._differs("seal_missing", entry.position)
            return
        self._open.append(entry.content)
        if entry.position == self._seals[0].last:
            seal, contents = self._seals.pop(0), self._open
            self._open = []
            if digest_of(contents) != seal.digest:
                yield self._differs("seal_differs", seal.first)

    def _differs(
        self, kind: DifferenceKind, position: int, *, expected: int | None = None
    ) -> Difference:
        return Difference(
            kind=kind, account_id=self._account_id, position=position, expected=expected
        )


def differing(expected: Sums, found: Sums) -> Iterator[tuple[str, int, int]]:
    """Yield the sums that are not as they should be: name, what it should be, what it is."""
    if expected == found:
        return
    for name in _SUMS:
        one, other = getattr(expected, name), getattr(found, name)
        if one != other:
            yield name, one, other
