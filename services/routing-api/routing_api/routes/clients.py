"""Clients: looked up by identity code, their history, and the snapshot of a case system."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OFFICIAL_MALFORMED, OFFICIAL_MISSING, Refusal, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.events import Channel
from kuntavayla.http import (
    ACTING_OFFICIAL,
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_EXPIRED,
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    json_answer,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.service.routes.outcomes import settled
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    cursor_of_snapshot,
    place_of_snapshot,
)
from kuntavayla.values.identity_codes import IdentityCodeFault, parse
from routing_api.errors import ClientNotFound
from routing_api.operations import clients as operations
from routing_api.operations.clients import ClientHistory, Snapshot
from routing_api.routes.answers import PREFIX, responsible_answer
from routing_api.routes.desk import RESYNC, desk_of, party_of
from routing_api.routes.intake import SENDERS
from routing_api.schemas import (
    ClienthoodList,
    ClienthoodResponse,
    ClientResponse,
    HeldClienthoodResponse,
    LookupRequest,
)

router = secured_router(PREFIX)
_decoder = JsonDecoder(LookupRequest)


@router.post(
    "/clients:lookup",
    openapi_extra=described(
        body=LookupRequest,
        answers={200: ClientResponse},
        problems=(ClientNotFound, MunicipalityNotServed, OfficeNotYours),
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def look_up(request: Request) -> Response:
    """Find a client by identity code, given in the body only; needs an acting official, is audited.

    A client of another office is answered like one that does not exist.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *SENDERS)
    body = await _decoder.read(request, limits=desk.body_limits)
    official = official_of_call(request, body.acting_official)
    try:
        code = parse(body.identity_code)
    except IdentityCodeFault as error:
        fault = Fault("/identity_code", f"identity_code_{error.reason}", "Give a valid code.")
        raise InvalidContent((fault,)) from error
    async with desk.transaction() as connection:
        outcome = await operations.look_up(
            connection,
            code.text,
            party=party_of(caller),
            call=call_of(request, official),
            law=desk.law,
            moment=desk.moment(),
        )
    return json_answer(_answer(settled(outcome), today=desk.moment().today))


@router.get(
    "/clients/{client_id}",
    openapi_extra=described(
        answers={200: ClientResponse},
        problems=(
            OFFICIAL_MISSING,
            OFFICIAL_MALFORMED,
            ClientNotFound,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
        parameters=(ACTING_OFFICIAL,),
    ),
)
async def load_client(request: Request, client_id: UUID) -> Response:
    """Return a client's responsibility and history; needs Acting-Official, is audited."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *SENDERS, OrganisationKind.CASE_SYSTEM)
    official = official_of_call(request)
    async with desk.transaction() as connection:
        outcome = await operations.load_history(
            connection,
            str(client_id),
            party=party_of(caller),
            call=call_of(request, official),
            moment=desk.moment(),
        )
    return json_answer(_answer(settled(outcome), today=desk.moment().today))


def _answer(history: ClientHistory, *, today: date) -> ClientResponse:
    state = history.state
    return ClientResponse(
        client_id=state.client_id,
        clienthood_version=state.version,
        responsible=responsible_answer(history.responsible_on(today)),
        transfer_id=state.transfer_id,
        review_id=state.review_id,
        clienthoods=[
            ClienthoodResponse(
                version=version.version,
                responsible=responsible_answer(version.responsible),
                decision_id=version.decision_id,
                valid_from=version.valid_from,
                valid_to=version.valid_to,
            )
            for version in history.clienthoods
        ],
    )


@router.get(
    "/clienthoods",
    openapi_extra=described(
        answers={200: ClienthoodList}, problems=(CURSOR_MALFORMED, CURSOR_EXPIRED)
    ),
)
async def list_clienthoods(
    request: Request,
    *,
    on: Annotated[
        date | None, Query(description="Held on this day; where left out, all that have not ended.")
    ] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List the calling case system's own clients, and the cursor from which its feed goes on.

    Start and resync: read all pages, then the feed from the `feed_cursor` of the first page.
    Clients with a security ban are listed only to a token with the scope events.restricted. A page
    that was asked for before a restore of the service has none behind it: 410, start again.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    epoch, client_id = place_of_snapshot(after)
    async with desk.transaction() as connection:
        snapshot = await operations.load_snapshot(
            connection,
            party_of(caller),
            on=on,
            today=desk.moment().today,
            after=client_id,
            limit=limit,
        )
        await witness(
            connection, call_of(request), action="clienthood.listed", moment=desk.moment()
        )
    if epoch not in (None, snapshot.feed_cursor.epoch):
        raise Refusal(CURSOR_EXPIRED, detail=RESYNC)
    items = _held_answers(snapshot)
    cursor = None
    if len(items) >= limit:
        cursor = cursor_of_snapshot(items[-1].client_id, epoch=snapshot.feed_cursor.epoch)
    return json_answer(ClienthoodList(items, cursor, snapshot.feed_cursor.text()))


def _held_answers(snapshot: Snapshot) -> list[HeldClienthoodResponse]:
    return [
        HeldClienthoodResponse(
            client_id=held.client_id,
            clienthood_version=held.clienthood_version,
            transfer_id=held.transfer_id,
            transfer_state=held.transfer_state,
            cause=held.cause,
            municipality_code=held.municipality_code,
            area_code=held.area_code,
            te_office_code=held.te_office_code,
            valid_from=held.valid_from,
            valid_to=held.valid_to,
            acknowledge_due_at=held.acknowledge_due_at,
            notice_state="given" if held.is_notified else "due",
            channel=Channel.RESTRICTED if held.is_restricted else Channel.COMMON,
        )
        for held in snapshot.clienthoods
    ]
