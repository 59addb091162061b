"""Domain values shaped into the wire types of `routing_api.schemas`.

A first answer and its repeat have the same shape.
"""

from datetime import datetime

from routing_api.operations.law import Law
from routing_api.operations.repeats import Registered
from routing_api.rules.clienthoods import Responsible as ResponsibleValue
from routing_api.rules.decisions import Decision, Names
from routing_api.rules.explaining import client_text, explain, names_of
from routing_api.rules.judging import Judgement
from routing_api.rules.reviews import Review
from routing_api.rules.transfers import Transfer
from routing_api.schemas import (
    DecisionResponse,
    DueNotice,
    OfferedTransfer,
    OpenedReview,
    Recomputed,
    Responsible,
    ReviewResponse,
    RuleSetName,
    ShortDecision,
    TransferResponse,
)

PREFIX = "/routing/v1"


def responsible_answer(value: ResponsibleValue | Decision) -> Responsible:
    """Return who is responsible: the municipality with area and case system, or the TE office."""
    if value.authority == "te_office":
        return Responsible("te_office", te_office_code=value.te_office_code)
    return Responsible(
        "municipality", value.municipality_code, value.area_code, value.case_system_id
    )


def decision_answer(
    decision: Decision, *, law: Law, recomputed: Recomputed | None = None
) -> DecisionResponse:
    """Return a decision with every ground, its sources and facts, and the text for the client."""
    rule_set = law.rule_sets.find(decision.rule_set_id, decision.rule_set_version)
    return DecisionResponse(
        registration_id=decision.registration_id,
        decision_id=decision.decision_id,
        client_id=decision.client_id,
        outcome=decision.outcome,
        cause=decision.cause,
        decided_by=decision.decided_by,
        effective_on=decision.effective_on,
        decided_at=decision.decided_at,
        responsible=responsible_answer(decision),
        grounds=explain(decision.grounds, facts=decision.facts, rule_set=rule_set),
        rule_set=RuleSetName(decision.rule_set_id, decision.rule_set_version),
        register_version=decision.register_version,
        transfer=_transfer(decision),
        notice=None if decision.notice_due_on is None else DueNotice("due", decision.notice_due_on),
        review=_review(decision),
        client_text=client_text(
            _judgement(decision),
            rule_set=rule_set,
            names=_names(decision, law=law),
            effective_on=decision.effective_on,
        ),
        recomputed=recomputed,
    )


def _names(decision: Decision, *, law: Law) -> Names | None:
    """Return the names of the day of the decision; of today, where the release before stored it."""
    return decision.names or names_of(
        decision.municipality_code, register=law.registers.newest, on=decision.effective_on
    )


def _transfer(decision: Decision) -> OfferedTransfer | None:
    if decision.transfer_id is None or decision.acknowledge_due_at is None:
        return None
    return OfferedTransfer(decision.transfer_id, "offered", decision.acknowledge_due_at)


def _review(decision: Decision) -> OpenedReview | None:
    if decision.review_id is None or decision.review_reason is None:
        return None
    assert decision.review_due_on is not None, "a review has a due day"
    return OpenedReview(
        decision.review_id,
        decision.review_reason,
        decision.missing_facts,
        decision.review_due_on,
        f"{PREFIX}/reviews/{decision.review_id}:resolve",
    )


def _judgement(decision: Decision) -> Judgement:
    return Judgement(
        decision.outcome,
        decision.decided_by,
        decision.te_office_code,
        decision.grounds,
        decision.municipality_code,
        decision.area_code,
        decision.case_system_id,
    )


def short_answer(registered: Registered) -> ShortDecision:
    """Return a decision as a bulk call tells it."""
    decision = registered.decision
    return ShortDecision(
        registration_id=decision.registration_id,
        decision_id=decision.decision_id,
        client_id=decision.client_id,
        outcome=decision.outcome,
        decided_by=decision.decided_by,
        responsible=responsible_answer(decision),
        transfer_id=decision.transfer_id,
        review_id=decision.review_id,
    )


def review_answer(review: Review) -> ReviewResponse:
    """Return a review; its owner is the TE office that is responsible while it is open."""
    return ReviewResponse(
        review_id=review.review_id,
        client_id=review.client_id,
        registration_id=review.registration_id,
        decision_id=review.decision_id,
        owner=review.te_office_code,
        reason=review.reason,
        missing_facts=review.missing_facts,
        state=review.state,
        opened_at=review.opened_at,
        due_on=review.due_on,
        resolved_at=review.resolved_at,
        outcome=review.outcome,
        resolution_reason=review.resolution_reason,
        resolving_decision_id=review.resolving_decision_id,
    )


def transfer_answer(transfer: Transfer, *, now: datetime) -> TransferResponse:
    """Return a transfer with the flags that stand at `now`."""
    flags = {
        "overdue": transfer.is_overdue(now=now),
        "without_notice": transfer.notice_id is None and transfer.state != "withdrawn",
    }
    return TransferResponse(
        transfer_id=transfer.transfer_id,
        client_id=transfer.client_id,
        clienthood_version=transfer.clienthood_version,
        case_system_id=transfer.case_system_id,
        municipality_code=transfer.municipality_code,
        area_code=transfer.area_code,
        te_office_code=transfer.te_office_code,
        cause=transfer.cause,
        effective_on=transfer.effective_on,
        state=transfer.state,
        flags=[name for name, stands in flags.items() if stands],
        acknowledge_due_at=transfer.acknowledge_due_at,
        acknowledged_at=transfer.acknowledged_at,
        taken_over_at=transfer.taken_over_at,
        caseworker_id=transfer.caseworker_id,
        contact_point=transfer.contact_point,
        notice_due_on=transfer.notice_due_on,
        notified_at=transfer.notified_at,
        notice_channel=transfer.notice_channel,
        notice_language_code=transfer.notice_language_code,
    )
