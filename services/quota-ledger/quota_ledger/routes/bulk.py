"""Bulk decisions: lines in, lines out, in order; each is taken or refused by itself."""

from collections.abc import Callable, Sequence
from typing import Literal

from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.errors import DomainError
from kuntavayla.http import JsonDecoder, caller_of, item_problem
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.bulk import LINE_BYTES_MAX, run_chunks
from kuntavayla.values.faults import reference_faults
from quota_ledger.operations.decisions import Answered
from quota_ledger.operations.submissions import Submission
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.intake import Intake
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.verdicts import Verdict
from quota_ledger.schemas.decisions import (
    DecisionBulkLine,
    DetailedDecisionBulkLine,
    ShortVerdict,
)

_decoder: JsonDecoder[DecisionItem] = JsonDecoder(DecisionItem, bytes_max=LINE_BYTES_MAX)
Detail = Literal["short", "full"]
AnswerLine = DecisionBulkLine | DetailedDecisionBulkLine
Ready = Submission | DecisionBulkLine
"""A line made ready: to be decided, or refused."""


class Bulk:
    """One bulk call: chunks are made ready and decided one after the other."""

    def __init__(self, request: Request, *, detail: Detail) -> None:
        self._desk = desk_of(request)
        self._detail = detail
        self._organisation = caller_of(request).organisation
        self._intake = Intake(request)

    async def run(self, lines: Sequence[bytes]) -> list[AnswerLine]:
        """Decide all lines, chunk by chunk; return one answer per line, in order."""
        return await run_chunks(lines, begin=self._begin, submit=self._submit)

    def _begin(self) -> Callable[[bytes, int], Ready]:
        """Return what makes the lines of one chunk ready, all at the same moment."""
        moment = self._desk.moment()
        return lambda line, number: self._ready(line, number=number, moment=moment)

    def _ready(self, line: bytes, *, number: int, moment: Moment) -> Ready:
        item: DecisionItem | None = None
        try:
            item = _decoder.decode(line)
            return self._intake.accept(item, moment=moment)
        except (DomainError, Refusal) as failure:
            return _refused(number, _key_of(item), failure)

    async def _submit(self, ready: Sequence[Ready], first_line: int) -> list[AnswerLine]:
        """Decide what is ready in one transaction; return one answer per line, in order."""
        items = [one for one in ready if isinstance(one, Submission)]
        outcomes: Sequence[Answered | Exception] = ()
        if items:
            outcomes = await self._desk.decisions.submit_chunk(
                items, organisation=self._organisation
            )
        by_id = {one.decision_id: outcome for one, outcome in zip(items, outcomes, strict=True)}
        return [
            self._answer(number, one, by_id[one.decision_id])
            if isinstance(one, Submission)
            else one
            for number, one in enumerate(ready, first_line)
        ]

    def _answer(self, number: int, item: Submission, outcome: Answered | Exception) -> AnswerLine:
        key = item.item.municipal_id
        if isinstance(outcome, Exception):
            return _refused(number, key, outcome)
        verdict, replayed = outcome.verdict, outcome.is_replay
        if self._detail == "full":
            return DetailedDecisionBulkLine(
                line=number, key=key, status=201, result=verdict, replayed=replayed
            )
        short = _short(verdict)
        return DecisionBulkLine(line=number, key=key, status=201, result=short, replayed=replayed)


def _short(verdict: Verdict) -> ShortVerdict:
    reservation = verdict.reservation
    return ShortVerdict(
        decision_id=verdict.decision_id,
        outcome=verdict.outcome,
        state=verdict.state,
        cents=None if reservation is None else reservation.cents,
        expires_at=None if reservation is None else reservation.expires_at,
        reason=next(iter(verdict.reasons), None),
    )


def _key_of(item: DecisionItem | None) -> str | None:
    """Return the key that a refusal repeats; None where the line has none that may be told."""
    if item is None or reference_faults([("/municipal_id", item.municipal_id)]):
        return None
    return item.municipal_id


def _refused(number: int, key: str | None, failure: Exception) -> DecisionBulkLine:
    problem = item_problem(failure)
    return DecisionBulkLine(line=number, key=key, status=problem.status, problem=problem)
