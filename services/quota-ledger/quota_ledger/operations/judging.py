"""Who is competent, and what is wanted: everything about a decision that no account is asked."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla.errors import DomainError
from kuntavayla.service.errors import MunicipalityNotServed
from kuntavayla.values.responsibilities import Responsibility, is_restricted
from quota_ledger.errors import ClientNotKnown
from quota_ledger.operations.law import Law
from quota_ledger.operations.submissions import Submission
from quota_ledger.rules import competence
from quota_ledger.rules.calculations import Calculation, CalculationRefused
from quota_ledger.rules.competence import Circumstances, Competence, NotCompetent, judge
from quota_ledger.rules.states import Outcome
from quota_ledger.rules.verdicts import Reason, reason_of_other, reason_of_refusal

CLIENT_RETRY_AFTER_S = 5
"""When to ask again for a client whose transfer is still on its way to us."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A decision of a competent municipality, with what it costs: money is to be reserved."""

    submission: Submission
    competence: Competence
    calculation: Calculation
    is_restricted: bool

    @property
    def decided_on(self) -> date:
        """Return the day decided on."""
        return self.submission.decided_on


class Declined(Struct, frozen=True, kw_only=True):
    """A decision for which nothing is reserved, whatever is free."""

    submission: Submission
    outcome: Outcome
    reason: Reason
    competence: Competence | None
    is_restricted: bool


Judged = Wanted | Declined | DomainError


def judged(submission: Submission, *, versions: Sequence[Responsibility], law: Law) -> Judged:
    """Say whether a decision may want money; `versions` are all that is known of its client."""
    circumstances = Circumstances(
        tables=law.tables, register=law.register, sender=submission.sender, versions=versions
    )
    found = judge(submission.item, circumstances=circumstances, decided_on=submission.decided_on)
    match found:
        case competence.ClientNotKnown():
            return ClientNotKnown(retry_after_s=CLIENT_RETRY_AFTER_S)
        case MunicipalityNotServed():
            return found
        case NotCompetent():
            return Declined(
                submission=submission,
                outcome="not_competent",
                reason=reason_of_other(found),
                competence=None,
                # Of whom nothing is known it is not known either that no ban holds.
                is_restricted=is_restricted(versions) if versions else True,
            )
        case Competence():
            return _wanted(submission, found, is_restricted=is_restricted(versions))


def _wanted(submission: Submission, found: Competence, *, is_restricted: bool) -> Wanted | Declined:
    calculation = submission.calculation
    match calculation:
        case CalculationRefused():
            return Declined(
                submission=submission,
                outcome="refused",
                reason=reason_of_refusal(calculation),
                competence=found,
                is_restricted=is_restricted,
            )
        case Calculation():
            return Wanted(
                submission=submission,
                competence=found,
                calculation=calculation,
                is_restricted=is_restricted,
            )
