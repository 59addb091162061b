"""Recipients of events: what waits for each, pause and resume."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla import outbox
from kuntavayla.auth import require_kind
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.outbox import WAITING_MAX, Hold, Pause, StreamStanding
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import (
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
    RecipientNotFound,
)
from kuntavayla.service.operations import recipients as operations
from kuntavayla.service.operations.recipients import RecipientStanding
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import (
    ServiceDesk,
    call_of,
    changing_official_of,
    service_desk_of,
)
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, page_of
from kuntavayla.service.schemas.recipients import (
    PausedResponse,
    PauseRequest,
    PauseResponse,
    RecipientList,
    RecipientResponse,
    ResumeRequest,
    StreamResponse,
)
from kuntavayla.values.faults import pause_faults

_pauses = JsonDecoder(PauseRequest)
_resumes = JsonDecoder(ResumeRequest)
_OF_CHANGE = (RecipientNotFound, OfficialRoleRefused, MunicipalityNotServed, OfficeNotYours)
"""What a pause and a resumption may be refused with."""


def recipients_router(prefix: str) -> APIRouter:
    """Return the calls about recipients of events, under a service's prefix."""
    router = secured_router(prefix)
    router.get(
        "/recipients",
        openapi_extra=described(answers={200: RecipientList}, problems=(CURSOR_MALFORMED,)),
    )(list_recipients)
    router.post(
        "/recipients/{recipient_id}:pause",
        openapi_extra=described(
            body=PauseRequest, answers={200: PausedResponse}, problems=_OF_CHANGE
        ),
    )(pause_recipient)
    router.post(
        "/recipients/{recipient_id}:resume",
        openapi_extra=described(
            body=ResumeRequest, answers={200: PausedResponse}, problems=_OF_CHANGE
        ),
    )(resume_recipient)
    return router


async def list_recipients(
    request: Request, *, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List who has events or is held back, and what waits for each; the answer says from where."""
    desk = service_desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    async with desk.transaction() as connection:
        found = await operations.list_of(
            connection,
            transport=desk.transport,
            readings=desk.readings,
            now=desk.moment().now,
            waiting_max=WAITING_MAX,
        )
        await witness(connection, call_of(request), action="recipient.listed", moment=desk.moment())
    items = [_recipient(item) for item in found]
    page, cursor = page_of(items, [item.recipient for item in items], after=after, limit=limit)
    return json_answer(
        RecipientList(items=page, next_cursor=cursor, transport=desk.transport.value)
    )


async def pause_recipient(request: Request, recipient_id: str) -> Response:
    """Hold a recipient's events back: its feeds answer 503, and nothing more goes to its topic.

    Nothing is lost: on `:resume`, or when `until` has come, everything follows in order. A repeat
    sets the same state. Needs an acting official.
    """
    desk = service_desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _pauses.read(request, limits=desk.body_limits)
    official = changing_official_of(request, body.acting_official)
    operations.check_recipient(recipient_id, register=desk.newest_register())
    moment = desk.moment()
    if faults := pause_faults(body.reason, body.until, now=desk.moment().now):
        raise InvalidContent(tuple(faults))
    asked = Pause(
        reason=body.reason,
        organisation=caller_of(request).organisation,
        official_id=official.official_id,
        at=moment.now,
        until=body.until,
    )
    call = call_of(request, official)
    async with desk.transaction() as connection:
        await operations.pause(connection, recipient_id, asked, call=call, moment=moment)
        hold = await outbox.find_hold(connection, recipient_id)
    return json_answer(_paused(recipient_id, hold, desk=desk))


async def resume_recipient(request: Request, recipient_id: str) -> Response:
    """Let a recipient have its events again; one that is not paused stays as it is.

    On Kafka it is `draining` until it was sent all that it is owed. Needs an acting official.
    """
    desk = service_desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _resumes.read(request, limits=desk.body_limits)
    official = changing_official_of(request, body.acting_official)
    operations.check_recipient(recipient_id, register=desk.newest_register())
    moment, call = desk.moment(), call_of(request, official)
    async with desk.transaction() as connection:
        await operations.resume(connection, recipient_id, call=call, moment=moment)
        hold = await outbox.find_hold(connection, recipient_id)
    return json_answer(_paused(recipient_id, hold, desk=desk))


def _paused(recipient: str, hold: Hold | None, *, desk: ServiceDesk) -> PausedResponse:
    return PausedResponse(recipient=recipient, state=_state_of(hold, desk=desk), pause=_pause(hold))


def _state_of(hold: Hold | None, *, desk: ServiceDesk) -> operations.HoldState:
    return operations.state_of(hold, transport=desk.transport, now=desk.moment().now)


def _recipient(item: RecipientStanding) -> RecipientResponse:
    return RecipientResponse(
        recipient=item.recipient,
        state=item.state,
        pause=_pause(item.hold),
        common=_stream(item.common),
        restricted=_stream(item.restricted),
    )


def _pause(hold: Hold | None) -> PauseResponse | None:
    if hold is None:
        return None
    return PauseResponse(
        reason=hold.reason,
        organisation=hold.organisation,
        official_id=hold.official_id,
        paused_at=hold.paused_at,
        until=hold.until,
    )


def _stream(stream: StreamStanding) -> StreamResponse:
    return StreamResponse(
        newest_position=stream.newest,
        counted_from_position=stream.counted_from,
        waiting_events=stream.waiting,
        read_at=stream.read_at,
    )
