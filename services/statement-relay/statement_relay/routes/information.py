"""Items of information: one, its correction and withdrawal, its whole story, and lists."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import Query
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL,
    CURSOR_MALFORMED,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_MATCH_MISSING,
    LOCATION,
    REPLAYED,
    VERSION_DIFFERS,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    etag_of,
    idempotency_key,
    json_answer,
    ndjson_answer,
    read_lines,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import (
    MunicipalIdReused,
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
)
from kuntavayla.service.routes.bulk import summary_of
from kuntavayla.service.routes.desk import RESTRICTED, call_of, official_of_call
from kuntavayla.service.routes.outcomes import settled
from kuntavayla.service.routes.pages import (
    LIMIT_DEFAULT,
    After,
    Limit,
    next_cursor,
    place_of_id,
)
from kuntavayla.service.routes.versions import versions_of
from kuntavayla.values.officials import ActingOfficial
from statement_relay.errors import (
    AlreadyReplaced,
    InformationEnded,
    InformationNotFound,
    ResponsibleOther,
)
from statement_relay.operations import reading
from statement_relay.operations.submissions import Submission, Told
from statement_relay.routes.answers import (
    PREFIX,
    accepted_answer,
    story_answer,
    summary_answer,
)
from statement_relay.routes.bulk import Bulk
from statement_relay.routes.desk import Desk, desk_of
from statement_relay.routes.intake import (
    accepted,
    correction,
    new_item,
    sender_of,
    sending_call,
    withdrawal,
)
from statement_relay.rules.items import InformationItem
from statement_relay.rules.shape import Author, WithdrawalRequest
from statement_relay.rules.states import InformationState
from statement_relay.rules.stories import InformationFilter
from statement_relay.schemas.information import (
    AcceptedResponse,
    InformationBulkLine,
    InformationList,
    InformationResponse,
)

router = secured_router(PREFIX)
READERS = (OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)
Flag = Literal["delayed", "overdue"]
_encode_lines = msgspec.json.Encoder().encode_lines
_items: JsonDecoder[InformationItem] = JsonDecoder(InformationItem)
_withdrawals = JsonDecoder(WithdrawalRequest)
_OF_SENDING = (MunicipalIdReused, IdempotencyKeyReused, InProgress)
_OF_ITEM = (MunicipalityNotServed, ResponsibleOther)
_OF_SUCCESSOR = (
    InformationNotFound,
    AlreadyReplaced,
    InformationEnded,
    IF_MATCH_MISSING,
    VERSION_DIFFERS,
)


@router.post(
    "/information",
    openapi_extra=described(
        body=InformationItem,
        answers={201: Headed(AcceptedResponse, (LOCATION, REPLAYED))},
        problems=(*_OF_ITEM, *_OF_SENDING),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def send(request: Request) -> Response:
    """Tell the TE office what the municipality knows; it is delivered in order and with proof.

    `state` says whether it is sent next (`accepted`), waits behind an earlier item of the client
    (`waiting`) or for the client to be known (`waiting_for_client`, at most 24 hours), or goes to
    nobody because the municipality itself issues such statements (`not_relayed`). Needs an
    Idempotency-Key; a repeat answers as the first with `Idempotent-Replayed: true`.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key = idempotency_key(request)
    item = await _items.read(request, limits=desk.body_limits)
    submission = new_item(
        item,
        desk=desk,
        call=sending_call(request),
        sender=sender_of(caller, desk=desk),
        moment=desk.moment(),
    )
    return await _answer(replace(submission, key=key), desk=desk)


@router.post(
    "/information:bulk",
    openapi_extra=described(
        body=InformationItem,
        answers={200: InformationBulkLine},
        item_problems=(*_OF_ITEM, MunicipalIdReused),
        media_type="application/x-ndjson",
    ),
)
async def send_many(request: Request) -> Response:
    """Send up to 10,000 new items, one JSON text a line.

    The body is NDJSON, gzip allowed, 16 MiB inflated. Answers one line per input line in order, and
    a last line with the summary; an answer without it is incomplete: send again, lines already
    taken answer as before. Items of a client are delivered in the order of their lines. Takes no
    Idempotency-Key: the municipal id is the key.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    lines = await read_lines(request, limits=desk.bulk_limits)
    bulk = Bulk(desk, sender_of(caller, desk=desk), sending_call(request))
    answered = await bulk.run(lines)
    return ndjson_answer(_encode_lines([*answered, summary_of(answered)]))


@router.post(
    "/information/{information_id}:correct",
    openapi_extra=described(
        body=InformationItem,
        answers={201: Headed(AcceptedResponse, (LOCATION, REPLAYED))},
        problems=(*_OF_ITEM, *_OF_SENDING, *_OF_SUCCESSOR),
        parameters=(IDEMPOTENCY_KEY, IF_MATCH),
    ),
)
async def correct(request: Request, information_id: UUID) -> Response:
    """Put a whole new item in the place of an item; it follows that one to its receiver.

    It has a municipal id of its own, and keeps kind and client. An item is replaced once: after
    that its successor is what can be corrected, unless that was rejected or refused: then the item
    can be again. Needs an Idempotency-Key and If-Match.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key, versions = idempotency_key(request), versions_of(request)
    item = await _items.read(request, limits=desk.body_limits)
    submission = correction(
        item,
        of=Told(
            municipal_id=item.municipal_id,
            action="correct",
            replaces=str(information_id),
            author=item.author,
            versions=versions,
        ),
        desk=desk,
        call=sending_call(request),
        sender=sender_of(caller, desk=desk),
        moment=desk.moment(),
    )
    return await _answer(replace(submission, key=key), desk=desk)


@router.post(
    "/information/{information_id}:withdraw",
    openapi_extra=described(
        body=WithdrawalRequest,
        answers={201: Headed(AcceptedResponse, (LOCATION, REPLAYED))},
        problems=(
            *_OF_SENDING,
            *_OF_SUCCESSOR,
            MunicipalityNotServed,
            OfficialRoleRefused,
            OfficeNotYours,
        ),
        parameters=(IDEMPOTENCY_KEY, IF_MATCH, ACTING_OFFICIAL),
    ),
)
async def withdraw(request: Request, information_id: UUID) -> Response:
    """Say that an item no longer holds; the withdrawal follows it to its receiver.

    Of an item that nobody was sent yet both are `withdrawn` at once, and nothing is sent. Needs an
    Idempotency-Key, If-Match and an acting official; the reason stays here.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    key, versions = idempotency_key(request), versions_of(request)
    body = await _withdrawals.read(request, limits=desk.body_limits)
    official = official_of_call(request)
    submission = withdrawal(
        body,
        of=Told(
            municipal_id=body.municipal_id,
            action="withdraw",
            replaces=str(information_id),
            author=_author_of(official),
            versions=versions,
        ),
        desk=desk,
        call=call_of(request, official, purpose="statement"),
        sender=sender_of(caller, desk=desk),
        moment=desk.moment(),
    )
    return await _answer(replace(submission, key=key), desk=desk)


def _author_of(official: ActingOfficial) -> Author:
    """Return who withdraws; what a municipality told is changed by its own people alone."""
    match official.role:
        case "operator" | "auditor":
            raise OfficialRoleRefused
        case _:
            return Author(official.official_id, official.role)


async def _answer(submission: Submission, *, desk: Desk) -> Response:
    outcome = await accepted(submission, desk=desk)
    headers = {"Location": f"{PREFIX}/information/{outcome.information_id}"}
    if outcome.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(accepted_answer(outcome), status=201, headers=headers)


@router.get(
    "/information/{information_id}",
    openapi_extra=described(
        answers={200: Headed(InformationResponse, (ETAG,))}, problems=(InformationNotFound,)
    ),
)
async def load(request: Request, information_id: UUID) -> Response:
    """Return the whole story of an item: what was told, what it waits behind, attempts, proof.

    `notes` tell what operators and receivers did to it beside the calls, and why.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        outcome = await reading.load_story(
            connection,
            str(information_id),
            query=_seen_by(caller),
            call=call_of(request),
            moment=desk.moment(),
        )
    story = settled(outcome)
    return json_answer(story_answer(story), headers={"ETag": etag_of(story.version)})


@router.get(
    "/information",
    openapi_extra=described(answers={200: InformationList}, problems=(CURSOR_MALFORMED,)),
)
async def list_information(  # noqa: PLR0913 - one parameter for each of the query
    request: Request,
    *,
    state: Annotated[InformationState | None, Query(description="Where the item stands.")] = None,
    client_id: Annotated[UUID | None, Query(description="Whose items.")] = None,
    municipal_id: Annotated[
        str | None,
        Query(min_length=1, max_length=64, description="Your own id of it; case systems only."),
    ] = None,
    flag: Annotated[Flag | None, Query(description="What is late: `delayed` or `overdue`.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List items without their facts: a case system its own, the operator all."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = replace(
        _seen_by(caller),
        state=state,
        client_id=str(client_id) if client_id else None,
        municipal_id=_own_id(municipal_id, caller=caller),
        flag=flag,
    )
    async with desk.transaction() as connection:
        items = await reading.list_of(
            connection,
            query,
            after=place_of_id(after),
            limit=limit,
            call=call_of(request),
            moment=desk.moment(),
        )
    cursor = next_cursor([item.information_id for item in items], limit=limit)
    return json_answer(InformationList([summary_answer(item) for item in items], cursor))


def _own_id(municipal_id: str | None, *, caller: Caller) -> str | None:
    """Return the municipal id to look for; it says nothing without the organisation it is of."""
    if municipal_id is not None and caller.kind is not OrganisationKind.CASE_SYSTEM:
        advice = "Leave this out: a municipal id is one of the case system that gave it."
        raise InvalidContent((Fault("/query/municipal_id", "not_expected", advice),))
    return municipal_id


def _seen_by(caller: Caller) -> InformationFilter:
    """Return what a caller may see: a case system what it has sent, the operator all."""
    is_sender = caller.kind is OrganisationKind.CASE_SYSTEM
    return InformationFilter(
        organisation=caller.organisation if is_sender else None,
        may_see_restricted=RESTRICTED in caller.scopes,
    )
