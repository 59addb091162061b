"""Redeliveries: events once more to one recipient, counted first."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, Refusal, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.events import Channel
from kuntavayla.feed import Cursor, CursorExpired, CursorMalformed
from kuntavayla.http import (
    CURSOR_EXPIRED,
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse, fingerprints_of
from kuntavayla.outbox import EVENTS_MAX
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import (
    EventCountDiffers,
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
    RecipientNotFound,
    RedeliveryTooLarge,
)
from kuntavayla.service.operations import redeliveries as operations
from kuntavayla.service.operations.recipients import check_recipient
from kuntavayla.service.operations.redeliveries import Redelivered, RedeliveryDesk, Wanted
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import (
    RESTRICTED,
    call_of,
    changing_official_of,
    service_desk_of,
)
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.schemas.recipients import (
    PreviewRedeliveryRequest,
    RedeliveryPreview,
    RedeliveryRequest,
    RedeliveryResponse,
)
from kuntavayla.values.faults import reference_faults

_previews = JsonDecoder(PreviewRedeliveryRequest)
_redeliveries = JsonDecoder(RedeliveryRequest)
WHO = (
    OrganisationKind.OPERATOR,
    OrganisationKind.CASE_SYSTEM,
    OrganisationKind.TE_OFFICE,
    OrganisationKind.TE_NATIONAL,
    OrganisationKind.ELY,
    OrganisationKind.KEHA,
)
_OF_REDELIVERY = (
    RecipientNotFound,
    CURSOR_MALFORMED,
    CURSOR_EXPIRED,
    EventCountDiffers,
    RedeliveryTooLarge,
    IdempotencyKeyReused,
    InProgress,
    OfficialRoleRefused,
    MunicipalityNotServed,
    OfficeNotYours,
)
"""What a redelivery may be refused with."""


def redeliveries_router(prefix: str) -> APIRouter:
    """Return the calls that send events once more, under a service's prefix."""
    router = secured_router(prefix)
    router.post(
        "/redeliveries:preview",
        openapi_extra=described(
            body=PreviewRedeliveryRequest,
            answers={200: RedeliveryPreview},
            problems=(RecipientNotFound, CURSOR_MALFORMED, CURSOR_EXPIRED),
        ),
    )(preview_redelivery)
    router.post(
        "/redeliveries",
        openapi_extra=described(
            body=RedeliveryRequest, answers={201: RedeliveryResponse}, problems=_OF_REDELIVERY
        ),
    )(redeliver)
    return router


async def preview_redelivery(request: Request) -> Response:
    """Count the events that would be sent once more; nothing is sent.

    The operator counts for anybody, a recipient for itself.
    """
    caller, desk = caller_of(request), service_desk_of(request)
    require_kind(caller, *WHO)
    body = await _previews.read(request, limits=desk.body_limits)
    wanted = _wanted(request, body)
    try:
        async with desk.transaction() as connection:
            count = await operations.count(connection, wanted)
            await witness(
                connection, call_of(request), action="redelivery.previewed", moment=desk.moment()
            )
    except (CursorMalformed, CursorExpired) as error:
        raise _refusal(error) from error
    return json_answer(
        RedeliveryPreview(recipient=body.recipient, event_count=count, events_max=EVENTS_MAX)
    )


async def redeliver(request: Request) -> Response:
    """Send events of one recipient once more, 10,000 at most, each with the id it always had.

    They stand at the end of feed and topic, with the `sequence` of their first time and a
    `redeliveryid`. The operator asks for anybody, a recipient for itself. Needs an Idempotency-Key
    and an acting official; with `expected_count` it is refused where the count is another by now.
    """
    caller, desk = caller_of(request), service_desk_of(request)
    require_kind(caller, *WHO)
    key = idempotency_key(request)
    body = await _redeliveries.read(request, limits=desk.body_limits)
    official = changing_official_of(request, body.acting_official)
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    wanted, moment = _wanted(request, body), desk.moment()
    fingerprint, *older = fingerprints_of(body, by=desk.fingerprints)
    use = KeyUse(
        organisation=caller.organisation,
        route="redeliveries",
        key=key,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=201,
        result_id=moment.new_id(),
    )
    tools = RedeliveryDesk(
        use=use,
        call=call_of(request, official),
        moment=moment,
        reason=body.reason,
        expected_count=body.expected_count,
    )
    return _answer(await repeating(lambda: _redeliver(request, wanted, tools=tools)))


async def _redeliver(request: Request, wanted: Wanted, *, tools: RedeliveryDesk) -> Redelivered:
    try:
        async with service_desk_of(request).transaction() as connection:
            return await operations.redeliver(connection, wanted, desk=tools)
    except (CursorMalformed, CursorExpired) as error:
        raise _refusal(error) from error


def _wanted(request: Request, body: PreviewRedeliveryRequest) -> Wanted:
    """Return what is asked for; somebody else's events are answered like an unknown recipient's."""
    caller, desk = caller_of(request), service_desk_of(request)
    if (body.after is None) == (body.event_ids is None):
        fault = Fault("/after", "after_or_event_ids", "Give either `after` or `event_ids`.")
        raise InvalidContent((fault,))
    if body.until is not None and body.after is None:
        fault = Fault("/until", "until_without_after", "Give `until` together with `after` only.")
        raise InvalidContent((fault,))
    if caller.kind is not OrganisationKind.OPERATOR and body.recipient != caller.organisation:
        raise RecipientNotFound
    check_recipient(body.recipient, register=desk.newest_register())
    return Wanted(
        recipient=body.recipient,
        channels=_channels(caller),
        after=body.after or operations.EARLIEST,
        until=body.until or operations.NOW,
        event_ids=body.event_ids,
    )


def _channels(caller: Caller) -> tuple[Channel, ...]:
    """Return the feeds of which a caller may ask for events.

    They only ever stand where they stood before, so the operator, who does not read them, may ask
    for all.
    """
    if caller.kind is OrganisationKind.OPERATOR or RESTRICTED in caller.scopes:
        return Channel.COMMON, Channel.RESTRICTED
    return (Channel.COMMON,)


def _refusal(error: Exception) -> Refusal:
    return Refusal(CURSOR_EXPIRED if isinstance(error, CursorExpired) else CURSOR_MALFORMED)


def _answer(done: Redelivered) -> Response:
    redelivery = done.redelivery
    return json_answer(
        RedeliveryResponse(
            redelivery_id=redelivery.redelivery_id,
            recipient=redelivery.recipient,
            event_count=redelivery.event_count,
            after=Cursor(done.epoch, redelivery.behind_position).text(),
            requested_at=redelivery.requested_at,
        ),
        status=201,
        headers={"Idempotent-Replayed": "true"} if done.is_replay else {},
    )
