"""What the model of the ledger writes down: accounts, decisions, and what was booked."""

from collections import Counter
from dataclasses import dataclass, field

Key = tuple[str, int]
"""An account: the municipality, or nothing for the area's own; and the year."""


@dataclass
class Account:
    """One account: sums in cents, what decisions hold of it by client, and its entries."""

    sums: Counter[str] = field(default_factory=Counter)
    holds: Counter[tuple[str, str]] = field(default_factory=Counter)
    entries: int = 0
    is_lapsed: bool = False

    @property
    def free(self) -> int:
        sums = self.sums
        limit = sums["allocated"] + sums["overridden"]
        return limit - sums["reserved"] - sums["committed"] - sums["excess"]

    @property
    def spare(self) -> int:
        return max(0, min(self.free, self.sums["allocated"]))

    def change(self, **change: int) -> int:
        """Book one entry; what is freed behind the lapse lapses, once debts are made good.

        Returns what lapsed by it.
        """
        before = self.free
        self.sums.update(change)
        freed = min(self.free - before, self.free, self.sums["allocated"]) if self.is_lapsed else 0
        if freed > 0:
            self.sums.update(allocated=-freed, lapsed=freed)
        self.entries += 1
        return max(0, freed)

    def persons(self, kind: str) -> int:
        committed = {client for (held, client), n in self.holds.items() if held == "c" and n}
        reserved = {client for (held, client), n in self.holds.items() if held == "r" and n}
        return len(committed) if kind == "committed" else len(reserved - committed)


@dataclass
class Decision:
    """One decision: what it holds of which account, and what was paid of it there."""

    client: str
    decided_year: int
    cents: int
    state: str = "reserved"
    version: int = 1
    is_short: bool = False
    raised: Counter[Key] = field(default_factory=Counter)
    draws: dict[Key, Counter[str]] = field(default_factory=dict)

    def total(self, *names: str) -> int:
        return sum(draw[name] for draw in self.draws.values() for name in names)


@dataclass
class Made:
    """An order or a payment that was booked: what it changed of which account, until reversed."""

    changes: dict[Key, Counter[str]]
    of: str = ""
    is_payment: bool = False
    is_reversed: bool = False
