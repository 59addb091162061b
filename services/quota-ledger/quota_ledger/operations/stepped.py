"""A step of a decision as it was taken: what stood before it, what stands behind it."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.service.moments import Call, Moment
from quota_ledger.operations.reserving import left_in
from quota_ledger.operations.stepping import Held
from quota_ledger.rules.booked import Entry
from quota_ledger.rules.calculations import Calculation, YearDraw, charged
from quota_ledger.rules.decided import Decision, Holding, Step
from quota_ledger.rules.plans import Plan
from quota_ledger.rules.states import DecisionState
from quota_ledger.rules.step_requests import StepRequest, StepVerdict
from quota_ledger.rules.steps import Action, held_cents

_encode = msgspec.json.Encoder().encode
OPEN_STATES = ("reserved", "granted", "interrupted")


class Taken(Struct, frozen=True, kw_only=True):
    """What was done: by whom, by which entries, and how the decision stands behind it."""

    action: Action
    call: Call
    before: Decision
    after: Decision
    held_before: Sequence[Holding]
    holdings: Sequence[Holding]
    entries: Sequence[Entry] = ()
    calculation: Calculation | None = None

    @property
    def freed_cents(self) -> int:
        """Return what all accounts together have free again."""
        return max(0, held_cents(self.held_before) - held_cents(self.holdings))

    @property
    def added_cents(self) -> int:
        """Return what was drawn besides."""
        return max(0, held_cents(self.holdings) - held_cents(self.held_before))

    def verdict(self, held: Held) -> StepVerdict:
        """Return what is answered."""
        return StepVerdict(
            decision_id=self.after.decision_id,
            action=self.action,
            outcome="done",
            state=self.after.state,
            version=self.after.version,
            reserved_cents=sum(one.reserved_cents for one in self.holdings),
            committed_cents=sum(one.committed_cents for one in self.holdings),
            paid_cents=self.after.net_paid_cents,
            released_cents=self.freed_cents,
            entry_ids=tuple(entry.entry_id for entry in self.entries),
            calculation=self.calculation,
            available_after=left_in(held.ledger, [one.account_id for one in self.holdings]),
        )


class Kept(Struct, frozen=True):
    """What a step is stored with, so that a repeat is answered as the first."""

    step_id: str
    body: StepRequest
    verdict: StepVerdict


def step_of(taken: Taken, *, number: int, moment: Moment, kept: Kept | None = None) -> Step:
    """Return the step as it stands in the decision's story."""
    calculation = taken.calculation
    return Step(
        decision_id=taken.after.decision_id,
        number=number,
        action=taken.action,
        at=moment.now,
        organisation=taken.call.organisation,
        official_id=taken.call.official_id,
        reason=None if kept is None else getattr(kept.body, "reason_code", None),
        content=None if kept is None else _encode(kept).decode(),
        calculation=None if calculation is None else _encode(calculation).decode(),
        entry_ids=[entry.entry_id for entry in taken.entries],
    )


def decision_behind(
    decision: Decision, planned: Plan, *, state: DecisionState, moment: Moment
) -> Decision:
    """Return a decision behind an act; content and calculation change only with new facts."""
    changed = replace(
        decision,
        state=state,
        version=decision.version + 1,
        settled_at=None if state in OPEN_STATES else moment.now,
    )
    item = planned.item
    if item is None:
        return changed
    calculation = planned.calculation
    return replace(
        changed,
        content=_encode(item).decode(),
        calculation=None if calculation is None else _encode(calculation).decode(),
        budget_year=item.budget_year,
        starts_on=item.period.starts_on,
        ends_on=item.period.ends_on,
    )


def charged_plan(planned: Plan, holdings: Sequence[Holding]) -> Plan:
    """Return a plan with its months charged to the years that are held.

    Where less is held than calculated, or more is paid, the years can not be told by month.
    """
    calculation, item = planned.calculation, planned.item
    if calculation is None or item is None:
        return planned
    draws = [YearDraw(one.budget_year, one.held_cents) for one in holdings if one.held_cents]
    if sum(one.cents for one in draws) != calculation.total_cents:
        return planned
    if [one.budget_year for one in draws] == [item.budget_year]:
        return planned
    return replace(planned, calculation=charged(calculation, draws))
