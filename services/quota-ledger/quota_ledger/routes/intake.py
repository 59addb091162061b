"""How a decoded decision is taken in: its official named, its faults found, made a submission."""

import asyncio

from starlette.requests import Request

from kuntavayla.auth import Caller
from kuntavayla.http import InvalidBody, caller_of
from kuntavayla.idempotency import InProgress
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.operations.decisions import Answered
from quota_ledger.operations.submissions import Submission, submission_of
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.rights import PURPOSE, decider_of_call
from quota_ledger.rules.intake import examine
from quota_ledger.rules.items import DecisionItem

NOUN = "decision"
DUPLICATE_RETRY_S = 0.05
"""How often a call whose key another one holds asks again."""


class Intake:
    """Makes the decisions of one call ready."""

    def __init__(self, request: Request, *, is_preview: bool = False) -> None:
        self._request = request
        self._official_of = official_of_call if is_preview else decider_of_call
        self._desk = desk_of(request)
        self._sender = sender_of(caller_of(request), desk=self._desk)
        self._calls: dict[ActingOfficial | None, Call] = {}

    def accept(self, item: DecisionItem, *, moment: Moment, key: str | None = None) -> Submission:
        """Return the submission of a decision.

        Raises InvalidBody with every fault; 400 where no official is named, 403 where the official
        is no decider, unless it is a preview, or of a municipality that is not served.
        """
        call = self._call_of(item.acting_official)
        law = self._desk.law
        faults = examine(item, tables=law.tables, register=law.register, today=moment.today)
        if faults:
            raise InvalidBody(faults, noun=NOUN)
        return submission_of(item, sender=self._sender, call=call, moment=moment, law=law, key=key)

    def _call_of(self, in_body: ActingOfficial | None) -> Call:
        """Return who decides, by the body, else by the header; each official is judged once."""
        call = self._calls.get(in_body)
        if call is None:
            official = self._official_of(self._request, in_body)
            call = self._calls[in_body] = call_of(self._request, official, purpose=PURPOSE)
        return call


def sender_of(caller: Caller, *, desk: Desk) -> CaseSystem:
    """Return the case system that calls; an organisation of that kind is one."""
    system = desk.newest_register().case_system(caller.organisation)
    assert system is not None, "the register lists case systems as organisations"
    return system


async def answered(submission: Submission, *, desk: Desk) -> Answered:
    """Decide one; where its key is in flight in another process, ask again until it is not.

    It waits here, outside any batch, so that nobody waits with it.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + desk.duplicate_wait_s_max
    organisation = submission.call.organisation
    while True:
        try:
            return await desk.decisions.submit(submission, organisation=organisation)
        except InProgress:
            if loop.time() >= latest:
                raise
        await asyncio.sleep(DUPLICATE_RETRY_S)
