"""Bulk registration: lines in, lines out, in order; each line is accepted or refused by itself."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from kuntavayla.auth import Caller, Refusal
from kuntavayla.errors import DomainError
from kuntavayla.http import JsonDecoder, Problem, item_problem
from kuntavayla.service.errors import OfficeNotYours
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.routes.bulk import LINE_BYTES_MAX, run_chunks
from kuntavayla.values.faults import reference_faults
from routing_api.operations.registrations import Refused, witness_refusals
from routing_api.operations.repeats import Registered
from routing_api.operations.submissions import Submission
from routing_api.routes.answers import decision_answer, short_answer
from routing_api.routes.desk import Desk
from routing_api.routes.intake import accept, decode, require_office
from routing_api.rules.registrations import Registration
from routing_api.schemas import BulkLine, DetailedBulkLine

_decoder = JsonDecoder(Registration, bytes_max=LINE_BYTES_MAX)


AnswerLine = BulkLine | DetailedBulkLine


class NotYours(Struct, frozen=True):
    """A line for another office: how it is answered, and what the audit is told of it."""

    answer: BulkLine
    refused: Refused


Ready = Submission | BulkLine | NotYours
"""A line made ready: to be registered, or refused."""


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

    async def run(self, lines: Sequence[bytes]) -> list[AnswerLine]:
        """Register all lines, chunk by chunk; return one answer per line, in order."""
        return await run_chunks(lines, begin=self._begin, submit=self._submit)

    def _begin(self) -> Callable[[bytes, int], Ready]:
        """Return what makes the lines of one chunk ready, all at the same moment."""
        moment = self._desk.moment()
        return lambda line, number: self._ready(line, number=number, moment=moment)

    def _ready(self, line: bytes, *, number: int, moment: Moment) -> Ready:
        registration: Registration | None = None
        try:
            registration = decode(_decoder, line)
            require_office(self._caller, registration)
            return accept(registration, desk=self._desk, call=self._call, moment=moment)
        except OfficeNotYours as failure:
            assert registration is not None, "only a decoded line has an office"
            lookups = self._desk.law.vault.lookups(registration.person.identity_code)
            answer = _refused(number, _key_of(registration), failure)
            return NotYours(answer, Refused(self._call, lookups, failure.code))
        except (DomainError, Refusal) as failure:
            return _refused(number, _key_of(registration), failure)

    async def _submit(self, ready: Sequence[Ready], first_line: int) -> list[AnswerLine]:
        """Register what is ready in one transaction; return one answer per line, in order."""
        await self._witness([item.refused for item in ready if isinstance(item, NotYours)])
        places = [place for place, item in enumerate(ready) if isinstance(item, Submission)]
        items = [item for item in ready if isinstance(item, Submission)]
        outcomes: Sequence[Registered | Exception] = ()
        if items:
            outcomes = await self._desk.registrations.submit_chunk(
                items, organisation=self._caller.organisation
            )
        by_place = dict(zip(places, zip(items, outcomes, strict=True), strict=True))
        answers: list[AnswerLine] = []
        for place, item in enumerate(ready):
            match item:
                case BulkLine():
                    answers.append(item)
                case NotYours():
                    answers.append(item.answer)
                case Submission():
                    answers.append(self._answer(first_line + place, *by_place[place]))
        return answers

    async def _witness(self, refused: Sequence[Refused]) -> None:
        if refused:
            async with self._desk.transaction() as connection:
                await witness_refusals(connection, refused, moment=self._desk.moment())

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


def _key_of(registration: Registration | None) -> str | None:
    """Return the key that a refusal repeats; None where the line has none that may be told."""
    if registration is None:
        return None
    key = registration.source.registration_id
    return None if reference_faults([("/source/registration_id", key)]) else key


def _refused(number: int, key: str | None, failure: Exception) -> BulkLine:
    problem: Problem = item_problem(failure)
    return BulkLine(line=number, key=key, status=problem.status, problem=problem)
