"""Parked messages: what could not be handled, shown to operators and repaired by them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OFFICIAL_MALFORMED, OFFICIAL_MISSING
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, Fault, InvalidContent
from kuntavayla.http import (
    CURSOR_MALFORMED,
    JsonDecoder,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.http.openapi import Described
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.inbox import Edited, ParkedFilter
from kuntavayla.inbox.repairing import (
    ConsumerUnknown,
    CountDiffers,
    MessageNotEditable,
    MessageNotParked,
    ParkedMessageNotFound,
)
from kuntavayla.service.errors import OfficialRoleRefused
from kuntavayla.service.operations import parked as operations
from kuntavayla.service.operations.parked import RepairDesk, Repaired
from kuntavayla.service.routes.answers import parked_answer, parked_content_answer, repair_answer
from kuntavayla.service.routes.desk import call_of, operator_of_call, service_desk_of
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    cursor_text,
    place_of_number,
)
from kuntavayla.service.routes.repairs import read_repair, repair_call, run_repair
from kuntavayla.service.schemas.parked import (
    BEHIND_MAX,
    EditRequest,
    ParkedContent,
    ParkedCountRequest,
    ParkedCountResponse,
    ParkedMessageList,
    ParkedSelection,
    RepairManyRequest,
    RepairRequest,
    RepairResponse,
)

_repairs = JsonDecoder(RepairRequest)
_many = JsonDecoder(RepairManyRequest)
_edits = JsonDecoder(EditRequest)
_counts = JsonDecoder(ParkedCountRequest)

Act = Callable[[Connection, RepairDesk], Awaitable[Repaired]]
_OF_REPAIR = (
    IdempotencyKeyReused,
    InProgress,
    ConsumerUnknown,
    ParkedMessageNotFound,
    MessageNotParked,
    OfficialRoleRefused,
)
"""What every repair may be refused with."""
_OF_READING = (ParkedMessageNotFound, ConsumerUnknown, OFFICIAL_MALFORMED, OFFICIAL_MISSING)
_OF_EDIT = (*_OF_REPAIR, MessageNotEditable)
_OF_MANY = (*_OF_REPAIR, CountDiffers)


def parked_router(prefix: str) -> APIRouter:
    """Return the calls about parked messages, under a service's prefix."""
    router = secured_router(prefix)
    one = "/parked-messages/{parked_message_id}"
    router.get(
        "/parked-messages",
        openapi_extra=described(answers={200: ParkedMessageList}, problems=(CURSOR_MALFORMED,)),
    )(list_parked)
    router.get(one, openapi_extra=described(answers={200: ParkedContent}, problems=_OF_READING))(
        load_parked
    )
    router.post(
        "/parked-messages:preview",
        openapi_extra=described(body=ParkedCountRequest, answers={200: ParkedCountResponse}),
    )(preview)
    router.post(f"{one}:retry", openapi_extra=_repaired(RepairRequest, _OF_REPAIR))(retry)
    router.post(f"{one}:skip", openapi_extra=_repaired(RepairRequest, _OF_REPAIR))(skip)
    router.post(f"{one}:edit", openapi_extra=_repaired(EditRequest, _OF_EDIT))(edit)
    many = _repaired(RepairManyRequest, _OF_MANY)
    router.post("/parked-messages:retry", openapi_extra=many)(retry_many)
    router.post("/parked-messages:skip", openapi_extra=many)(skip_many)
    return router


def _repaired(body: type[Struct], problems: Sequence[type[DomainError]]) -> Described:
    """Describe a repair."""
    return described(body=body, answers={200: RepairResponse}, problems=problems)


async def list_parked(  # noqa: PLR0913 - one parameter per filter
    request: Request,
    *,
    consumer: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[Literal["parked", "queued", "done", "skipped"] | None, Query()] = None,
    key: Annotated[str | None, Query(max_length=100)] = None,
    reason: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List messages that could not be handled and what waits behind them, oldest first.

    Bytes are shown by `GET /parked-messages/{id}` alone. Needs an acting official; audited.
    """
    desk = service_desk_of(request)
    official = operator_of_call(request)
    given = {"/query/consumer": consumer, "/query/key": key, "/query/reason": reason}
    _check_texts(given)
    async with desk.transaction() as connection:
        found = await operations.list_of(
            connection,
            ParkedFilter(consumer=consumer, key=key, reason=reason, state=state),
            after=place_of_number(after),
            limit=limit,
            call=call_of(request, official),
            moment=desk.moment(),
        )
    cursor = cursor_text(str(found[-1].number)) if len(found) == limit else None
    return json_answer(ParkedMessageList([parked_answer(one) for one in found], cursor))


async def load_parked(request: Request, parked_message_id: UUID) -> Response:
    """Return a message with its bytes and headers, and what waits behind it.

    A message from outside may hold personal data by mistake; it is kept sealed. Needs an acting
    official; audited.
    """
    desk = service_desk_of(request)
    official = operator_of_call(request)
    async with desk.transaction() as connection:
        shown = await operations.show(
            connection,
            str(parked_message_id),
            behind_max=BEHIND_MAX,
            call=call_of(request, official),
            moment=desk.moment(),
            consumptions=desk.consumptions,
        )
    return json_answer(parked_content_answer(shown))


async def preview(request: Request) -> Response:
    """Count the parked messages that a filter means, as `:retry` and `:skip` expect it; a read."""
    desk = service_desk_of(request)
    official = operator_of_call(request)
    body = await _counts.read(request, limits=desk.body_limits)
    async with desk.transaction() as connection:
        count = await operations.count_of(
            connection,
            _filter_of(body.filter),
            call=call_of(request, official),
            moment=desk.moment(),
        )
    return json_answer(ParkedCountResponse(count))


async def retry(request: Request, parked_message_id: UUID) -> Response:
    """Handle a parked message again, then what waits behind it, in order.

    A message that cannot be handled ends it and is parked, which is an answer and no error. At most
    1,000 messages a call; the rest goes on waiting. Needs an Idempotency-Key and an acting
    official.
    """
    return await _repair_one(request, str(parked_message_id), action="retry")


async def skip(request: Request, parked_message_id: UUID) -> Response:
    """Leave a parked message without effect, and handle what waits behind it.

    The message stays on record with its bytes. Needs an Idempotency-Key and an acting official.
    """
    return await _repair_one(request, str(parked_message_id), action="skip")


async def edit(request: Request, parked_message_id: UUID) -> Response:
    """Put other content in the place of a message from outside, and handle it.

    What came first is kept beside it. Needs an Idempotency-Key and an acting official.
    """
    body = await read_repair(request, _edits)
    headers = None
    if body.headers is not None:
        headers = tuple((header.name, header.value.encode()) for header in body.headers)
    edited = Edited(body.body.encode(), headers)

    async def act(connection: Connection, desk: RepairDesk) -> Repaired:
        return await operations.edit(connection, str(parked_message_id), edited, desk=desk)

    return await _repair(request, body, act, action="edit", resource_id=str(parked_message_id))


async def retry_many(request: Request) -> Response:
    """Handle again all parked messages that a filter means, if they are as many as expected.

    Count them first by `:preview`. At most the 1,000 oldest a call.
    """
    return await _repair_many(request, action="retry")


async def skip_many(request: Request) -> Response:
    """Leave all parked messages without effect that a filter means, if as many as expected.

    Count them first by `:preview`. At most the 1,000 oldest a call.
    """
    return await _repair_many(request, action="skip")


async def _repair_one(
    request: Request, parked_id: str, *, action: Literal["retry", "skip"]
) -> Response:
    body = await read_repair(request, _repairs)

    async def act(connection: Connection, desk: RepairDesk) -> Repaired:
        return await operations.repair(connection, operations.just(parked_id), action, desk=desk)

    return await _repair(request, body, act, action=action, resource_id=parked_id)


async def _repair_many(request: Request, *, action: Literal["retry", "skip"]) -> Response:
    body = await read_repair(request, _many)
    choose = operations.all_of(_filter_of(body.filter), expected_count=body.expected_count)

    async def act(connection: Connection, desk: RepairDesk) -> Repaired:
        return await operations.repair(connection, choose, action, desk=desk)

    return await _repair(request, body, act, action=action, resource_id=None)


async def _repair(
    request: Request,
    body: RepairRequest | EditRequest | RepairManyRequest,
    act: Act,
    *,
    action: str,
    resource_id: str | None,
) -> Response:
    """Answer what a repair has done, now or when it was first asked for."""
    route = "parked-messages:" if resource_id is None else "parked-messages/{parked_message_id}:"
    asked = repair_call(
        request,
        body,
        action=f"parked-message.{action}",
        route=route + action,
        resource_id=resource_id,
    )
    tools = RepairDesk(
        use=asked.use,
        call=asked.call,
        reason=body.reason,
        moment=asked.moment,
        consumptions=service_desk_of(request).consumptions,
    )

    async def run(connection: Connection) -> Repaired:
        return await act(connection, tools)

    repaired = await run_repair(request, asked, run)
    headers = {"Idempotent-Replayed": "true"} if repaired.is_replay else {}
    return json_answer(repair_answer(repaired.repair), headers=headers)


def _filter_of(selection: ParkedSelection) -> ParkedFilter:
    return ParkedFilter(consumer=selection.consumer, key=selection.key, reason=selection.reason)


def _check_texts(given: dict[str, str | None]) -> None:
    """Refuse texts that no key or name holds, U+0000 among them."""
    advice = "Give the text as a parked message shows it."
    faults = [
        Fault(pointer, "parameter_malformed", advice)
        for pointer, text in given.items()
        if text is not None and not text.isprintable()
    ]
    if faults:
        raise InvalidContent(tuple(faults))
