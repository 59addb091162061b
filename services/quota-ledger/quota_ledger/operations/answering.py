"""Overrides answered by the ELY centre: approved, the decision is reserved at once; or refused."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.operations.witnessing import line_of
from quota_ledger.errors import (
    OverrideAnswered,
    OverrideNeedsAnother,
    OverrideNotPossible,
    OverrideTooSmall,
)
from quota_ledger.events import DecisionReservedV1, OverrideApprovedV1, OverrideRefusedV1
from quota_ledger.operations import stepping
from quota_ledger.operations.announcing import threshold_drafts
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.override_telling import override_drafts
from quota_ledger.operations.overrides import find_seen, raised_accounts
from quota_ledger.operations.reading import calculation_of, item_of
from quota_ledger.operations.stepping import Held
from quota_ledger.rules.areas import recipient_of
from quota_ledger.rules.balances import NOTHING
from quota_ledger.rules.booked import Booked, Crossing, Entry
from quota_ledger.rules.calculations import Calculation, YearDraw, charged
from quota_ledger.rules.decided import Decision, Holding, Step, end_of_reservation
from quota_ledger.rules.overrides import (
    Answer,
    ApprovalRequest,
    FoundOverride,
    Override,
    OverrideFilter,
    approved,
    lacking_cents,
)
from quota_ledger.rules.posting import Draw, Leg, Posting, Refs, Shortage
from quota_ledger.store import overrides, steps, stories

_encode = msgspec.json.Encoder().encode


class Answered(Struct, frozen=True, kw_only=True):
    """What came of an override; entries are that of the override and those of the reservation."""

    override: Override
    outcome: Answer
    raised_cents: int = 0
    entry_ids: Sequence[str] = ()
    expires_at: datetime | None = None
    is_replay: bool


class _Reserved(Struct, frozen=True, kw_only=True):
    """A decision reserved by an override: what was raised, and what is behind it."""

    found: FoundOverride
    entries: Sequence[Entry]
    drawn: Sequence[Entry]
    crossings: Sequence[Crossing]
    calculation: Calculation
    expires_at: datetime


class Asking(Struct, frozen=True, kw_only=True):
    """An answer as it was asked for, by one who may see the override."""

    override_id: str
    body: ApprovalRequest
    query: OverrideFilter


async def approve(connection: Connection, asked: Asking, *, desk: OrderDesk) -> Answered:
    """Raise what is lacking, and reserve the decision with it: both or neither.

    Locks the idempotency key, then the accounts, the decision, the override, the outbox head.
    Commits together: entries, the decision and its step, the override, lines of the audit, events.
    Raises OverrideNotFound, OverrideAnswered, OverrideNeedsAnother, OverrideNotPossible,
    OverrideTooSmall, IdempotencyKeyReused; LostRace where accounts have changed in between.
    """
    known = await idempotency.claim_one(connection, desk.use)
    found = await find_seen(connection, asked.override_id, query=asked.query)
    if known is not None:
        return await _approved_before(connection, found.override)
    held, found = await _lock(connection, found, desk=desk)
    answered = _answered(found.override, asked, desk=desk)
    reserved = _book(held, replace(found, override=answered), desk=desk)
    reserved = replace(reserved, crossings=await held.ledger.write(connection))
    await _store(connection, held.decision, reserved, desk=desk)
    return Answered(
        override=reserved.found.override,
        outcome="approved",
        raised_cents=reserved.found.override.raised_cents,
        entry_ids=[one.entry_id for one in reserved.entries],
        expires_at=reserved.expires_at,
        is_replay=False,
    )


async def refuse(connection: Connection, asked: Asking, *, desk: OrderDesk) -> Answered:
    """Refuse an override: nothing is raised, and the decision stays refused.

    Locks as `approve`. Raises OverrideNotFound, OverrideAnswered, OverrideNeedsAnother,
    IdempotencyKeyReused.
    """
    known = await idempotency.claim_one(connection, desk.use)
    found = await find_seen(connection, asked.override_id, query=asked.query)
    if known is not None:
        return Answered(override=found.override, outcome="refused", is_replay=True)
    held, found = await _lock(connection, found, desk=desk)
    override = replace(_answered(found.override, asked, desk=desk), state="refused")
    await overrides.change(connection, [override])
    told = override_drafts(
        OverrideRefusedV1,
        replace(found, override=override),
        register=desk.law.register,
        call=desk.call,
        moment=desk.moment,
    )
    await _witness(connection, held.decision, override, outcome="refused", desk=desk)
    await outbox.append(connection, told, origin=desk.moment.origin)
    return Answered(override=override, outcome="refused", is_replay=False)


async def _approved_before(connection: Connection, override: Override) -> Answered:
    """Return the first answer again, from the decision's story."""
    story = await stories.list_steps(connection, override.decision_id)
    [step] = [one for one in story if one.action == "override"]
    content = msgspec.json.decode(step.content or b"{}")
    return Answered(
        override=override,
        outcome="approved",
        raised_cents=content["raised_cents"],
        entry_ids=step.entry_ids,
        expires_at=datetime.fromisoformat(content["expires_at"]),
        is_replay=True,
    )


async def _lock(
    connection: Connection, found: FoundOverride, *, desk: OrderDesk
) -> tuple[Held, FoundOverride]:
    """Lock accounts, decision and override; raises where it can not be answered by this call."""
    decision = await stories.find(connection, found.override.decision_id)
    assert decision is not None, "a decision never goes"
    held = await stepping.lock(
        connection, decision, today=desk.moment.today, change=item_of(decision)
    )
    [locked] = await overrides.lock(connection, [found.override.override_id])
    override = locked.override
    if override.state != "asked":
        raise OverrideAnswered(state=override.state)
    if override.is_past(desk.moment.today):
        raise OverrideAnswered(state="expired")
    is_same = override.asked_official_id.casefold() == desk.official_id.casefold()
    if is_same or override.asked_by == desk.call.organisation:
        raise OverrideNeedsAnother
    return held, locked


def _answered(override: Override, asked: Asking, *, desk: OrderDesk) -> Override:
    return replace(
        override,
        answered_by=desk.call.organisation,
        answered_official_id=desk.official_id,
        answered_at=desk.moment.now,
        answer_reason=asked.body.reason,
    )


def _book(held: Held, found: FoundOverride, *, desk: OrderDesk) -> _Reserved:
    """Raise what is lacking of a decision, and draw all that it needs; raises why it can not."""
    override, decision = found.override, held.decision
    balances = raised_accounts(held)
    calculation = calculation_of(decision)
    assert calculation is not None, "what was refused for want of money was calculated"
    needed = calculation.total_cents
    lacking = lacking_cents(needed, balances)
    if lacking > override.cents:
        raise OverrideTooSmall(lacking_cents=lacking, asked_cents=override.cents)
    account_id = balances[-1].account_id
    refs = _refs(override, desk=desk)
    entries: list[Entry] = []
    if lacking:
        change = replace(NOTHING, overridden_cents=lacking)
        leg = Leg(account_id=account_id, kind="override", change=change)
        raised = held.ledger.book(Posting(legs=(leg,), refs=refs), moment=desk.moment)
        assert isinstance(raised, Booked), "what is raised always fits"
        entries += raised.entries
    draw = Draw(account_ids=held.drawable, cents=needed, client_id=decision.client_id, refs=refs)
    drawn = held.ledger.book(draw, moment=desk.moment)
    if isinstance(drawn, Shortage):
        raise OverrideNotPossible(reason=f"short_of_{drawn.limit}")
    return _Reserved(
        found=replace(
            found,
            override=replace(approved(override, raised_cents=lacking), account_id=account_id),
            key=balances[-1].key,
        ),
        entries=[*entries, *drawn.entries],
        drawn=drawn.entries,
        crossings=(),
        calculation=_charged(calculation, drawn.entries, decision=decision),
        expires_at=end_of_reservation(
            desk.moment.today, received_on=desk.moment.today, days=desk.law.reservation_days
        ),
    )


def _refs(override: Override, *, desk: OrderDesk) -> Refs:
    return Refs(
        value_on=desk.moment.today,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        decision_id=override.decision_id,
        override_id=override.override_id,
        reason=override.answer_reason,
    )


def _charged(
    calculation: Calculation, drawn: Sequence[Entry], *, decision: Decision
) -> Calculation:
    draws = [YearDraw(one.balance.key.budget_year, one.change.reserved_cents) for one in drawn]
    if [one.budget_year for one in draws] == [decision.budget_year]:
        return calculation
    return charged(calculation, draws)


async def _store(
    connection: Connection, decision: Decision, reserved: _Reserved, *, desk: OrderDesk
) -> None:
    """Write decision, holdings, step and override, put both on record, tell; the outbox last."""
    override = reserved.found.override
    await overrides.reserve(
        connection,
        decision.decision_id,
        calculation=_encode(reserved.calculation).decode(),
        expires_at=reserved.expires_at,
    )
    await steps.keep_holdings(connection, [_holding(decision, one) for one in reserved.drawn])
    numbers = await steps.last_numbers(connection, [decision.decision_id])
    step = _step(decision, reserved, number=numbers[decision.decision_id] + 1, desk=desk)
    await steps.append(connection, [step])
    await overrides.change(connection, [override])
    await _witness(connection, decision, override, outcome="approved", desk=desk)
    await outbox.append(
        connection, _drafts(decision, reserved, desk=desk), origin=desk.moment.origin
    )


def _holding(decision: Decision, entry: Entry) -> Holding:
    return Holding(
        decision_id=decision.decision_id,
        account_id=entry.balance.account_id,
        budget_year=entry.balance.key.budget_year,
        reserved_cents=entry.change.reserved_cents,
    )


def _step(decision: Decision, reserved: _Reserved, *, number: int, desk: OrderDesk) -> Step:
    """Return the step by which the decision came to be reserved: a repeat is answered from it."""
    override = reserved.found.override
    content = {
        "override_id": override.override_id,
        "raised_cents": override.raised_cents,
        "expires_at": reserved.expires_at.isoformat(),
    }
    return Step(
        decision_id=decision.decision_id,
        number=number,
        action="override",
        at=desk.moment.now,
        organisation=desk.call.organisation,
        official_id=desk.official_id,
        reason=override.answer_reason,
        content=_encode(content).decode(),
        calculation=_encode(reserved.calculation).decode(),
        entry_ids=[one.entry_id for one in reserved.entries],
    )


async def _witness(
    connection: Connection,
    decision: Decision,
    override: Override,
    *,
    outcome: Answer,
    desk: OrderDesk,
) -> None:
    line = line_of(
        desk.call,
        action=f"override.{outcome}",
        outcome=outcome,
        moment=desk.moment,
        client_id=decision.client_id,
        resource_id=override.override_id,
    )
    await audit.append(connection, [line])


def _drafts(decision: Decision, reserved: _Reserved, *, desk: OrderDesk) -> list[EventDraft]:
    """Return what is told: the reservation to who decided, the override to the area."""
    register, call, moment = desk.law.register, desk.call, desk.moment
    drafts = [_reserved_draft(decision, reserved, desk=desk)]
    drafts += override_drafts(
        OverrideApprovedV1, reserved.found, register=register, call=call, moment=moment
    )
    return drafts + threshold_drafts(
        reserved.crossings,
        cause_id=decision.decision_id,
        register=register,
        call=call,
        moment=moment,
    )


def _reserved_draft(decision: Decision, reserved: _Reserved, *, desk: OrderDesk) -> EventDraft:
    drawn = reserved.drawn
    data = DecisionReservedV1(
        decision_id=decision.decision_id,
        client_id=decision.client_id,
        area_code=decision.area_code,
        municipality_code=decision.municipality_code,
        instrument=decision.instrument,
        cents=sum(one.change.reserved_cents for one in drawn),
        account_ids=tuple(one.balance.account_id for one in drawn),
        budget_years=tuple(one.balance.key.budget_year for one in drawn),
        account_cents=tuple(one.change.reserved_cents for one in drawn),
        expires_at=reserved.expires_at,
    )
    return EventDraft(
        event_id=desk.moment.new_id(),
        type_name=data.type_name,
        version=1,
        subject=decision.client_id,
        recipient=recipient_of(
            desk.law.register,
            decision.municipality_code,
            decided_by=decision.organisation,
            on=desk.moment.today,
        ),
        channel=Channel.RESTRICTED if decision.is_restricted else Channel.COMMON,
        causation_id=reserved.found.override.override_id,
        traceparent=desk.call.traceparent,
        data=data,
    )
