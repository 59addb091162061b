"""Bulk registration: lines in, lines out, in order; each line is accepted or refused by itself."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from kuntavayla.auth import Caller, Refusal
from kuntavayla.errors import DomainError
from kuntavayla.http import JsonDecoder, Problem, item_problem
from routing_api.operations.moments import Call, Moment
from routing_api.operations.repeats import Registered
from routing_api.operations.submissions import Submission
from routing_api.routes.answers import decision_answer, short_answer
from routing_api.routes.desk import Desk
from routing_api.routes.intake import accept, decode, require_office
from routing_api.rules.registrations import Registration
from routing_api.schemas import BulkEnd, BulkLine, BulkSummary, DetailedBulkLine

CHUNK_LINES = 500
"""Lines of one transaction."""
SLICE_LINES = 4
"""Lines that are made ready before others of the process get their turn."""
LINE_BYTES_MAX = 65_536
_decoder = JsonDecoder(Registration, bytes_max=LINE_BYTES_MAX)


AnswerLine = BulkLine | DetailedBulkLine


class Detail(StrEnum):
    """How much of each decision a bulk call answers."""

    SHORT = "short"
    FULL = "full"


class Bulk:
    """One bulk call: chunks are made ready and submitted one after the other."""

    def __init__(self, desk: Desk, caller: Caller, call: Call, *, detail: Detail) -> None:
        self._desk = desk
        self._caller = caller
        self._call = call
        self._detail = detail

    async def prepare(
        self, lines: Sequence[bytes], *, first_line: int
    ) -> list[Submission | BulkLine]:
        """Return a submission per line, or the answer that refuses it."""
        moment = self._desk.moment()
        ready: list[Submission | BulkLine] = []
        for place, line in enumerate(lines):
            if place % SLICE_LINES == 0:
                await asyncio.sleep(0)
            ready.append(self._ready(line, number=first_line + place, moment=moment))
        return ready

    def _ready(self, line: bytes, *, number: int, moment: Moment) -> Submission | BulkLine:
        key: str | None = None
        try:
            registration = decode(_decoder, line)
            key = registration.source.registration_id
            require_office(self._caller, registration)
            return accept(registration, desk=self._desk, call=self._call, moment=moment)
        except (DomainError, Refusal) as failure:
            return _refused(number, key, failure)

    async def submit(
        self, ready: Sequence[Submission | BulkLine], *, first_line: int
    ) -> list[AnswerLine]:
        """Register what is ready in one transaction; return one answer per line, in order."""
        places = [place for place, item in enumerate(ready) if isinstance(item, Submission)]
        items = [item for item in ready if isinstance(item, Submission)]
        outcomes: Sequence[Registered | Exception] = ()
        if items:
            outcomes = await self._desk.registrations.submit_chunk(
                items, organisation=self._caller.organisation
            )
        by_place = dict(zip(places, zip(items, outcomes, strict=True), strict=True))
        return [
            item
            if isinstance(item, BulkLine)
            else self._answer(first_line + place, *by_place[place])
            for place, item in enumerate(ready)
        ]

    def _answer(self, number: int, item: Submission, outcome: Registered | Exception) -> AnswerLine:
        key = item.registration.source.registration_id
        if isinstance(outcome, Exception):
            return _refused(number, key, outcome)
        if self._detail is Detail.SHORT:
            short = short_answer(outcome)
            return BulkLine(
                line=number, key=key, status=201, result=short, replayed=outcome.is_replay
            )
        full = decision_answer(outcome.decision, law=self._desk.law)
        return DetailedBulkLine(
            line=number, key=key, status=201, result=full, replayed=outcome.is_replay
        )


def _refused(number: int, key: str | None, failure: Exception) -> BulkLine:
    problem: Problem = item_problem(failure)
    return BulkLine(line=number, key=key, status=problem.status, problem=problem)


def summary_of(lines: Sequence[AnswerLine]) -> BulkEnd:
    """Return the last line of a bulk answer."""
    replayed = sum(line.replayed for line in lines)
    failed = sum(isinstance(line, BulkLine) and line.problem is not None for line in lines)
    created = len(lines) - replayed - failed
    return BulkEnd(BulkSummary(len(lines), created, replayed, failed))
