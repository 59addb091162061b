"""Transfers: lists, acknowledgements of case systems, notices of TE offices."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import official_of, require_kind
from kuntavayla.errors import DomainError, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_IF_ANY,
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    item_problem,
    json_answer,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from kuntavayla.values.faults import instant_fault, reference_faults
from routing_api.errors import (
    AlreadyAcknowledged,
    NoticeAlreadyGiven,
    ReportedInFuture,
    ReportedTooEarly,
    TransferNotFound,
    TransferWithdrawn,
)
from routing_api.operations import transfers as operations
from routing_api.operations.transfers import Outcome
from routing_api.routes.answers import PREFIX, transfer_answer
from routing_api.routes.desk import desk_of, party_of
from routing_api.routes.intake import READERS, SENDERS
from routing_api.rules.transfers import Notice, TransferFilter
from routing_api.schemas import (
    AcknowledgeRequest,
    ItemResult,
    ItemsResponse,
    NoticeRequest,
    TransferList,
)

router = secured_router(PREFIX)
_acknowledgements = JsonDecoder(AcknowledgeRequest)
_notices = JsonDecoder(NoticeRequest)
_ITEM_PROBLEMS = (TransferNotFound, TransferWithdrawn, ReportedInFuture, ReportedTooEarly)


@router.get(
    "/transfers", openapi_extra=described(answers={200: TransferList}, problems=(CURSOR_MALFORMED,))
)
async def list_transfers(
    request: Request,
    *,
    state: Annotated[
        Literal["offered", "acknowledged", "disputed", "withdrawn"] | None, Query()
    ] = None,
    flag: Annotated[Literal["overdue", "without_notice"] | None, Query()] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List transfers, oldest first.

    A case system and a TE office see their own, operator and national sender all.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS, OrganisationKind.CASE_SYSTEM)
    party, now = party_of(caller), desk.moment().now
    query = TransferFilter(
        case_system_id=party.case_system_id,
        te_office_code=party.te_office_code,
        state=state,
        overdue_at=now if flag == "overdue" else None,
        is_without_notice=flag == "without_notice",
        may_see_restricted=party.may_see_restricted,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query, after=place_of_id(after), limit=limit)
        await witness(connection, call_of(request), action="transfer.listed", moment=desk.moment())
    cursor = next_cursor([transfer.transfer_id for transfer in found], limit=limit)
    return json_answer(TransferList([transfer_answer(item, now=now) for item in found], cursor))


@router.post(
    "/transfers:acknowledge",
    openapi_extra=described(
        body=AcknowledgeRequest,
        answers={200: ItemsResponse},
        problems=(MunicipalityNotServed, OfficeNotYours),
        item_problems=(*_ITEM_PROBLEMS, AlreadyAcknowledged),
        parameters=(ACTING_OFFICIAL_IF_ANY,),
    ),
)
async def acknowledge(request: Request) -> Response:
    """Say that clients were taken over, up to 1,000 at once; one outcome per item, in order.

    A repeated item answers as before; another acknowledgement of the same transfer is refused. A
    transfer that is not the caller's is answered like one that does not exist. `taken_over_at` lies
    between the offer, or the first day of responsibility where that was earlier, and now.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    body = await _acknowledgements.read(request, limits=desk.body_limits)
    faults = [
        fault for at, item in enumerate(body.items) for fault in item.faults(at=f"/items/{at}")
    ]
    if faults:
        raise InvalidContent(tuple(faults))
    official = official_of(request.headers)
    call = call_of(request, official and official_of_call(request, official))
    items = [item.value() for item in body.items]

    async def act() -> list[Outcome]:
        async with desk.transaction() as connection:
            return await operations.acknowledge(
                connection,
                items,
                party=party_of(caller),
                call=call,
                moment=desk.moment(),
                bounds=desk.report_bounds,
            )

    outcomes = await repeating(act)
    return _answer([item.transfer_id for item in items], outcomes, done="acknowledged")


@router.post(
    "/transfers:notice",
    openapi_extra=described(
        body=NoticeRequest,
        answers={200: ItemsResponse},
        problems=(MunicipalityNotServed, OfficeNotYours),
        item_problems=(*_ITEM_PROBLEMS, NoticeAlreadyGiven),
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def give_notice(request: Request) -> Response:
    """Say that persons were told about their transfers, up to 1,000 at once.

    Needs an acting official. A repeated item answers as before; another notice for the same
    transfer is refused. `notified_at` lies between the day from which the transfer could be decided
    and now.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *SENDERS)
    body = await _notices.read(request, limits=desk.body_limits)
    _check_notices(body)
    official = official_of_call(request, body.acting_official)
    call, moment = call_of(request, official), desk.moment()
    items = [
        Notice(
            transfer_id=item.transfer_id,
            notice_id=moment.new_id(),
            notified_at=item.notified_at.astimezone(UTC),
            channel=item.channel,
            language_code=item.language_code,
            template=item.template,
        )
        for item in body.items
    ]

    async def act() -> list[Outcome]:
        async with desk.transaction() as connection:
            return await operations.give_notice(
                connection,
                items,
                party=party_of(caller),
                call=call,
                moment=moment,
                bounds=desk.report_bounds,
            )

    outcomes = await repeating(act)
    return _answer([item.transfer_id for item in items], outcomes, done="given")


def _check_notices(body: NoticeRequest) -> None:
    _refuse_faults(
        [(f"/items/{at}/notified_at", item.notified_at) for at, item in enumerate(body.items)],
        references=[(f"/items/{at}/template", item.template) for at, item in enumerate(body.items)],
    )


def _refuse_faults(
    instants: Iterable[tuple[str, datetime]], *, references: Iterable[tuple[str, str | None]]
) -> None:
    """Refuse instants that UTC has no day for, and references that hold an identity code."""
    faults = [fault for pointer, at in instants if (fault := instant_fault(pointer, at))]
    faults += reference_faults(references)
    if faults:
        raise InvalidContent(tuple(faults))


def _answer(transfer_ids: Sequence[str], outcomes: Sequence[Outcome], *, done: str) -> Response:
    items = [
        ItemResult(transfer_id=transfer_id, result="refused", problem=item_problem(outcome))
        if isinstance(outcome, DomainError)
        else ItemResult(transfer_id=transfer_id, result="done", state=done)
        for transfer_id, outcome in zip(transfer_ids, outcomes, strict=True)
    ]
    return json_answer(ItemsResponse(items))
