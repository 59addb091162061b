"""Information requests: a TE office asks, the case system concerned answers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OFFICIAL_MALFORMED, OFFICIAL_MISSING, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL,
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
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import call_of, changing_official_of, official_of_call
from kuntavayla.service.routes.outcomes import repeating, settled
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from kuntavayla.values.officials import ActingOfficial
from statement_relay.errors import (
    AlreadyAnswered,
    InformationRequestNotFound,
    NoSuchClient,
    ReferenceReused,
    ResponsibleOther,
)
from statement_relay.operations import requests as operations
from statement_relay.operations.requests import RequestDesk, Settled
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.routes.parties import ASKERS, key_use, party_of
from statement_relay.routes.request_answers import request_answer
from statement_relay.rules.requests import (
    AnswerRequest,
    AskRequest,
    RequestFilter,
    RequestFlag,
    RequestState,
)
from statement_relay.schemas.requests import InformationRequestList, InformationRequestResponse

router = secured_router(PREFIX)
READERS = (*ASKERS, OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)
_asked = JsonDecoder(AskRequest)
_answered = JsonDecoder(AnswerRequest)
_OF_CHANGE = (
    IdempotencyKeyReused,
    InProgress,
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
)


@router.post(
    "/information-requests",
    openapi_extra=described(
        body=AskRequest,
        answers={201: Headed(InformationRequestResponse, (LOCATION, REPLAYED))},
        problems=(NoSuchClient, ResponsibleOther, ReferenceReused, *_OF_CHANGE),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def ask(request: Request) -> Response:
    """Ask the municipality that was responsible on the first day of the period about a client.

    Needs an Idempotency-Key and an acting official. The case system gets
    `information-request.received`, and later, while there is no answer,
    `information-request.reminded` and `information-request.overdue`.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS)
    key = idempotency_key(request)
    body = await _asked.read(request, limits=desk.body_limits)
    official = changing_official_of(request, body.acting_official)
    _refuse(tuple(body.faults()))
    use = key_use(
        request,
        body,
        route="information-requests",
        key=key,
        status=201,
        result_id=desk.moment().new_id(),
    )
    tools = _tools(request, official, use=use)
    target = desk.request_target

    async def act() -> Settled:
        async with desk.transaction() as connection:
            return await operations.ask(connection, body, target=target, desk=tools)

    asked = await repeating(act)
    found = asked.request
    location = f"{PREFIX}/information-requests/{found.information_request_id}"
    headers = {"Location": location, **_replayed(asked)}
    return json_answer(request_answer(found, now=desk.moment().now), status=201, headers=headers)


@router.get(
    "/information-requests",
    openapi_extra=described(
        answers={200: InformationRequestList},
        problems=(
            CURSOR_MALFORMED,
            OFFICIAL_MISSING,
            OFFICIAL_MALFORMED,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
        parameters=(ACTING_OFFICIAL,),
    ),
)
async def list_requests(
    request: Request,
    *,
    state: Annotated[RequestState | None, Query()] = None,
    flag: Annotated[RequestFlag | None, Query(description="Open and past its time.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List questions, oldest first: a TE office and a case system their own, others all."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    official = official_of_call(request)
    party, moment = party_of(caller), desk.moment()
    query = RequestFilter(
        te_office_code=party.te_office_code,
        case_system_id=party.case_system_id,
        state=state,
        overdue_at=moment.now if flag == "overdue" else None,
        may_see_restricted=party.may_see_restricted,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query, after=place_of_id(after), limit=limit)
        await witness(
            connection,
            call_of(request, official),
            action="information-request.listed",
            moment=moment,
        )
    cursor = next_cursor([item.information_request_id for item in found], limit=limit)
    items = [request_answer(item, now=moment.now) for item in found]
    return json_answer(InformationRequestList(items, cursor))


@router.get(
    "/information-requests/{information_request_id}",
    openapi_extra=described(
        answers={200: InformationRequestResponse},
        problems=(
            InformationRequestNotFound,
            OFFICIAL_MISSING,
            OFFICIAL_MALFORMED,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
        parameters=(ACTING_OFFICIAL,),
    ),
)
async def load_request(request: Request, information_request_id: UUID) -> Response:
    """Return a question and its answer; needs Acting-Official, is audited."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    official, moment = official_of_call(request), desk.moment()
    async with desk.transaction() as connection:
        outcome = await operations.read(
            connection,
            str(information_request_id),
            party=party_of(caller),
            call=call_of(request, official, purpose="statement"),
            moment=moment,
        )
    return json_answer(request_answer(settled(outcome), now=moment.now))


@router.post(
    "/information-requests/{information_request_id}:answer",
    openapi_extra=described(
        body=AnswerRequest,
        answers={200: Headed(InformationRequestResponse, (REPLAYED,))},
        problems=(InformationRequestNotFound, AlreadyAnswered, *_OF_CHANGE),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def answer(request: Request, information_request_id: UUID) -> Response:
    """Answer a question, by items of information that were sent, or by saying that there is none.

    Needs an Idempotency-Key and an acting official. A question is answered once; the TE office gets
    `information-request.answered`.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key = idempotency_key(request)
    body = await _answered.read(request, limits=desk.body_limits)
    official = changing_official_of(request, body.acting_official)
    _refuse(tuple(body.faults()))
    request_id = str(information_request_id)
    use = key_use(
        request,
        (request_id, body),
        route="information-requests/{information_request_id}:answer",
        key=key,
        status=200,
        result_id=request_id,
    )
    tools = _tools(request, official, use=use)

    async def act() -> Settled:
        async with desk.transaction() as connection:
            return await operations.answer(connection, request_id, body, desk=tools)

    answered = await repeating(act)
    content = request_answer(answered.request, now=desk.moment().now)
    return json_answer(content, headers=_replayed(answered))


def _tools(request: Request, official: ActingOfficial, *, use: KeyUse) -> RequestDesk:
    return RequestDesk(
        use=use,
        call=call_of(request, official, purpose="statement"),
        party=party_of(caller_of(request)),
        moment=desk_of(request).moment(),
    )


def _refuse(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise InvalidContent(faults)


def _replayed(settled: Settled) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if settled.is_replay else {}
