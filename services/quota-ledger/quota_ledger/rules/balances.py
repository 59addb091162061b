"""What an account holds and how far it is used: ten sums, and what follows from them."""

from msgspec import Struct

from quota_ledger.rules.accounts import AccountKey


class Sums(Struct, frozen=True):
    """The sums of an account, or changes of them; cents first, then persons.

    `paid_cents` is all that was paid, net of recoveries, and binds nothing; `paid_excess_cents` of
    it lies above the commitments. What lapsed is no longer allocated.
    """

    allocated_cents: int = 0
    overridden_cents: int = 0
    reserved_cents: int = 0
    committed_cents: int = 0
    paid_cents: int = 0
    paid_excess_cents: int = 0
    lapsed_cents: int = 0
    allocated_persons: int = 0
    reserved_persons: int = 0
    committed_persons: int = 0

    def plus(self, change: "Sums") -> "Sums":
        """Return these sums after a change."""
        return Sums(
            self.allocated_cents + change.allocated_cents,
            self.overridden_cents + change.overridden_cents,
            self.reserved_cents + change.reserved_cents,
            self.committed_cents + change.committed_cents,
            self.paid_cents + change.paid_cents,
            self.paid_excess_cents + change.paid_excess_cents,
            self.lapsed_cents + change.lapsed_cents,
            self.allocated_persons + change.allocated_persons,
            self.reserved_persons + change.reserved_persons,
            self.committed_persons + change.committed_persons,
        )

    def minus(self, before: "Sums") -> "Sums":
        """Return the change that has led from others to these."""
        return Sums(
            *(getattr(self, name) - getattr(before, name) for name in Sums.__struct_fields__)
        )

    @property
    def limit_cents(self) -> int:
        """Return what may be spent in all."""
        return self.allocated_cents + self.overridden_cents

    @property
    def bound_cents(self) -> int:
        """Return what is promised: reserved and committed."""
        return self.reserved_cents + self.committed_cents

    @property
    def used_cents(self) -> int:
        """Return what is promised, and what was paid above it."""
        return self.bound_cents + self.paid_excess_cents

    @property
    def free_cents(self) -> int:
        """Return what may still be promised; below zero where payments took more than there is."""
        # Written out, because every decision asks for it several times.
        return (
            self.allocated_cents
            + self.overridden_cents
            - self.reserved_cents
            - self.committed_cents
            - self.paid_excess_cents
        )

    @property
    def bound_persons(self) -> int:
        """Return how many persons are counted."""
        return self.reserved_persons + self.committed_persons

    @property
    def free_persons(self) -> int:
        """Return how many persons may still be counted."""
        return self.allocated_persons - self.reserved_persons - self.committed_persons


NOTHING = Sums()


class Balance(Struct, frozen=True, kw_only=True):
    """An account as it stands after the entry at `last_position`."""

    account_id: str
    key: AccountKey
    sums: Sums
    binds_persons: bool
    is_lapsed: bool
    last_position: int
    threshold_told: int
