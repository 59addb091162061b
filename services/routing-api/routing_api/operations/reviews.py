"""Reviews: list what is open, and resolve it.

Facts that were missing resolve it, or an official's discretion.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from kuntavayla import idempotency
from kuntavayla.database import Connection
from kuntavayla.idempotency import KeyUse
from kuntavayla.register import Register
from kuntavayla.service.moments import Call, Moment
from kuntavayla.values.codes import MunicipalityCode, TriState
from routing_api.errors import (
    FactsErased,
    MunicipalityNotInAnArea,
    ResolutionContradictsRules,
    ReviewClosed,
    ReviewNotFound,
)
from routing_api.operations.deciding import Case, Decider
from routing_api.operations.effects import Effects
from routing_api.operations.law import Law
from routing_api.operations.repeats import Registered
from routing_api.operations.transfers import Party
from routing_api.rules.clienthoods import ClientState
from routing_api.rules.facts import Facts, MotherTongueGroup
from routing_api.rules.gathering import on_another_day, with_home
from routing_api.rules.judging import Judgement, judge
from routing_api.rules.registrations import Entitlement
from routing_api.rules.reviews import Review, ReviewFilter
from routing_api.rules.rule_sets import RuleSet
from routing_api.store import clients, decisions, registrations, reviews

BY_OFFICIAL = "official"
"""Decided by an official's discretion, where the rules themselves leave the question open."""


class ResolvedFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that the review has cleared up; what is left out stays as it was."""

    earnings_related_entitlement: Entitlement | UnsetType = UNSET
    has_finnish_citizenship: TriState | UnsetType = UNSET
    mother_tongue_group: MotherTongueGroup | UnsetType = UNSET
    home_municipality_code: MunicipalityCode | UnsetType = UNSET


class Resolution(Struct, frozen=True, kw_only=True):
    """How an official resolves a review."""

    outcome: Literal["municipality", "te_office"]
    reason: str
    facts: ResolvedFacts


class ResolutionDesk(Struct, frozen=True, kw_only=True):
    """What a resolution is made with; `use.result_id` is the id that the new decision gets."""

    use: KeyUse
    call: Call
    law: Law
    moment: Moment


async def list_of(
    connection: Connection, query: ReviewFilter, *, after: str, limit: int
) -> Sequence[Review]:
    """List reviews in order of their ids."""
    return await reviews.list_reviews(connection, query, after=after, limit=limit)


async def load(connection: Connection, review_id: str, *, party: Party) -> Review:
    """Return a review of the party's own.

    Raises ReviewNotFound alike for unknown and not its own.
    """
    review = await reviews.find_review(connection, review_id)
    if review is None or party.te_office_code not in (None, review.te_office_code):
        raise ReviewNotFound
    if review.is_restricted and not party.may_see_restricted:
        raise ReviewNotFound
    return review


async def find_replay(connection: Connection, use: KeyUse) -> Registered | None:
    """Claim the key of a resolution; return the first call's decision where this one repeats it.

    Locks the key until the caller's transaction ends. Raises IdempotencyKeyReused for another body.
    """
    known = await idempotency.claim_one(connection, use)
    if known is None:
        return None
    stored = await decisions.load_decisions(connection, [known.result_id])
    return Registered(stored[known.result_id], is_replay=True)


async def resolve(
    connection: Connection, review: Review, resolution: Resolution, *, desk: ResolutionDesk
) -> Registered:
    """Decide the case of a review anew.

    Locks the client. The rules of the day of effect judge the cleared facts; where they still leave
    the question open, the official's outcome stands; where they decide otherwise, it raises
    ResolutionContradictsRules. Responsibility changes on the day of the resolution, because the TE
    office is responsible while a review is open.
    """
    call, moment = desk.call, desk.moment
    state = (await clients.lock_by_id(connection, [review.client_id]))[review.client_id]
    if state.review_id != review.review_id:
        raise ReviewClosed
    case = await _case(connection, review, resolution, state=state, desk=desk)
    effects = Effects()
    decision, _ = Decider(desk.law, moment, effects).decide(case, state=state)
    effects.witness(
        call,
        action="review.resolved",
        outcome=decision.outcome,
        moment=moment,
        client_id=review.client_id,
        resource_id=review.review_id,
        rule_version=f"{decision.rule_set_id}/{decision.rule_set_version}",
    )
    await effects.write(connection, moment=moment)
    return Registered(decision, is_replay=False)


async def witness_refusal(
    connection: Connection, review_id: str, *, code: str, desk: ResolutionDesk
) -> None:
    """Put a refused resolution on record with the client concerned, whom the caller may not see."""
    review = await reviews.find_review(connection, review_id)
    effects = Effects()
    effects.witness(
        desk.call,
        action="review.resolved",
        outcome=code,
        moment=desk.moment,
        client_id=review.client_id if review else None,
        resource_id=review_id,
    )
    await effects.write(connection, moment=desk.moment)


async def _case(
    connection: Connection,
    review: Review,
    resolution: Resolution,
    *,
    state: ClientState,
    desk: ResolutionDesk,
) -> Case:
    loaded = await decisions.load_decisions(connection, [review.decision_id])
    asked = loaded[review.decision_id]
    if asked.facts is None:
        raise FactsErased
    registration = await registrations.find_registration(connection, review.registration_id)
    assert registration is not None, "a review keeps its registration"
    register = await desk.law.registers.current(connection)
    today = desk.moment.today
    effective_on = max(today, asked.effective_on)
    rule_set = desk.law.rule_sets.applicable(effective_on=effective_on, known_on=today)
    stored = on_another_day(asked.facts, effective_on, register=register, rule_set=rule_set)
    facts = _cleared(stored, resolution.facts, register=register, rule_set=rule_set)
    judgement = _judgement(judge(facts, rule_set=rule_set), resolution.outcome, facts=facts)
    return Case(
        decision_id=desk.use.result_id,
        client_id=review.client_id,
        registration_id=review.registration_id,
        source_system=registration.source_system,
        client_number=registration.client_number,
        effective_on=effective_on,
        facts=facts,
        judgement=judgement,
        rule_set=rule_set,
        register=register,
        is_restricted=state.is_restricted,
        call=desk.call,
        resolution_reason=resolution.reason,
    )


def _cleared(
    facts: Facts, resolved: ResolvedFacts, *, register: Register, rule_set: RuleSet
) -> Facts:
    """Return the facts with what the review has cleared up and a rule of the day reads."""
    given = {name: value for name, value in asdict(resolved).items() if value is not UNSET}
    code = given.pop("home_municipality_code", None)
    cleared = facts if rule_set.target_group is None else replace(facts, **given)
    if code is None:
        return cleared
    return with_home(cleared, code, register=register, rule_set=rule_set)


def _judgement(judged: Judgement, wanted: str, *, facts: Facts) -> Judgement:
    if judged.outcome == wanted:
        return judged
    if judged.outcome != "review":
        raise ResolutionContradictsRules(outcome=judged.outcome, decided_by=judged.decided_by)
    open_question = replace(judged, decided_by=BY_OFFICIAL, review_reason=None, missing_facts=())
    if wanted == "te_office":
        return replace(open_question, outcome="te_office")
    if facts.area_code is None or facts.case_system_id is None:
        raise MunicipalityNotInAnArea
    return replace(
        open_question,
        outcome="municipality",
        municipality_code=facts.home_municipality_code,
        area_code=facts.area_code,
        case_system_id=facts.case_system_id,
    )
