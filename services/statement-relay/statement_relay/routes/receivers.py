"""Receivers: how they stand, held back and let go on by operators."""

from starlette.requests import Request
from starlette.responses import Response

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
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import call_of, repairer_of_call
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, page_of
from kuntavayla.values.faults import pause_faults
from statement_relay.errors import ReceiverNotFound
from statement_relay.operations import receivers as operations
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import Desk, desk_of
from statement_relay.rules.pacing import ReceiverFigures, ReceiverPause
from statement_relay.schemas.receivers import (
    PauseReceiverRequest,
    ReceiverList,
    ReceiverPauseResponse,
    ReceiverResponse,
    ResumeReceiverRequest,
)

router = secured_router(PREFIX)
_pauses = JsonDecoder(PauseReceiverRequest)
_resumes = JsonDecoder(ResumeReceiverRequest)
_OF_CHANGE = (ReceiverNotFound, OfficialRoleRefused, MunicipalityNotServed, OfficeNotYours)


@router.get(
    "/receivers",
    openapi_extra=described(answers={200: ReceiverList}, problems=(CURSOR_MALFORMED,)),
)
async def list_receivers(
    request: Request, *, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List who is sent information, how each stands, and what is on its way to it."""
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, call=call_of(request), moment=desk.moment())
    items = [_receiver(one, desk=desk) for one in found]
    page, cursor = page_of(items, [one.receiver_id for one in items], after=after, limit=limit)
    return json_answer(ReceiverList(page, cursor))


@router.post(
    "/receivers/{receiver_id}:pause",
    openapi_extra=described(
        body=PauseReceiverRequest, answers={200: ReceiverResponse}, problems=_OF_CHANGE
    ),
)
async def pause(request: Request, receiver_id: str) -> Response:
    """Send a receiver nothing until `:resume`, or until `until` has come; calls under way end.

    Nothing is lost, and clocks go on. A repeat sets the same state, or another reason and end.
    Needs an acting official.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _pauses.read(request, limits=desk.body_limits)
    official = repairer_of_call(request, body.acting_official)
    if faults := pause_faults(body.reason, body.until, now=desk.moment().now):
        raise InvalidContent(tuple(faults))
    asked = ReceiverPause(reason=body.reason, until=body.until, paused_by=official.official_id)
    async with desk.transaction() as connection:
        paused = await operations.pause(
            connection,
            receiver_id,
            asked,
            call=call_of(request, official),
            moment=desk.moment(),
        )
    return json_answer(_receiver(paused, desk=desk))


@router.post(
    "/receivers/{receiver_id}:resume",
    openapi_extra=described(
        body=ResumeReceiverRequest, answers={200: ReceiverResponse}, problems=_OF_CHANGE
    ),
)
async def resume(request: Request, receiver_id: str) -> Response:
    """Let a receiver be sent items again: end its pause, and what its breaker holds back.

    Needs an acting official.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _resumes.read(request, limits=desk.body_limits)
    official = repairer_of_call(request, body.acting_official)
    async with desk.transaction() as connection:
        resumed = await operations.resume(
            connection, receiver_id, call=call_of(request, official), moment=desk.moment()
        )
    return json_answer(_receiver(resumed, desk=desk))


def _receiver(figures: ReceiverFigures, *, desk: Desk) -> ReceiverResponse:
    standing, endpoint = figures.standing, desk.endpoints.find(figures.standing.receiver_id)
    hours = endpoint.hours if endpoint is not None else None
    return ReceiverResponse(
        receiver_id=standing.receiver_id,
        state=operations.state_of(figures, moment=desk.moment()),
        pause=_pause(figures.pause),
        rests_until=standing.breaker.until,
        failures_in_a_row=standing.breaker.failures,
        address_known=endpoint is not None,
        adapter=endpoint.adapter if endpoint is not None else None,
        rate_per_s=endpoint.rate_per_s if endpoint is not None else None,
        concurrency=endpoint.concurrency if endpoint is not None else None,
        opens=hours.opens.isoformat("minutes") if hours is not None else None,
        closes=hours.closes.isoformat("minutes") if hours is not None else None,
        leased_queues=standing.leased,
        waiting_items=figures.waiting,
        delivering_items=figures.delivering,
        awaiting_receipt_items=figures.awaiting_receipt,
        parked_items=figures.parked,
        oldest_accepted_at=figures.oldest_at,
    )


def _pause(pause: ReceiverPause | None) -> ReceiverPauseResponse | None:
    if pause is None:
        return None
    return ReceiverPauseResponse(
        reason=pause.reason, official_id=pause.paused_by, until=pause.until
    )
