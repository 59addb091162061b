"""Decisions on money: one, many, a preview, and what became of them."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, require_kind
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_MALFORMED,
    ETAG,
    IDEMPOTENCY_KEY,
    LOCATION,
    REPLAYED,
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
    DecisionNotFound,
    MunicipalIdReused,
    MunicipalityNotServed,
    OfficeNotYours,
    OfficialRoleRefused,
)
from kuntavayla.service.routes.bulk import summary_of
from kuntavayla.service.routes.desk import RESTRICTED, call_of
from kuntavayla.service.routes.outcomes import settled
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from quota_ledger.errors import AreaNotYours, ClientNotKnown
from quota_ledger.operations import decisions as operations
from quota_ledger.operations import reading
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.bulk import Bulk, Detail
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.intake import Intake, answered
from quota_ledger.routes.rights import PURPOSE, narrowed, seen_areas, served_codes
from quota_ledger.routes.stories import listed_answer, preview_answer, story_answer
from quota_ledger.rules.decided import DecisionFilter
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.states import DecisionState
from quota_ledger.rules.verdicts import Verdict
from quota_ledger.schemas.decisions import (
    DecisionBulkLine,
    DecisionList,
    DecisionPreview,
    DecisionResponse,
)

router = secured_router(PREFIX)
READERS = (OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)
_encode_lines = msgspec.json.Encoder().encode_lines
_items: JsonDecoder[DecisionItem] = JsonDecoder(DecisionItem)
_OF_OFFICIAL = (MunicipalityNotServed, OfficialRoleRefused, OfficeNotYours)
_OF_DECISION = (ClientNotKnown, *_OF_OFFICIAL)


@router.post(
    "/decisions",
    openapi_extra=described(
        body=DecisionItem,
        answers={201: Headed(Verdict, (LOCATION, REPLAYED))},
        problems=(*_OF_DECISION, MunicipalIdReused, IdempotencyKeyReused, InProgress),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def decide(request: Request) -> Response:
    """Have money reserved for a decision: calculated, judged, booked, exactly once.

    `outcome` is `reserved`, `refused` with the limit that was hit and what is free, or
    `not_competent` with who is: each is stored and a 201. It draws on the oldest open year first
    and may take from two, all or nothing; where the municipality has an account, on that alone.
    Needs an Idempotency-Key and a decider; a repeat answers as the first with
    `Idempotent-Replayed: true`. A client whose transfer is not here yet is 409 `client_not_known`
    with Retry-After, and nothing is booked.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.CASE_SYSTEM)
    key = idempotency_key(request)
    item = await _items.read(request, limits=desk.body_limits)
    submission = Intake(request).accept(item, moment=desk.moment(), key=key)
    outcome = await answered(submission, desk=desk)
    headers = {"Location": f"{PREFIX}/decisions/{outcome.verdict.decision_id}"}
    if outcome.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(outcome.verdict, status=201, headers=headers)


@router.post(
    "/decisions:bulk",
    openapi_extra=described(
        body=DecisionItem,
        answers={200: DecisionBulkLine},
        item_problems=(*_OF_DECISION, MunicipalIdReused),
        media_type="application/x-ndjson",
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def decide_many(
    request: Request,
    *,
    detail: Annotated[
        Detail, Query(description="`full` answers each line with the whole verdict.")
    ] = "short",
) -> Response:
    """Have money reserved for up to 10,000 decisions, one JSON text a line.

    The body is NDJSON, gzip allowed, 16 MiB inflated. Answers one line per input line in order, and
    a last line with the summary; an answer without it is incomplete: send again, lines already
    taken answer as before. Decisions are booked in the order of their lines: what does not fit is
    refused, and smaller ones behind it may pass. Takes no Idempotency-Key: the municipal id is the
    key. `detail=full` answers each line as `POST /decisions` does.
    """
    require_kind(caller_of(request), OrganisationKind.CASE_SYSTEM)
    lines = await read_lines(request, limits=desk_of(request).bulk_limits)
    lines_answered = await Bulk(request, detail=detail).run(lines)
    return ndjson_answer(_encode_lines([*lines_answered, summary_of(lines_answered)]))


@router.post(
    "/decisions:preview",
    openapi_extra=described(
        body=DecisionItem,
        answers={200: DecisionPreview},
        problems=_OF_DECISION,
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview(request: Request) -> Response:
    """Calculate and judge as a decision would be, and say what would be left; nothing is stored.

    Any official of the caller's may ask: a preview decides nothing.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.CASE_SYSTEM)
    item = await _items.read(request, limits=desk.body_limits)
    moment = desk.moment()
    submission = Intake(request, is_preview=True).accept(item, moment=moment)
    async with desk.transaction() as connection:
        outcome = await operations.preview(connection, submission, law=desk.law, moment=moment)
    return json_answer(preview_answer(settled(outcome)))


@router.get(
    "/decisions/{decision_id}",
    openapi_extra=described(
        answers={200: Headed(DecisionResponse, (ETAG,))}, problems=(DecisionNotFound,)
    ),
)
async def load(
    request: Request,
    decision_id: UUID,
    recompute: Annotated[  # noqa: FBT002 - a query parameter, named at every call
        bool, Query(description="Calculate again and say whether it is equal.")
    ] = False,
) -> Response:
    """Return a decision: where it stands, its calculation with the rows of law, entries, story.

    A case system sees the decisions of its areas; neither facts nor employer are repeated.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        outcome = await reading.load_story(
            connection,
            str(decision_id),
            query=seen_by(caller, desk=desk),
            call=call_of(request, purpose=PURPOSE),
            moment=desk.moment(),
        )
    story = settled(outcome)
    made = reading.recompute(story.decision, law=desk.law) if recompute else None
    headers = {"ETag": etag_of(story.decision.version)}
    return json_answer(story_answer(story, recomputed=made), headers=headers)


@router.get(
    "/decisions",
    openapi_extra=described(answers={200: DecisionList}, problems=(CURSOR_MALFORMED, AreaNotYours)),
)
async def list_decisions(
    request: Request,
    *,
    state: Annotated[DecisionState | None, Query(description="Where the decision stands.")] = None,
    area: Annotated[str | None, Query(max_length=32, description="Of one area.")] = None,
    client_id: Annotated[UUID | None, Query(description="Whose decisions.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List decisions: a case system those of its areas, the operator all."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = msgspec.structs.replace(
        seen_by(caller, desk=desk),
        area_codes=narrowed(seen_areas(caller, desk=desk), area=area),
        municipality_codes=served_codes(caller, desk=desk) if area is None else (),
        state=state,
        client_id=str(client_id) if client_id else None,
    )
    async with desk.transaction() as connection:
        found = await reading.list_of(
            connection,
            query,
            after=place_of_id(after),
            limit=limit,
            call=call_of(request, purpose=PURPOSE),
            moment=desk.moment(),
        )
    cursor = next_cursor([one.decision_id for one in found], limit=limit)
    return json_answer(DecisionList([listed_answer(one) for one in found], cursor))


def seen_by(caller: Caller, *, desk: Desk) -> DecisionFilter:
    """Return what a caller may see: the operator all, a case system what is of its areas.

    And what is of the municipalities that it serves today: from 2025 others decided it.
    """
    seen = seen_areas(caller, desk=desk)
    return DecisionFilter(
        area_codes=None if seen is None else sorted(seen),
        municipality_codes=served_codes(caller, desk=desk),
        organisation=caller.organisation,
        may_see_restricted=RESTRICTED in caller.scopes,
    )
