"""Overrides: an area asks for an exception, its ELY centre answers, all concerned read."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, require_kind
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_MALFORMED,
    IDEMPOTENCY_KEY,
    LOCATION,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
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
from kuntavayla.service.routes.desk import RESTRICTED
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from quota_ledger.errors import (
    AreaNotYours,
    OverrideAlreadyAsked,
    OverrideAnswered,
    OverrideNeedsAnother,
    OverrideNotFound,
    OverrideNotPossible,
    OverrideTooSmall,
)
from quota_ledger.operations import answering
from quota_ledger.operations import overrides as operations
from quota_ledger.operations.answering import Answered, Asking
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.overrides import Asked
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.decisions import seen_by
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.questions import AskedArea
from quota_ledger.routes.rights import READERS, decider_of_call, narrowed, order_desk, seen_areas
from quota_ledger.rules.overrides import (
    ApprovalRequest,
    FoundOverride,
    OverrideFilter,
    OverrideRequest,
)
from quota_ledger.rules.states import OverrideState
from quota_ledger.schemas.overrides import (
    AnsweredResponse,
    AskedResponse,
    OverrideList,
    OverrideResponse,
)

router = secured_router(PREFIX)
_asked = JsonDecoder(OverrideRequest)
_answers = JsonDecoder(ApprovalRequest)
_OF_OFFICIAL = (OfficialRoleRefused, MunicipalityNotServed, OfficeNotYours)
_OF_ANSWER = (
    OverrideNotFound,
    OverrideAnswered,
    OverrideNeedsAnother,
    *_OF_OFFICIAL,
    IdempotencyKeyReused,
    InProgress,
)
_PARAMETERS = (IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY)
_TOLD = tuple(
    name
    for name in OverrideResponse.__struct_fields__
    if name not in {"area_code", "municipality_code", "instrument", "budget_year"}
)
Answering = Callable[..., Awaitable[Answered]]


@router.post(
    "/overrides",
    openapi_extra=described(
        body=OverrideRequest,
        answers={201: Headed(AskedResponse, (LOCATION, REPLAYED))},
        problems=(
            DecisionNotFound,
            OverrideNotPossible,
            OverrideAlreadyAsked,
            *_OF_OFFICIAL,
            IdempotencyKeyReused,
            InProgress,
        ),
        parameters=_PARAMETERS,
    ),
)
async def ask(request: Request) -> Response:
    """Ask for an exception for one decision that was refused because money was short.

    It names its cover: an addition or a transfer, when it is expected, and why. `amount_cents` is
    the most that may be raised; nothing is raised before the ELY centre approves. Only one is open
    for a decision. Needs an Idempotency-Key and a decider.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key = idempotency_key(request)
    body = await _asked.read(request, limits=desk.body_limits)
    official = decider_of_call(request, body.acting_official)
    faults = tuple(body.faults(today=desk.moment().today))
    if faults:
        raise InvalidContent(faults)
    tools = order_desk(request, official, body, route="overrides", key=key)

    async def act() -> Asked:
        async with desk.transaction() as connection:
            return await operations.ask(
                connection, body, query=seen_by(caller, desk=desk), desk=tools
            )

    made = await repeating(act)
    one = made.override
    headers = {"Location": f"{PREFIX}/overrides/{one.override_id}"}
    if made.is_replay:
        headers["Idempotent-Replayed"] = "true"
    answer = AskedResponse(
        override_id=one.override_id,
        decision_id=one.decision_id,
        cents=one.cents,
        expires_on=one.expires_on,
    )
    return json_answer(answer, status=201, headers=headers)


@router.post(
    "/overrides/{override_id}:approve",
    openapi_extra=described(
        body=ApprovalRequest,
        answers={200: Headed(AnsweredResponse, (REPLAYED,))},
        problems=(*_OF_ANSWER, OverrideNotPossible, OverrideTooSmall),
        parameters=_PARAMETERS,
    ),
)
async def approve(request: Request, override_id: UUID) -> Response:
    """Approve: what is lacking is raised, and the decision is reserved with it at once.

    Raised is what is lacking now, at most what was asked for: more is 409 `override_too_small`.
    The ELY centre of the area does it, by another official than the one who asked. Needs an
    Idempotency-Key and a decider.
    """
    return await _answer(request, override_id, act=answering.approve, route="approve")


@router.post(
    "/overrides/{override_id}:refuse",
    openapi_extra=described(
        body=ApprovalRequest,
        answers={200: Headed(AnsweredResponse, (REPLAYED,))},
        problems=_OF_ANSWER,
        parameters=_PARAMETERS,
    ),
)
async def refuse(request: Request, override_id: UUID) -> Response:
    """Refuse: nothing is raised, and the decision stays refused."""
    return await _answer(request, override_id, act=answering.refuse, route="refuse")


@router.get(
    "/overrides/{override_id}",
    openapi_extra=described(answers={200: OverrideResponse}, problems=(OverrideNotFound,)),
)
async def load(request: Request, override_id: UUID) -> Response:
    """Return an override as it stands: what was raised, covered, returned, and what is left."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        found = await operations.find_seen(
            connection, str(override_id), query=_seen_by(caller, desk=desk)
        )
    return json_answer(_told(found))


@router.get(
    "/overrides",
    openapi_extra=described(answers={200: OverrideList}, problems=(CURSOR_MALFORMED, AreaNotYours)),
)
async def list_overrides(
    request: Request,
    *,
    state: Annotated[OverrideState | None, Query(description="Where the override stands.")] = None,
    area: AskedArea = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List overrides: an ELY centre and a case system those of their areas."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = OverrideFilter(
        area_codes=narrowed(seen_areas(caller, desk=desk), area=area),
        may_see_restricted=_seen_by(caller, desk=desk).may_see_restricted,
        state=state,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query, after=place_of_id(after), limit=limit)
    cursor = next_cursor([one.override.override_id for one in found], limit=limit)
    return json_answer(OverrideList([_told(one) for one in found], cursor))


async def _answer(request: Request, override_id: UUID, *, act: Answering, route: str) -> Response:
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.ELY)
    key = idempotency_key(request)
    body = await _answers.read(request, limits=desk.body_limits)
    official = decider_of_call(request, body.acting_official)
    faults = tuple(body.faults())
    if faults:
        raise InvalidContent(faults)
    asked = Asking(override_id=str(override_id), body=body, query=_seen_by(caller, desk=desk))
    tools = order_desk(
        request, official, (asked.override_id, body), route=f"overrides:{route}", key=key
    )
    made = await repeating(lambda: _once(act, asked, desk=desk, tools=tools))
    headers = {"Idempotent-Replayed": "true"} if made.is_replay else {}
    return json_answer(_answered(made), headers=headers)


async def _once(act: Answering, asked: Asking, *, desk: Desk, tools: OrderDesk) -> Answered:
    async with desk.transaction() as connection:
        return await act(connection, asked, desk=tools)


def _seen_by(caller: Caller, *, desk: Desk) -> OverrideFilter:
    """Return what a caller may see: an override names no client, so an ELY centre sees all its own.

    A case system sees it as it sees the decision.
    """
    seen = seen_areas(caller, desk=desk)
    is_case_system = caller.kind is OrganisationKind.CASE_SYSTEM
    return OverrideFilter(
        area_codes=None if seen is None else sorted(seen),
        may_see_restricted=not is_case_system or RESTRICTED in caller.scopes,
    )


def _answered(made: Answered) -> AnsweredResponse:
    return AnsweredResponse(
        override_id=made.override.override_id,
        decision_id=made.override.decision_id,
        outcome=made.outcome,
        decision_state="reserved" if made.outcome == "approved" else "refused",
        raised_cents=made.raised_cents,
        entry_ids=made.entry_ids,
        reservation_expires_at=made.expires_at,
    )


def _told(found: FoundOverride) -> OverrideResponse:
    key = found.key
    return OverrideResponse(
        **{name: getattr(found.override, name) for name in _TOLD},
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
    )
