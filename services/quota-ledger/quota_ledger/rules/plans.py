"""What an act comes to: the state, the content and the holdings behind it, or why it may not be."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.decided import Decision, Holding
from quota_ledger.rules.items import DecidedPeriod, DecisionItem
from quota_ledger.rules.law_tables import QuotaTables
from quota_ledger.rules.pauses import Pauses, pause_until, pauses_within
from quota_ledger.rules.step_requests import (
    ChangeRequest,
    EndRequest,
    GrantRequest,
    ReleaseRequest,
    StepRequest,
)
from quota_ledger.rules.steps import granted, held_cents, paid_cents, reduced


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be held, and what then stands; `needed_cents` is to be drawn besides."""

    holdings: Sequence[Holding]
    item: DecisionItem | None = None
    calculation: Calculation | None = None
    needed_cents: int = 0


class AboveReservation(Struct, frozen=True):
    """More would be granted than was reserved."""

    reserved_cents: int


class BelowPaid(Struct, frozen=True):
    """Less would be held than is paid already."""

    paid_cents: int
    needed_cents: int


Planned = Plan | AboveReservation | BelowPaid


def plan(
    body: StepRequest,
    *,
    decision: Decision,
    stands: DecisionItem,
    holdings: Sequence[Holding],
    tables: QuotaTables,
) -> Planned:
    """Return what an act comes to; the act is one for the decision's state, and without faults."""
    match body:
        case GrantRequest():
            reserved = held_cents(holdings)
            cents = reserved if body.amount_cents is None else body.amount_cents
            if cents > reserved:
                return AboveReservation(reserved)
            return Plan(holdings=granted(holdings, cents))
        case ReleaseRequest():
            return Plan(holdings=reduced(holdings, 0))
        case EndRequest():
            item = replace(stands, period=_stopped(stands.period, last_on=body.last_on))
            return _ended(item, decision=decision, holdings=holdings, tables=tables)
        case ChangeRequest():
            item = _with_pauses(body.decision, decision=decision, stands=stands.period)
            return _changed(item, decision=decision, holdings=holdings, tables=tables)


def _stopped(period: DecidedPeriod, *, last_on: date) -> DecidedPeriod:
    """Return a period that ends earlier, with the day to which it was planned."""
    planned = period.ends_on if last_on < period.ends_on else None
    return replace(
        period,
        ends_on=last_on,
        planned_ends_on=period.planned_ends_on or planned,
        pauses=_kept_pauses(period.pauses or (), starts_on=period.starts_on, ends_on=last_on),
    )


def _with_pauses(item: DecisionItem, *, decision: Decision, stands: DecidedPeriod) -> DecisionItem:
    """Return a changed decision with the pauses that stand, where it names none.

    One that was interrupted goes on on the day on which the change is decided.
    """
    period = item.period
    if period.pauses is not None:
        return item
    pauses = stands.pauses or ()
    if decision.state == "interrupted":
        resumed_on = item.decided_on or decision.decided_on
        pauses += pause_until(stands.ends_on, resumed_on=resumed_on)
    kept = _kept_pauses(pauses, starts_on=period.starts_on, ends_on=period.ends_on)
    return replace(item, period=replace(period, pauses=kept))


def _kept_pauses(pauses: Pauses, *, starts_on: date, ends_on: date) -> Pauses | None:
    return pauses_within(pauses, starts_on=starts_on, ends_on=ends_on) or None


def _ended(
    item: DecisionItem, *, decision: Decision, holdings: Sequence[Holding], tables: QuotaTables
) -> Plan:
    """Return what is left of a decision whose period ends earlier: at least what is paid."""
    decided_on = item.decided_on or decision.decided_on
    made = calculate(item, tables=tables, decided_on=decided_on)
    calculation = made if isinstance(made, Calculation) else None
    total = 0 if calculation is None else calculation.total_cents
    left = min(held_cents(holdings), total)
    return Plan(holdings=reduced(holdings, left), item=item, calculation=calculation)


def _changed(
    item: DecisionItem, *, decision: Decision, holdings: Sequence[Holding], tables: QuotaTables
) -> Planned:
    decided_on = item.decided_on or decision.decided_on
    made = calculate(item, tables=tables, decided_on=decided_on)
    calculation = made if isinstance(made, Calculation) else None
    total = 0 if calculation is None else calculation.total_cents
    if total < paid_cents(holdings):
        return BelowPaid(paid_cents(holdings), total)
    needed = max(0, total - held_cents(holdings))
    return Plan(
        holdings=holdings if needed else reduced(holdings, total),
        item=item,
        calculation=calculation,
        needed_cents=needed,
    )
