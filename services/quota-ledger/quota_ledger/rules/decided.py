"""A stored decision: as it stands, what it holds of which account, and its story."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from kuntavayla.values.calendar import helsinki_instant
from quota_ledger.rules.booked import ListedEntry
from quota_ledger.rules.states import DecisionState, Outcome, StepAction

_DAYS_CACHED_MAX = 1_024


class Holding(Struct, frozen=True, kw_only=True):
    """What a decision holds of one account; `paid_cents` is paid of its commitment there."""

    decision_id: str
    account_id: str
    budget_year: int
    reserved_cents: int = 0
    committed_cents: int = 0
    paid_cents: int = 0

    @property
    def held_cents(self) -> int:
        """Return what is promised of the account, in whichever form."""
        return self.reserved_cents + self.committed_cents


class Decision(Struct, frozen=True, kw_only=True):
    """A decision as it stands; content, calculation and reasons are texts of JSON."""

    decision_id: str
    organisation: str
    municipal_id: str
    fingerprint: bytes
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    service_code: str
    decided_on: date
    starts_on: date
    ends_on: date
    content: str
    calculation: str | None
    outcome: Outcome
    state: DecisionState
    reasons: str
    is_restricted: bool
    official_id: str
    expires_at: datetime | None
    warned_at: datetime | None = None
    version: int = 1
    paid_cents: int = 0
    recovered_cents: int = 0
    created_at: datetime
    settled_at: datetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Say whether the reservation has come to its end, whoever has noticed."""
        return self.expires_at is not None and self.expires_at < now

    @property
    def net_paid_cents(self) -> int:
        """Return what was paid and not recovered."""
        return self.paid_cents - self.recovered_cents


class Step(Struct, frozen=True, kw_only=True):
    """One step of a decision's story; content and calculation are texts of JSON."""

    decision_id: str
    number: int
    action: StepAction
    at: datetime
    organisation: str
    official_id: str | None
    reason: str | None = None
    content: str | None = None
    calculation: str | None = None
    entry_ids: Sequence[str] = ()


class Story(Struct, frozen=True, kw_only=True):
    """A decision with all that belongs to it; entries stand by account."""

    decision: Decision
    holdings: Sequence[Holding]
    entries: Sequence[tuple[str, ListedEntry]]
    steps: Sequence[Step]


class DecisionFilter(Struct, frozen=True, kw_only=True):
    """Which decisions are asked for, and which of them may be seen; None stands for all.

    Seen are those of the areas, and those of municipalities that the reader serves today.
    """

    area_codes: Sequence[str] | None = None
    municipality_codes: Sequence[str] = ()
    organisation: str | None = None
    may_see_restricted: bool = False
    state: str | None = None
    client_id: str | None = None

    def admits(self, decision: Decision) -> bool:
        """Say whether a decision is the reader's to see, and of a client who may be seen."""
        is_own = (
            self.area_codes is None
            or decision.area_code in self.area_codes
            or decision.municipality_code in self.municipality_codes
        )
        return is_own and (self.may_see_restricted or not decision.is_restricted)

    def admits_act(self, decision: Decision) -> bool:
        """Say whether the reader may know of a decision to act on it: always of its own."""
        return decision.organisation == self.organisation or self.admits(decision)


@lru_cache(maxsize=_DAYS_CACHED_MAX)
def end_of_reservation(decided_on: date, *, received_on: date, days: int) -> datetime:
    """Return the last second, in UTC, of the Helsinki day so many days behind the decision.

    Behind the day on which the ledger got it, where that is later. Source:
    sources.md#reservation-days.
    """
    day_after = max(decided_on, received_on) + timedelta(days=days + 1)
    return helsinki_instant(day_after, 0, 0) - timedelta(seconds=1)
