"""Bulk intake: lines in, lines out, in order; each item is taken or refused by itself."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from kuntavayla.auth import Refusal
from kuntavayla.errors import DomainError
from kuntavayla.http import JsonDecoder, item_problem
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.routes.bulk import LINE_BYTES_MAX, run_chunks
from kuntavayla.values.faults import reference_faults
from statement_relay.operations.submissions import Submission
from statement_relay.operations.successors import Stale
from statement_relay.routes.answers import accepted_answer
from statement_relay.routes.desk import Desk
from statement_relay.routes.intake import new_item
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.items import InformationItem
from statement_relay.rules.rising import rising
from statement_relay.schemas.information import InformationBulkLine

_decoder: JsonDecoder[InformationItem] = JsonDecoder(InformationItem, bytes_max=LINE_BYTES_MAX)
Ready = Submission | InformationBulkLine
"""A line made ready: to be taken in, or refused."""


class Bulk:
    """One bulk call: chunks are made ready and taken in one after the other."""

    def __init__(self, desk: Desk, sender: CaseSystem, call: Call) -> None:
        self._desk = desk
        self._sender = sender
        self._call = call

    async def run(self, lines: Sequence[bytes]) -> list[InformationBulkLine]:
        """Take all lines in, chunk by chunk; return one answer per line, in order."""
        return await run_chunks(lines, begin=self._begin, submit=self._submit)

    def _begin(self) -> Callable[[bytes, int], Ready]:
        """Return what makes the lines of one chunk ready, all at the same moment, ids in order."""
        moment = self._desk.moment()
        moment = replace(moment, new_id=rising(moment.new_id))
        return lambda line, number: self._ready(line, number=number, moment=moment)

    def _ready(self, line: bytes, *, number: int, moment: Moment) -> Ready:
        item: InformationItem | None = None
        try:
            item = _decoder.decode(line)
            return new_item(
                item, desk=self._desk, call=self._call, sender=self._sender, moment=moment
            )
        except (DomainError, Refusal) as failure:
            return _refused(number, _key_of(item), failure)

    async def _submit(self, ready: Sequence[Ready], first_line: int) -> list[InformationBulkLine]:
        """Take in what is ready in one transaction; return one answer per line, in order."""
        items = [one for one in ready if isinstance(one, Submission)]
        outcomes: Sequence[Accepted | Stale | Exception] = ()
        if items:
            outcomes = await self._desk.information.submit_chunk(
                items, organisation=self._call.organisation
            )
        by_id = {
            item.information_id: outcome for item, outcome in zip(items, outcomes, strict=True)
        }
        return [
            _answer(number, one, by_id[one.information_id]) if isinstance(one, Submission) else one
            for number, one in enumerate(ready, first_line)
        ]


def _answer(
    number: int, item: Submission, outcome: Accepted | Stale | Exception
) -> InformationBulkLine:
    key = item.told.municipal_id
    if isinstance(outcome, Exception):
        return _refused(number, key, outcome)
    assert isinstance(outcome, Accepted), "what is new replaces no version"
    return InformationBulkLine(
        line=number,
        key=key,
        status=201,
        result=accepted_answer(outcome),
        replayed=outcome.is_replay,
    )


def _key_of(item: InformationItem | None) -> str | None:
    """Return the key that a refusal repeats; None where the line has none that may be told."""
    if item is None or reference_faults([("/municipal_id", item.municipal_id)]):
        return None
    return item.municipal_id


def _refused(number: int, key: str | None, failure: Exception) -> InformationBulkLine:
    problem = item_problem(failure)
    return InformationBulkLine(line=number, key=key, status=problem.status, problem=problem)
