"""The bodies of the calls that act on a decision; wire type and domain value are one."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Reference
from kuntavayla.values.faults import reference_faults
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.rules.amounts import CentsAboveZero
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.items import DecisionItem, PaySubsidyItem
from quota_ledger.rules.states import DecisionState, StepAction
from quota_ledger.rules.verdicts import Available, Reason

ReasonCode = Literal[
    "employment_ended",
    "employment_not_begun",
    "business_ended",
    "absence",
    "course_ended",
    "conditions_not_met",
    "client_moved",
    "prolonged",
    "facts_corrected",
    "applicant_withdrew",
    "other",
]
"""Why something is done, as a code; of health it says nothing. Source: sources.md#step-reasons."""


class GrantRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The municipality grants; without an amount all that is reserved."""

    amount_cents: CentsAboveZero | None = None
    document: Reference | None = None
    acting_official: ActingOfficial | None = None


class ReleaseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The municipality cancels a decision, or refuses the client what was reserved."""

    reason_code: ReasonCode
    acting_official: ActingOfficial | None = None


class EndRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paying stops behind `last_on`, for a time or for good."""

    last_on: date
    reason_code: ReasonCode
    acting_official: ActingOfficial | None = None


class ChangeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole decision as it is from now on; `decided_on` in it is the day of the change."""

    decision: DecisionItem
    reason_code: ReasonCode
    acting_official: ActingOfficial | None = None


StepRequest = GrantRequest | ReleaseRequest | EndRequest | ChangeRequest
_KEPT = (
    "municipal_id",
    "instrument",
    "client_id",
    "municipality_code",
    "area_code",
    "service_code",
)


class StepVerdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an act came to; `refused` says that more was needed than is free: nothing changed.

    `reserved_cents` and `committed_cents` are what the decision holds now, `released_cents` what
    the act has freed.
    """

    decision_id: str
    action: StepAction
    outcome: Literal["done", "refused"]
    state: DecisionState
    version: int
    reserved_cents: int
    committed_cents: int
    paid_cents: int
    released_cents: int
    entry_ids: tuple[str, ...]
    calculation: Calculation | None = None
    reasons: tuple[Reason, ...] = ()
    available_after: Available | None = None


def kept_faults(item: DecisionItem, *, stands: DecisionItem) -> Iterator[Fault]:
    """Yield what a change may not change: that is another decision."""
    advice = "Give what stands; what differs is another decision."
    for name in _KEPT:
        if getattr(item, name) != getattr(stands, name):
            yield Fault(f"/decision/{name}", "must_stay", advice)
    if _employer_id(item) != _employer_id(stands):
        yield Fault("/decision/employer/business_id", "must_stay", advice)


def resume_faults(item: DecisionItem, *, stands: DecisionItem) -> Iterator[Fault]:
    """Yield that what was interrupted would begin anew: what was paid before would be lost."""
    if item.period.starts_on > stands.period.ends_on:
        advice = "Keep the first day; the days between are the pause, which is not paid."
        yield Fault("/decision/period/starts_on", "behind_interruption", advice)


def _employer_id(item: DecisionItem) -> str | None:
    return item.employer.business_id if isinstance(item, PaySubsidyItem) else None


def text_faults(body: StepRequest) -> list[Fault]:
    """Return the texts that hold what they may not hold."""
    document = body.document if isinstance(body, GrantRequest) else None
    return reference_faults([("/document", document)])


def end_faults(last_on: date, *, stands: DecisionItem) -> Iterator[Fault]:
    """Yield that the last day paid is not one of the period."""
    period = stands.period
    if not period.starts_on <= last_on <= period.ends_on:
        advice = "Give a day of the period; what has not begun is cancelled."
        yield Fault("/last_on", "outside_period", advice)
