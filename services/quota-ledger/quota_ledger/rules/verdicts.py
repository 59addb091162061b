"""What a decision is answered with: the reservation, or every reason why there is none."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from quota_ledger.rules.calculations import Calculation, CalculationRefused
from quota_ledger.rules.competence import Competence, NotCompetent
from quota_ledger.rules.posting import Limit, Shortage
from quota_ledger.rules.states import DecisionState, Outcome

EXHAUSTED = "allocation_exhausted"


class Available(Struct, frozen=True):
    """What may still be promised, in the accounts that a decision draws from."""

    cents: int
    persons: int


class Reservation(Struct, frozen=True, kw_only=True):
    """What is kept for a decision until it is granted; its id is that of its first entry.

    `persons` is 0 where the client is counted already.
    """

    reservation_id: str
    cents: int
    persons: int
    expires_at: datetime


class OpenReservations(Struct, frozen=True):
    """What others have reserved and not been granted yet: it may become free."""

    count: int
    cents: int


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why nothing is reserved; what a reason does not speak of is left out."""

    code: str
    limit: Limit | None = None
    needed_cents: int | None = None
    available_cents: int | None = None
    needed_persons: int | None = None
    available_persons: int | None = None
    open_reservations: OpenReservations | None = None
    next_expiry_at: datetime | None = None
    rule: str | None = None
    competent_authority: str | None = None
    te_office_code: str | None = None
    matched_on: str | None = None
    rule_rows: tuple[str, ...] = ()


class Next(Struct, frozen=True):
    """What helps against a shortage: an event to wait for, or an exception to ask for."""

    wait_for: Literal["decision.released"] = "decision.released"
    exception: Literal["/quota/v1/overrides"] = "/quota/v1/overrides"


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision as it was answered first, and as every repeat is answered.

    `available_after` is what is left in the accounts that it may draw from.
    """

    decision_id: str
    municipal_id: str | None = None
    outcome: Outcome
    state: DecisionState
    reservation: Reservation | None = None
    calculation: Calculation | None = None
    competence: Competence | None = None
    reasons: tuple[Reason, ...] = ()
    next: Next | None = None
    available_after: Available | None = None


class OpenInAccounts(Struct, frozen=True):
    """What is reserved in some accounts by now, and when the first of it expires."""

    count: int = 0
    cents: int = 0
    next_expiry_at: datetime | None = None


def reason_of_shortage(shortage: Shortage, *, reserved: OpenInAccounts) -> Reason:
    """Return the limit that was hit, what is needed and free, and what may become free when."""
    told = OpenReservations(reserved.count, reserved.cents)
    if shortage.limit == "persons":
        return Reason(
            code=EXHAUSTED,
            limit=shortage.limit,
            needed_persons=shortage.needed,
            available_persons=shortage.available,
            open_reservations=told,
            next_expiry_at=reserved.next_expiry_at,
        )
    return Reason(
        code=EXHAUSTED,
        limit=shortage.limit,
        needed_cents=shortage.needed,
        available_cents=shortage.available,
        open_reservations=told,
        next_expiry_at=reserved.next_expiry_at,
    )


def reason_of_refusal(refused: CalculationRefused) -> Reason:
    """Return why nothing can be reserved, whatever is free."""
    return Reason(code=refused.code, rule_rows=refused.rule_rows)


def reason_of_other(other: NotCompetent) -> Reason:
    """Return who is competent instead, and by which rule."""
    return Reason(
        code=other.code,
        rule=other.rule,
        competent_authority=other.competent_authority,
        te_office_code=other.te_office_code,
        matched_on=other.matched_on,
    )
