"""What a batch of decisions writes: rows, audit lines and events, in order of arrival."""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.events import Channel
from kuntavayla.idempotency import InProgress
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.gathering import Gathered
from quota_ledger.events import DecisionRefusedV1, DecisionReservedV1
from quota_ledger.operations.announcing import threshold_drafts
from quota_ledger.operations.law import Law
from quota_ledger.operations.submissions import Submission
from quota_ledger.operations.verdicts import Decided
from quota_ledger.rules.booked import Crossing, Entry
from quota_ledger.rules.calculations import Calculation
from quota_ledger.rules.decided import Decision, Holding, Step
from quota_ledger.store import decisions
from quota_ledger.store.decisions import Additions

ACTION = "decision.made"
A_TURN = 20
"""Decisions that are added before others of the process get their turn."""
NO_REASONS = "[]"
_encode = msgspec.json.Encoder().encode


class Writing:
    """Gathers all that a batch has to write.

    `known_clients` may be named in the audit; `crossings` are told behind the decisions.
    """

    def __init__(self, law: Law, moment: Moment) -> None:
        self._law = law
        self.moment = moment
        self.known_clients: frozenset[str] = frozenset()
        self.crossings: Sequence[Crossing] = ()
        self._gathered = Gathered()
        self._decisions: list[Decision] = []
        self._holdings: list[Holding] = []
        self._steps: list[Step] = []
        self._by_account: dict[str, Submission] = {}

    async def add_all(self, made: Sequence[Decided]) -> None:
        """Add decisions in order of arrival; what goes on beside it gets its turn in between."""
        for place, decided in enumerate(made, 1):
            self.add(decided)
            if place % A_TURN == 0:
                await asyncio.sleep(0)

    def add(self, decided: Decided) -> None:
        """Add a decision, what it holds, the first step of its story, and who hears of it."""
        submission, verdict = decided.submission, decided.verdict
        calculation = _text_of(decided.calculation)
        self._decisions.append(_row(decided, calculation, moment=self.moment))
        self._steps.append(_first_step(decided, calculation, moment=self.moment))
        for entry in decided.entries:
            self._holdings.append(_holding(entry, submission))
            self._by_account[entry.balance.account_id] = submission
        self._gathered.witness(
            submission.call,
            action=ACTION,
            outcome=verdict.outcome,
            moment=self.moment,
            client_id=submission.item.client_id,
            resource_id=verdict.decision_id,
        )
        self._gathered.announce(
            _reserved(decided) if decided.entries else _refused(decided),
            recipient=submission.call.organisation,
            channel=Channel.RESTRICTED if decided.is_restricted else Channel.COMMON,
            cause_id=verdict.decision_id,
            call=submission.call,
            moment=self.moment,
        )

    def witness_refused(
        self, submissions: Sequence[Submission], outcomes: Sequence[object]
    ) -> None:
        """Put on record what was not taken at all; it names clients that are known already."""
        for one, outcome in zip(submissions, outcomes, strict=True):
            if not isinstance(outcome, DomainError) or isinstance(outcome, InProgress):
                continue
            client_id = one.item.client_id
            self._gathered.witness(
                one.call,
                action=ACTION,
                outcome=outcome.code,
                moment=self.moment,
                client_id=client_id if client_id in self.known_clients else None,
            )

    async def write(self, connection: Connection) -> None:
        """Write everything; the outbox last, because no lock is taken after its head."""
        additions = Additions(
            decisions=self._decisions,
            decision_draws=self._holdings,
            decision_steps=self._steps,
            audit=self._gathered.audit,
        )
        await decisions.append(connection, additions)
        drafts = [*self._gathered.events]
        for crossing in self.crossings:
            cause = self._by_account[crossing.balance.account_id]
            drafts += threshold_drafts(
                [crossing],
                cause_id=cause.decision_id,
                register=self._law.register,
                call=cause.call,
                moment=self.moment,
            )
        await outbox.append(connection, drafts, origin=self.moment.origin)


def _text_of(calculation: Calculation | None) -> str | None:
    return None if calculation is None else _encode(calculation).decode()


def _row(decided: Decided, calculation: str | None, *, moment: Moment) -> Decision:
    submission, verdict, item = decided.submission, decided.verdict, decided.submission.item
    return Decision(
        decision_id=submission.decision_id,
        organisation=submission.call.organisation,
        municipal_id=item.municipal_id,
        fingerprint=submission.fingerprint,
        client_id=item.client_id,
        area_code=item.area_code,
        municipality_code=item.municipality_code,
        instrument=item.instrument,
        budget_year=item.budget_year,
        service_code=item.service_code,
        decided_on=submission.decided_on,
        starts_on=item.period.starts_on,
        ends_on=item.period.ends_on,
        content=submission.content,
        calculation=calculation,
        outcome=verdict.outcome,
        state=verdict.state,
        reasons=_encode(verdict.reasons).decode() if verdict.reasons else NO_REASONS,
        is_restricted=decided.is_restricted,
        official_id=submission.official_id,
        expires_at=verdict.reservation.expires_at if verdict.reservation else None,
        created_at=moment.now,
        settled_at=None if verdict.reservation else moment.now,
    )


def _first_step(decided: Decided, calculation: str | None, *, moment: Moment) -> Step:
    """Return the step that a repeat is answered from: the verdict, its calculation beside it."""
    submission, verdict = decided.submission, decided.verdict
    return Step(
        decision_id=submission.decision_id,
        number=1,
        action="reserve" if decided.entries else "refuse",
        at=moment.now,
        organisation=submission.call.organisation,
        official_id=submission.official_id,
        content=_encode(replace(verdict, calculation=None)).decode(),
        calculation=None if verdict.calculation is None else calculation,
        entry_ids=[entry.entry_id for entry in decided.entries],
    )


def _holding(entry: Entry, submission: Submission) -> Holding:
    return Holding(
        decision_id=submission.decision_id,
        account_id=entry.balance.account_id,
        budget_year=entry.balance.key.budget_year,
        reserved_cents=entry.change.reserved_cents,
    )


def _reserved(decided: Decided) -> DecisionReservedV1:
    item, reservation = decided.submission.item, decided.verdict.reservation
    assert reservation is not None, "what has entries is reserved"
    return DecisionReservedV1(
        decision_id=decided.verdict.decision_id,
        client_id=item.client_id,
        area_code=item.area_code,
        municipality_code=item.municipality_code,
        instrument=item.instrument,
        cents=reservation.cents,
        account_ids=tuple(entry.balance.account_id for entry in decided.entries),
        budget_years=tuple(entry.balance.key.budget_year for entry in decided.entries),
        account_cents=tuple(entry.change.reserved_cents for entry in decided.entries),
        expires_at=reservation.expires_at,
    )


def _refused(decided: Decided) -> DecisionRefusedV1:
    item, verdict = decided.submission.item, decided.verdict
    assert verdict.outcome != "reserved", "what is reserved has entries"
    first, *_ = verdict.reasons
    return DecisionRefusedV1(
        decision_id=verdict.decision_id,
        client_id=item.client_id,
        area_code=item.area_code,
        municipality_code=item.municipality_code,
        instrument=item.instrument,
        outcome=verdict.outcome,
        reason_codes=tuple(reason.code for reason in verdict.reasons),
        needed_cents=first.needed_cents,
        available_cents=first.available_cents,
    )
