"""What is done to a decision: granted, changed, interrupted, ended, cancelled, refused."""

from datetime import date
from typing import TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal, require_kind
from kuntavayla.errors import Fault
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_MATCH_MISSING,
    REPLAYED,
    VERSION_DIFFERS,
    Headed,
    InvalidBody,
    JsonDecoder,
    caller_of,
    described,
    etag_of,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import (
    DecisionNotFound,
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
)
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.versions import versions_of
from quota_ledger.errors import ChangeBelowPaid, DecisionStateRefuses, GrantAboveReservation
from quota_ledger.operations import acting
from quota_ledger.operations.acting import Act, Acted, Stale
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.decisions import seen_by
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.rights import decider_of_call, order_desk
from quota_ledger.rules.intake import examine_changed
from quota_ledger.rules.step_requests import (
    ChangeRequest,
    EndRequest,
    GrantRequest,
    ReleaseRequest,
    StepRequest,
    StepVerdict,
    text_faults,
)
from quota_ledger.rules.steps import Action

router = secured_router(PREFIX)
NOUN = "act"
Body = TypeVar("Body", bound=Struct)
_grants = JsonDecoder(GrantRequest)
_releases = JsonDecoder(ReleaseRequest)
_ends = JsonDecoder(EndRequest)
_changes: JsonDecoder[ChangeRequest] = JsonDecoder(ChangeRequest)
_ANSWERS = {200: Headed(StepVerdict, (ETAG, REPLAYED))}
_PARAMETERS = (IDEMPOTENCY_KEY, IF_MATCH, ACTING_OFFICIAL_UNLESS_IN_BODY)
_PROBLEMS = (
    DecisionNotFound,
    DecisionStateRefuses,
    MunicipalityNotServed,
    OfficialRoleRefused,
    OfficeNotYours,
    IdempotencyKeyReused,
    InProgress,
    IF_MATCH_MISSING,
    VERSION_DIFFERS,
    GrantAboveReservation,
    ChangeBelowPaid,
)


@router.post(
    "/decisions/{decision_id}:grant",
    openapi_extra=described(
        body=GrantRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def grant(request: Request, decision_id: UUID) -> Response:
    """Commit what is reserved, or less: the rest is released at once.

    More than is reserved is 409 `grant_above_reservation`. The same grant again answers as the
    first, also by another key; another one, or one behind the end of the reservation, is 409
    `decision_state_refuses`.
    """
    return await _act(request, decision_id, action="grant", decoder=_grants)


@router.post(
    "/decisions/{decision_id}:change",
    openapi_extra=described(
        body=ChangeRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def change(request: Request, decision_id: UUID) -> Response:
    """Put new facts or another period in the place of those that stand: calculated anew.

    By the rows known on its `decided_on`. What it needs besides is drawn, the oldest open year
    first; where that is not free `outcome` is `refused` and nothing changes. What it needs less
    goes back to its own year, after the lapse of that to what lapsed. Less than is paid is 409
    `change_below_paid`.
    """
    return await _act(request, decision_id, action="change", decoder=_changes)


@router.post(
    "/decisions/{decision_id}:interrupt",
    openapi_extra=described(
        body=EndRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def interrupt(request: Request, decision_id: UUID) -> Response:
    """Stop behind `last_on` for a time: calculated to that day, the rest is released.

    Of holiday pay, and of the price of places, the share of the days kept stays. It goes on by
    `:change`, whose `decided_on` is the first day paid again; or name the days not paid in
    `period.pauses`. What is paid stays committed.
    """
    return await _act(request, decision_id, action="interrupt", decoder=_ends)


@router.post(
    "/decisions/{decision_id}:end",
    openapi_extra=described(
        body=EndRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def end(request: Request, decision_id: UUID) -> Response:
    """End behind `last_on` for good: calculated to that day, the rest is released.

    Of holiday pay, and of the price of places, the share of the days kept stays. What has ended is
    neither changed nor ended anew: where `last_on` was wrong, what is missing is a new decision.
    """
    return await _act(request, decision_id, action="end", decoder=_ends)


@router.post(
    "/decisions/{decision_id}:cancel",
    openapi_extra=described(
        body=ReleaseRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def cancel(request: Request, decision_id: UUID) -> Response:
    """Cancel a decision: all that is not paid is released."""
    return await _act(request, decision_id, action="cancel", decoder=_releases)


@router.post(
    "/decisions/{decision_id}:refuse",
    openapi_extra=described(
        body=ReleaseRequest, answers=_ANSWERS, problems=_PROBLEMS, parameters=_PARAMETERS
    ),
)
async def refuse(request: Request, decision_id: UUID) -> Response:
    """Say that the municipality refuses the client what is reserved: all of it is released."""
    return await _act(request, decision_id, action="refuse", decoder=_releases)


async def _act(
    request: Request, decision_id: UUID, *, action: Action, decoder: JsonDecoder[Body]
) -> Response:
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key, versions = idempotency_key(request), versions_of(request)
    body: StepRequest = await decoder.read(request, limits=desk.body_limits)  # type: ignore[assignment]
    official = decider_of_call(request, body.acting_official)
    dated = _dated(body, today=desk.moment().today)
    _refuse_faults(dated, desk=desk)
    asked = Act(
        decision_id=str(decision_id),
        action=action,
        body=dated,
        versions=versions,
        query=seen_by(caller, desk=desk),
    )
    content = (asked.decision_id, action, body)
    tools = order_desk(request, official, content, route="decisions/steps", key=key)

    async def once() -> Acted | Stale:
        async with desk.transaction() as connection:
            acted = await acting.act(connection, asked, desk=tools)
            if isinstance(acted, Stale):
                raise Refusal(VERSION_DIFFERS, detail="Read again, then decide anew.")
            return acted

    acted = await repeating(once)
    assert isinstance(acted, Acted), "what is stale was refused"
    headers = {"ETag": etag_of(acted.verdict.version)}
    if acted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(acted.verdict, headers=headers)


def _dated(body: StepRequest, *, today: date) -> StepRequest:
    """Return a change with the day on which it is decided: today, where it names none."""
    if not isinstance(body, ChangeRequest) or body.decision.decided_on is not None:
        return body
    return replace(body, decision=replace(body.decision, decided_on=today))


def _refuse_faults(body: StepRequest, *, desk: Desk) -> None:
    """Refuse what has faults of its own; raises InvalidBody with all of them."""
    faults = text_faults(body)
    if isinstance(body, ChangeRequest):
        law = desk.law
        today = desk.moment().today
        found = examine_changed(
            body.decision, tables=law.tables, register=law.register, today=today
        )
        faults += [Fault(f"/decision{one.pointer}", one.code, one.message) for one in found]
    if faults:
        raise InvalidBody(tuple(faults), noun=NOUN)
