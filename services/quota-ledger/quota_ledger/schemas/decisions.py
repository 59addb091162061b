"""Decisions: what they are answered with, and how they are read."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.http import Problem
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.competence import Competence
from quota_ledger.rules.entries import EntryKind
from quota_ledger.rules.states import DecisionState, Outcome, StepAction
from quota_ledger.rules.verdicts import Available, Reason, Verdict
from quota_ledger.schemas.balances import Cents, CentsAndPersons


class ShortVerdict(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A decision as a bulk call tells it: what is reserved until when, or the first reason."""

    decision_id: str
    outcome: Outcome
    state: DecisionState
    cents: int | None = None
    expires_at: datetime | None = None
    reason: Reason | None = None


class DecisionBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call."""

    line: int
    key: str | None
    status: int
    result: ShortVerdict | None = None
    problem: Problem | None = None
    replayed: bool = False


class DetailedDecisionBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call that asked for whole answers."""

    line: int
    key: str | None
    status: int
    result: Verdict | None = None
    problem: Problem | None = None
    replayed: bool = False


class DecisionPreview(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a decision would be answered with now; nothing is kept for it."""

    outcome: Outcome
    calculation: Calculation | None = None
    competence: Competence | None = None
    reasons: Sequence[Reason] = ()
    available_after: Available | None = None


class HoldingResponse(Struct, frozen=True, kw_only=True):
    """What a decision holds of the account of one year."""

    account_id: str
    budget_year: int
    reserved: Cents
    committed: Cents
    paid: Cents


class DecisionEntry(Struct, frozen=True, kw_only=True):
    """An entry of a decision: what it changed in which account."""

    account_id: str
    position: int
    entry_id: str
    kind: EntryKind
    booked_at: datetime
    value_on: date
    reserved: CentsAndPersons
    committed: CentsAndPersons
    paid: Cents
    paid_excess: Cents
    lapsed: Cents


class StepResponse(Struct, frozen=True, kw_only=True):
    """One step of a decision's story, by whom and why."""

    number: int
    action: StepAction
    at: datetime
    organisation: str
    official_id: str | None
    reason: str | None
    calculation: Calculation | None
    entry_ids: Sequence[str]


class Recomputed(Struct, frozen=True, kw_only=True):
    """The calculation made again from what was sent, by the rows known on the day decided on."""

    is_equal: bool
    calculation: Calculation | None


class ListedDecision(Struct, frozen=True, kw_only=True):
    """A decision as a list shows it."""

    decision_id: str
    municipal_id: str
    client_id: str
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    decided_on: date
    outcome: Outcome
    state: DecisionState
    version: int
    expires_at: datetime | None
    created_at: datetime


class DecisionResponse(ListedDecision, frozen=True, kw_only=True):
    """A decision as it stands, with its calculation, what it holds, its entries and its story.

    What was sent is not repeated: neither facts nor employer. `granted` is what the grant has
    committed of what is calculated, until a change says anew what is due; where it is less, the
    months tell what they cost, and `holdings` alone which year pays.
    """

    service_code: str
    starts_on: date
    ends_on: date
    calculation: Calculation | None
    granted: Cents | None
    reasons: Sequence[Reason]
    paid: Cents
    recovered: Cents
    holdings: Sequence[HoldingResponse]
    entries: Sequence[DecisionEntry]
    steps: Sequence[StepResponse]
    recomputed: Recomputed | None


class DecisionList(Struct, frozen=True):
    """A page of decisions, in the order in which they were made."""

    items: Sequence[ListedDecision]
    next_cursor: str | None
