"""What is answered to a decision, and what it is stored with."""

from collections.abc import Sequence

from msgspec import Struct

from quota_ledger.operations.judging import Declined, Wanted
from quota_ledger.operations.reserving import Reserved
from quota_ledger.operations.submissions import Submission
from quota_ledger.rules.booked import Entry
from quota_ledger.rules.calculations import Calculation, YearDraw, charged
from quota_ledger.rules.posting import Shortage
from quota_ledger.rules.verdicts import (
    Next,
    OpenInAccounts,
    Reservation,
    Verdict,
    reason_of_shortage,
)


class Decided(Struct, frozen=True, kw_only=True):
    """A decision with its verdict, the entries of its reservation, and what it would cost."""

    submission: Submission
    verdict: Verdict
    calculation: Calculation | None
    entries: Sequence[Entry] = ()
    is_restricted: bool


def reserved(wanted: Wanted, outcome: Reserved) -> Decided:
    """Return a decision for which money is reserved."""
    submission = wanted.submission
    calculation = charged_to(wanted.calculation, outcome.entries, wanted=wanted)
    verdict = Verdict(
        decision_id=submission.decision_id,
        municipal_id=submission.item.municipal_id,
        outcome="reserved",
        state="reserved",
        reservation=Reservation(
            reservation_id=outcome.entries[0].entry_id,
            cents=calculation.total_cents,
            persons=max(entry.change.bound_persons for entry in outcome.entries),
            expires_at=outcome.expires_at,
        ),
        calculation=calculation,
        competence=wanted.competence,
        available_after=outcome.left,
    )
    return Decided(
        submission=submission,
        verdict=verdict,
        calculation=calculation,
        entries=outcome.entries,
        is_restricted=wanted.is_restricted,
    )


def charged_to(
    calculation: Calculation, entries: Sequence[Entry], *, wanted: Wanted
) -> Calculation:
    """Return a calculation with its months charged to the years that were drawn."""
    draws = [
        YearDraw(entry.balance.key.budget_year, entry.change.reserved_cents) for entry in entries
    ]
    if [one.budget_year for one in draws] == [wanted.submission.item.budget_year]:
        return calculation
    return charged(calculation, draws)


def refused(wanted: Wanted, shortage: Shortage, *, opened: OpenInAccounts) -> Decided:
    """Return a decision that did not fit."""
    submission = wanted.submission
    verdict = Verdict(
        decision_id=submission.decision_id,
        outcome="refused",
        state="refused",
        reasons=(reason_of_shortage(shortage, reserved=opened),),
        next=Next(),
    )
    return Decided(
        submission=submission,
        verdict=verdict,
        calculation=wanted.calculation,
        is_restricted=wanted.is_restricted,
    )


def declined(one: Declined) -> Decided:
    """Return a decision for which nothing is reserved, whatever is free."""
    verdict = Verdict(
        decision_id=one.submission.decision_id,
        outcome=one.outcome,
        state="refused",
        reasons=(one.reason,),
    )
    return Decided(
        submission=one.submission,
        verdict=verdict,
        calculation=None,
        is_restricted=one.is_restricted,
    )
