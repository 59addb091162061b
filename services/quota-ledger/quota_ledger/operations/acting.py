"""Act on a decision: grant, change, interrupt, end, cancel, refuse; what it frees goes home."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import idempotency
from kuntavayla.database import Connection
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.service.errors import DecisionNotFound, MunicipalityNotServed
from quota_ledger.errors import ChangeBelowPaid, DecisionStateRefuses, GrantAboveReservation
from quota_ledger.operations import stepping
from quota_ledger.operations.drawing import Drawn, draw_more
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.reading import item_of
from quota_ledger.operations.stepped import Kept, Taken, charged_plan, decision_behind, step_of
from quota_ledger.operations.stepping import Held
from quota_ledger.operations.telling import StepWriting
from quota_ledger.rules.booked import Booked, Entry
from quota_ledger.rules.decided import Decision, DecisionFilter
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.plans import AboveReservation, BelowPaid, Plan, plan
from quota_ledger.rules.posting import Posting, Refs, Shortage
from quota_ledger.rules.states import DecisionState
from quota_ledger.rules.step_requests import (
    ChangeRequest,
    EndRequest,
    GrantRequest,
    StepRequest,
    StepVerdict,
    end_faults,
    kept_faults,
    resume_faults,
)
from quota_ledger.rules.steps import KINDS, Action, legs_between, next_state
from quota_ledger.rules.verdicts import EXHAUSTED, Reason
from quota_ledger.store import steps, stories

_encode = msgspec.json.Encoder().encode


class Acted(Struct, frozen=True):
    """What an act came to; a replay answers with what it came to first."""

    verdict: StepVerdict
    is_replay: bool


class Stale(Struct, frozen=True):
    """The decision has another version than the caller has seen; nothing was changed."""


class Act(Struct, frozen=True, kw_only=True):
    """An act as it was asked for; `versions` are those that the caller has seen."""

    decision_id: str
    action: Action
    body: StepRequest
    versions: frozenset[int]
    query: DecisionFilter


async def act(connection: Connection, asked: Act, *, desk: OrderDesk) -> Acted | Stale:
    """Act on a decision once, all of it or nothing.

    Locks the idempotency key, then the accounts in order of their ids, then the decision, then the
    outbox head. Commits together: the decision, what it holds, entries, a step of its story, a line
    of the audit, events. Raises DecisionNotFound, MunicipalityNotServed, InvalidContent,
    DecisionStateRefuses, GrantAboveReservation, ChangeBelowPaid, IdempotencyKeyReused; LostRace
    where it has come to hold of other accounts in between.
    """
    known = await idempotency.claim_one(connection, desk.use)
    decision = await stories.find(connection, asked.decision_id)
    if decision is None or not asked.query.admits_act(decision):
        raise DecisionNotFound
    if known is not None:
        return Acted(await _kept(connection, asked, step_id=known.result_id), is_replay=True)
    _require_served(decision, desk=desk)
    change = asked.body.decision if isinstance(asked.body, ChangeRequest) else None
    held = await stepping.lock(connection, decision, today=desk.moment.today, change=change)
    repeated = await _granted_before(connection, asked, held=held)
    if repeated is not None:
        return Acted(repeated, is_replay=True)
    if held.decision.version not in asked.versions:
        return Stale()
    state = _state_behind(asked, held.decision, now=desk.moment.now)
    planned = _planned(asked, held, desk=desk)
    return await _do(connection, asked, held=held, planned=planned, state=state, desk=desk)


def _require_served(decision: Decision, *, desk: OrderDesk) -> None:
    """Let only who serves the municipality today act on its decisions."""
    system = desk.law.register.case_system(desk.call.organisation)
    code = decision.municipality_code
    if system is None or not system.serves(code, on=desk.moment.today):
        raise MunicipalityNotServed(municipality_code=code)


async def _kept(connection: Connection, asked: Act, *, step_id: str) -> StepVerdict:
    """Return what an act came to when it was made."""
    story = await stories.list_steps(connection, asked.decision_id)
    contents = (msgspec.json.decode(one.content or b"{}") for one in story)
    [found] = [one for one in contents if one.get("step_id") == step_id]
    return msgspec.convert(found["verdict"], StepVerdict)


async def _granted_before(connection: Connection, asked: Act, *, held: Held) -> StepVerdict | None:
    """Return what a grant came to that is sent again with the same content, by another key."""
    if not isinstance(asked.body, GrantRequest) or held.decision.state != "granted":
        return None
    for step in await stories.list_steps(connection, asked.decision_id):
        if step.action == "grant" and step.content is not None:
            content = msgspec.json.decode(step.content)
            if content["body"] == msgspec.json.decode(_encode(asked.body)):
                return msgspec.convert(content["verdict"], StepVerdict)
    return None


def _state_behind(asked: Act, decision: Decision, *, now: datetime) -> DecisionState:
    """Return the state behind an act; a reservation whose end has passed counts as expired."""
    is_over = decision.state == "reserved" and decision.has_ended(now)
    stands: DecisionState = "expired" if is_over else decision.state
    state = next_state(asked.action, stands)
    if state is None:
        raise DecisionStateRefuses(state=stands, action=asked.action)
    return state


def _planned(asked: Act, held: Held, *, desk: OrderDesk) -> Plan:
    body, stands = asked.body, item_of(held.decision)
    _refuse_faults(body, stands=stands, state=held.decision.state)
    planned = plan(
        body,
        decision=held.decision,
        stands=stands,
        holdings=held.holdings,
        tables=desk.law.tables,
    )
    match planned:
        case Plan():
            return planned
        case AboveReservation():
            raise GrantAboveReservation(reserved_cents=planned.reserved_cents)
        case BelowPaid():
            raise ChangeBelowPaid(paid_cents=planned.paid_cents, needed_cents=planned.needed_cents)


def _refuse_faults(body: StepRequest, *, stands: DecisionItem, state: DecisionState) -> None:
    faults: tuple[Fault, ...] = ()
    if isinstance(body, ChangeRequest):
        faults = tuple(kept_faults(body.decision, stands=stands))
        if state == "interrupted":
            faults += tuple(resume_faults(body.decision, stands=stands))
    elif isinstance(body, EndRequest):
        faults = tuple(end_faults(body.last_on, stands=stands))
    if faults:
        raise InvalidContent(faults)


async def _do(
    connection: Connection,
    asked: Act,
    *,
    held: Held,
    planned: Plan,
    state: DecisionState,
    desk: OrderDesk,
) -> Acted:
    """Draw what is needed besides, book what changes, and write the step."""
    drawn = draw_more(held, planned, state=state)
    if isinstance(drawn, Shortage):
        taken, verdict = _refused(asked, held, drawn, desk=desk)
    else:
        planned = charged_plan(planned, drawn.holdings)
        taken = Taken(
            action=asked.action,
            call=desk.call,
            before=held.decision,
            after=decision_behind(held.decision, planned, state=state, moment=desk.moment),
            held_before=held.holdings,
            holdings=drawn.holdings,
            entries=_book(asked, held, drawn, desk=desk),
            calculation=planned.calculation,
        )
        verdict = taken.verdict(held)
    numbers = await steps.last_numbers(connection, [asked.decision_id])
    number = numbers[asked.decision_id] + 1
    kept = Kept(desk.use.result_id, asked.body, verdict)
    step = step_of(taken, number=number, moment=desk.moment, kept=kept)
    writing = StepWriting(desk.law, desk.moment)
    writing.add(taken, step, outcome=verdict.outcome)
    await writing.write(connection, held.ledger)
    return Acted(verdict, is_replay=False)


def _book(asked: Act, held: Held, drawn: Drawn, *, desk: OrderDesk) -> Sequence[Entry]:
    refs = Refs(
        value_on=desk.moment.today,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        decision_id=asked.decision_id,
        reason=None if isinstance(asked.body, GrantRequest) else asked.body.reason_code,
        document=asked.body.document if isinstance(asked.body, GrantRequest) else None,
    )
    legs = legs_between(
        held.holdings,
        drawn.holdings,
        kind=KINDS[asked.action],
        client_id=held.decision.client_id,
    )
    booked = held.ledger.book(Posting(legs=legs, refs=refs), moment=desk.moment)
    assert isinstance(booked, Booked), "what was drawn is free, and what is freed always fits"
    return booked.entries


def _refused(
    asked: Act, held: Held, shortage: Shortage, *, desk: OrderDesk
) -> tuple[Taken, StepVerdict]:
    """Return a change that does not fit: nothing changes, and its story says so."""
    taken = Taken(
        action=asked.action,
        call=desk.call,
        before=held.decision,
        after=held.decision,
        held_before=held.holdings,
        holdings=held.holdings,
    )
    reason = Reason(
        code=EXHAUSTED,
        limit=shortage.limit,
        needed_cents=None if shortage.limit == "persons" else shortage.needed,
        available_cents=None if shortage.limit == "persons" else shortage.available,
        needed_persons=shortage.needed if shortage.limit == "persons" else None,
        available_persons=shortage.available if shortage.limit == "persons" else None,
    )
    verdict = replace(taken.verdict(held), outcome="refused", reasons=(reason,))
    return taken, verdict
