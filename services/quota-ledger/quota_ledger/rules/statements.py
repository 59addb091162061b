"""Statements of account: of which days, and what of each entry whom is told; pure."""

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from quota_ledger.rules.booked import ListedEntry


class StatementPeriod(Struct, frozen=True, kw_only=True):
    """The days for which entries count, both included; None leaves an end open."""

    first_on: date | None = None
    last_on: date | None = None


class AboutDecision(Struct, frozen=True, kw_only=True):
    """Whose decision an entry is of, and whether its client has a ban."""

    organisation: str
    municipality_code: str
    is_restricted: bool


class StatedEntry(Struct, frozen=True):
    """An entry with the decision that it is of, or that the override behind it is of."""

    entry: ListedEntry
    decision: AboutDecision | None


class Reader(Struct, frozen=True, kw_only=True):
    """Who reads a statement.

    `oversees` says whether it is the operator or the ELY centre of the account, and
    `municipality_codes` which ones a case system serves today.
    """

    organisation: str
    oversees: bool
    may_see_restricted: bool
    municipality_codes: tuple[str, ...] = ()

    def told(self, stated: StatedEntry) -> ListedEntry:
        """Return an entry as the reader may see it.

        Of a decision of others its ids, reason and official are left out; of an order only the
        official, who is named to the own organisation and to those who oversee the account.
        """
        entry, decision = stated.entry, stated.decision
        if decision is None:
            is_own = self.oversees or entry.organisation == self.organisation
            return entry if is_own else replace(entry, official_id=None)
        if self._sees(decision):
            return entry
        return replace(
            entry,
            decision_id=None,
            payment_id=None,
            override_id=None,
            reason=None,
            official_id=None,
        )

    def _sees(self, decision: AboutDecision) -> bool:
        if decision.organisation == self.organisation:
            return True
        if decision.municipality_code in self.municipality_codes:
            return self.may_see_restricted or not decision.is_restricted
        return self.oversees and not decision.is_restricted
