"""Registrations and their decisions: one, many, a preview, and what was stored."""

import asyncio
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Query
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    IDEMPOTENCY_KEY,
    LOCATION,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    ndjson_answer,
    read_body,
    read_lines,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.service.errors import DecisionNotFound, OfficeNotYours
from kuntavayla.service.moments import Call
from kuntavayla.service.routes.bulk import summary_of
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.outcomes import settled
from routing_api.errors import (
    EffectiveOnBeforeNewestDecision,
    FactsErased,
    RegistrationIdReused,
    RegistrationNotFound,
)
from routing_api.operations import registrations as operations
from routing_api.operations import stored
from routing_api.operations.repeats import Registered
from routing_api.operations.submissions import Submission
from routing_api.routes.answers import PREFIX, decision_answer
from routing_api.routes.bulk import Bulk, Detail
from routing_api.routes.desk import Desk, desk_of, party_of
from routing_api.routes.intake import READERS, SENDERS, accept, decode, require_office
from routing_api.schemas import (
    BulkLine,
    DecisionResponse,
    Recomputed,
    RegistrationRequest,
    RegistrationResponse,
)

DUPLICATE_RETRY_S = 0.05
"""How often a call whose key another one holds asks again."""
router = secured_router(PREFIX)
_decoder = JsonDecoder(RegistrationRequest)
_encode_lines = msgspec.json.Encoder().encode_lines
_PROBLEMS = (RegistrationIdReused, EffectiveOnBeforeNewestDecision, OfficeNotYours)


def _import_call(request: Request) -> Call:
    """Return the call of a registration; without an official it is its organisation's import."""
    return replace(call_of(request), official_role="import")


@router.post(
    "/registrations",
    openapi_extra=described(
        body=RegistrationRequest,
        answers={201: Headed(DecisionResponse, (LOCATION, REPLAYED))},
        problems=(*_PROBLEMS, IdempotencyKeyReused, InProgress),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def register(request: Request) -> Response:
    """Register a jobseeker and decide who is responsible, with every ground.

    A review or the TE office is an answer (201), not an error. A second registration of the person
    is an update with the same client_id. Needs an Idempotency-Key; a repeat answers as the first
    with `Idempotent-Replayed: true`.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *SENDERS)
    key = idempotency_key(request)
    registration = decode(_decoder, await read_body(request, limits=desk.body_limits))
    require_office(caller, registration)
    submission = accept(
        registration, desk=desk, call=_import_call(request), moment=desk.moment(), key=key
    )
    registered = await _registered(submission, desk=desk)
    headers = {"Location": f"{PREFIX}/decisions/{registered.decision.decision_id}"}
    if registered.is_replay:
        headers["Idempotent-Replayed"] = "true"
    answer = decision_answer(registered.decision, law=desk.law)
    return json_answer(answer, status=201, headers=headers)


async def _registered(submission: Submission, *, desk: Desk) -> Registered:
    """Register one; where its key is in flight in another process, ask again until it is not.

    It waits here, outside any batch, so that nobody waits with it.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + desk.duplicate_wait_s_max
    organisation = submission.call.organisation
    while True:
        try:
            return await desk.registrations.submit(submission, organisation=organisation)
        except InProgress:
            if loop.time() >= latest:
                raise
        await asyncio.sleep(DUPLICATE_RETRY_S)


@router.post(
    "/registrations:preview",
    openapi_extra=described(
        body=RegistrationRequest,
        answers={200: DecisionResponse},
        problems=(EffectiveOnBeforeNewestDecision, OfficeNotYours),
    ),
)
async def preview(request: Request) -> Response:
    """Decide as a registration would be decided, and store nothing but the audit's line."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    registration = decode(_decoder, await read_body(request, limits=desk.body_limits))
    require_office(caller, registration)
    moment = desk.moment()
    submission = accept(registration, desk=desk, call=_import_call(request), moment=moment)
    async with desk.transaction() as connection:
        [outcome] = await operations.preview(connection, [submission], law=desk.law, moment=moment)
    answer = decision_answer(settled(outcome).decision, law=desk.law)
    return json_answer(
        replace(
            answer,
            registration_id=None,
            decision_id=None,
            client_id=None,
            transfer=None,
            review=None,
        )
    )


@router.post(
    "/registrations:bulk",
    openapi_extra=described(
        body=RegistrationRequest,
        answers={200: BulkLine},
        item_problems=_PROBLEMS,
        media_type="application/x-ndjson",
        parameters=(
            {
                "name": "detail",
                "in": "query",
                "description": "`full` answers each line with the whole decision.",
                "schema": {"type": "string", "enum": ["short", "full"], "default": "short"},
            },
        ),
    ),
)
async def register_many(request: Request) -> Response:
    """Register up to 10,000 jobseekers, one JSON text a line.

    The body is NDJSON, gzip allowed, 16 MiB inflated. Answers one line per input line in order, and
    a last line with the summary; an answer without it is incomplete: send again, lines already
    taken answer as before. Takes no Idempotency-Key: source system and registration id are the key.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *SENDERS)
    lines = await read_lines(request, limits=desk.bulk_limits)
    bulk = Bulk(desk, caller, _import_call(request), detail=_detail_of(request))
    answered = await bulk.run(lines)
    return ndjson_answer(_encode_lines([*answered, summary_of(answered)]))


def _detail_of(request: Request) -> Detail:
    given = request.query_params.get("detail", "short")
    if given not in ("short", "full"):
        raise InvalidContent((Fault("/query/detail", "value_not_listed", "Give short or full."),))
    return Detail(given)


@router.get(
    "/registrations/{registration_id}",
    openapi_extra=described(answers={200: RegistrationResponse}, problems=(RegistrationNotFound,)),
)
async def load_registration(request: Request, registration_id: UUID) -> Response:
    """Return a stored registration and the decision that answered it, without the person's data."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        outcome = await stored.load_registration(
            connection,
            str(registration_id),
            party=party_of(caller),
            call=call_of(request),
            moment=desk.moment(),
        )
    read = settled(outcome)
    registration = read.registration
    return json_answer(
        RegistrationResponse(
            registration_id=registration.registration_id,
            client_id=registration.client_id,
            source_system=registration.source_system,
            source_registration_id=registration.source_registration_id,
            source_client_number=registration.client_number,
            te_office_code=registration.te_office_code,
            registered_at=registration.registered_at,
            received_at=registration.received_at,
            decision=decision_answer(read.decision, law=desk.law),
        )
    )


@router.get(
    "/decisions/{decision_id}",
    openapi_extra=described(
        answers={200: DecisionResponse}, problems=(DecisionNotFound, FactsErased)
    ),
)
async def load_decision(
    request: Request,
    decision_id: UUID,
    recompute: Annotated[  # noqa: FBT002 - a query parameter, named at every call
        bool, Query(description="Judge the stored facts again and say whether it is equal.")
    ] = False,
) -> Response:
    """Return a decision with its grounds, facts and versions; `recompute=true` judges it again."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        outcome = await stored.load_decision(
            connection,
            str(decision_id),
            party=party_of(caller),
            call=call_of(request),
            moment=desk.moment(),
        )
    decision = settled(outcome)
    judged = stored.recompute(decision, law=desk.law) if recompute else None
    told = Recomputed(judged.is_equal, judged.outcome, judged.decided_by) if judged else None
    return json_answer(decision_answer(decision, law=desk.law, recomputed=told))
