"""Decisions shaped into the wire types of `quota_ledger.schemas.decisions`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quota_ledger.operations.reading import Recomputation, calculation_of
from quota_ledger.operations.verdicts import Decided
from quota_ledger.rules.booked import ListedEntry
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.decided import Decision, Holding, Step, Story
from quota_ledger.rules.step_requests import StepVerdict
from quota_ledger.rules.verdicts import Reason
from quota_ledger.schemas.balances import Cents, CentsAndPersons
from quota_ledger.schemas.decisions import (
    DecisionEntry,
    DecisionPreview,
    DecisionResponse,
    HoldingResponse,
    ListedDecision,
    Recomputed,
    StepResponse,
)

_LISTED = ListedDecision.__struct_fields__
_decode_reasons = msgspec.json.Decoder(tuple[Reason, ...]).decode


class _Kept(Struct, frozen=True):
    """What a step is stored with, as far as it is read here."""

    verdict: StepVerdict


_decode_kept = msgspec.json.Decoder(_Kept).decode
_decode_calculation = msgspec.json.Decoder(Calculation).decode


def preview_answer(decided: Decided) -> DecisionPreview:
    """Return what a decision would be answered with."""
    verdict = decided.verdict
    return DecisionPreview(
        outcome=verdict.outcome,
        calculation=decided.calculation,
        competence=verdict.competence,
        reasons=verdict.reasons,
        available_after=verdict.available_after,
    )


def listed_answer(decision: Decision) -> ListedDecision:
    """Return a decision as a list shows it."""
    return ListedDecision(**_listed(decision))


def story_answer(story: Story, *, recomputed: Recomputation | None) -> DecisionResponse:
    """Return a decision with all that belongs to it."""
    decision = story.decision
    told = None
    if recomputed is not None:
        told = Recomputed(is_equal=recomputed.is_equal, calculation=recomputed.calculation)
    return DecisionResponse(
        **_listed(decision),
        service_code=decision.service_code,
        starts_on=decision.starts_on,
        ends_on=decision.ends_on,
        calculation=calculation_of(decision),
        granted=_granted(story.steps),
        reasons=_decode_reasons(decision.reasons),
        paid=Cents(decision.paid_cents),
        recovered=Cents(decision.recovered_cents),
        holdings=[_holding(one) for one in story.holdings],
        entries=[_entry(account_id, one) for account_id, one in story.entries],
        steps=[_step(one) for one in story.steps],
        recomputed=told,
    )


def _listed(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in _LISTED}


def _granted(steps: Sequence[Step]) -> Cents | None:
    """Return what the grant has committed; None before it, and behind a change."""
    granted: Cents | None = None
    for step in steps:
        if step.action not in ("grant", "change") or step.content is None:
            continue
        verdict = _decode_kept(step.content).verdict
        if verdict.outcome == "done":
            granted = Cents(verdict.committed_cents) if step.action == "grant" else None
    return granted


def _holding(one: Holding) -> HoldingResponse:
    return HoldingResponse(
        account_id=one.account_id,
        budget_year=one.budget_year,
        reserved=Cents(one.reserved_cents),
        committed=Cents(one.committed_cents),
        paid=Cents(one.paid_cents),
    )


def _entry(account_id: str, one: ListedEntry) -> DecisionEntry:
    change = one.change
    return DecisionEntry(
        account_id=account_id,
        position=one.position,
        entry_id=one.entry_id,
        kind=one.kind,
        booked_at=one.booked_at,
        value_on=one.value_on,
        reserved=CentsAndPersons(change.reserved_cents, change.reserved_persons),
        committed=CentsAndPersons(change.committed_cents, change.committed_persons),
        paid=Cents(change.paid_cents),
        paid_excess=Cents(change.paid_excess_cents),
        lapsed=Cents(change.lapsed_cents),
    )


def _step(one: Step) -> StepResponse:
    calculation = one.calculation
    return StepResponse(
        number=one.number,
        action=one.action,
        at=one.at,
        organisation=one.organisation,
        official_id=one.official_id,
        reason=one.reason,
        calculation=None if calculation is None else _decode_calculation(calculation),
        entry_ids=one.entry_ids,
    )
