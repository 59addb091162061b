"""How a decoded item is taken in: examined, checked, made a submission."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace
from starlette.requests import Request

from kuntavayla.auth import Caller, Refusal
from kuntavayla.errors import Fault
from kuntavayla.http import (
    VERSION_DIFFERS,
    InvalidBody,
)
from kuntavayla.idempotency import InProgress
from kuntavayla.register import CaseSystem
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.routes.desk import call_of
from statement_relay.operations.submissions import Submission, Told, submission_of
from statement_relay.operations.successors import Stale
from statement_relay.routes.desk import Desk
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.contents import Withdrawn
from statement_relay.rules.intake import examine, examine_new, examine_withdrawal
from statement_relay.rules.items import InformationItem
from statement_relay.rules.shape import Author, WithdrawalRequest

NOUN = "item of information"
DUPLICATE_RETRY_S = 0.05
"""How often a call whose key another one holds asks again."""


def sender_of(caller: Caller, *, desk: Desk) -> CaseSystem:
    """Return the case system that calls; an organisation of that kind is one."""
    system = desk.newest_register().case_system(caller.organisation)
    assert system is not None, "the register lists case systems as organisations"
    return system


def new_item(
    item: InformationItem, *, desk: Desk, call: Call, sender: CaseSystem, moment: Moment
) -> Submission:
    """Return the submission of a new item; raises InvalidBody with every fault."""
    refuse(*_faults_of(item, desk=desk, moment=moment), *examine_new(item))
    told = Told(municipal_id=item.municipal_id, action="new", item=item, author=item.author)
    return _submission(told, desk=desk, call=call, sender=sender, moment=moment)


def correction(
    item: InformationItem, *, of: Told, desk: Desk, call: Call, sender: CaseSystem, moment: Moment
) -> Submission:
    """Return the submission of a corrected item; `of` says what it replaces, in which version."""
    refuse(*_faults_of(item, desk=desk, moment=moment))
    told = replace(of, municipal_id=item.municipal_id, item=item, author=item.author)
    return _submission(told, desk=desk, call=call, sender=sender, moment=moment)


def withdrawal(
    body: WithdrawalRequest, *, of: Told, desk: Desk, call: Call, sender: CaseSystem, moment: Moment
) -> Submission:
    """Return the submission of a withdrawal; `of` says what it withdraws, in which version."""
    refuse(*examine_withdrawal(body))
    withdrawn = Withdrawn(body.reason_code, body.reason)
    told = replace(of, municipal_id=body.municipal_id, withdrawn=withdrawn)
    return _submission(told, desk=desk, call=call, sender=sender, moment=moment)


def refuse(*faults: Fault) -> None:
    """Refuse what has faults; raises InvalidBody with all of them."""
    if faults:
        raise InvalidBody(faults, noun=NOUN)


def _faults_of(item: InformationItem, *, desk: Desk, moment: Moment) -> Sequence[Fault]:
    law = desk.law
    return examine(item, kinds=law.tables.kinds, now=moment.now, limits=law.limits)


def _submission(
    told: Told, *, desk: Desk, call: Call, sender: CaseSystem, moment: Moment
) -> Submission:
    return submission_of(
        told, sender=sender, call=by_author(call, told.author), moment=moment, law=desk.law
    )


def by_author(call: Call, author: Author) -> Call:
    """Return the call as that of the official who wrote the item."""
    return replace(call, official_id=author.official_id, official_role=author.role)


def sending_call(request: Request) -> Call:
    """Return who calls, for the audit and the trace."""
    return call_of(request, purpose="statement")


async def accepted(submission: Submission, *, desk: Desk) -> Accepted:
    """Take one in; where its key is in flight in another process, ask again until it is not.

    It waits here, outside any batch, so that nobody waits with it. Refuses with 412 where If-Match
    names another version.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + desk.duplicate_wait_s_max
    organisation = submission.call.organisation
    while True:
        try:
            outcome = await desk.information.submit(submission, organisation=organisation)
        except InProgress:
            if loop.time() >= latest:
                raise
        else:
            if isinstance(outcome, Stale):
                raise Refusal(VERSION_DIFFERS, detail="Read again, then decide anew.")
            return outcome
        await asyncio.sleep(DUPLICATE_RETRY_S)
