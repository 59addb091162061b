"""Reviews: open questions, listed, read, and resolved."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal, require_kind
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    CURSOR_MALFORMED,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_MATCH_MISSING,
    REPLAYED,
    VERSION_DIFFERS,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    etag_of,
    idempotency_key,
    json_answer,
    require_match,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse, fingerprints_of
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.operations.witnessing import REFUSED, witness
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.service.routes.outcomes import repeating, settled
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from kuntavayla.values.faults import reference_faults
from routing_api.errors import (
    FactsErased,
    MunicipalityNotInAnArea,
    ResolutionContradictsRules,
    ReviewClosed,
    ReviewNotFound,
)
from routing_api.operations import reviews as operations
from routing_api.operations.repeats import Registered
from routing_api.operations.reviews import Resolution, ResolutionDesk
from routing_api.routes.answers import PREFIX, decision_answer, review_answer
from routing_api.routes.desk import desk_of, party_of
from routing_api.routes.intake import READERS
from routing_api.rules.judging import ReviewReason
from routing_api.rules.reviews import Review, ReviewFilter
from routing_api.schemas import DecisionResponse, ResolveRequest, ReviewList, ReviewResponse

router = secured_router(PREFIX)
_decoder = JsonDecoder(ResolveRequest)


@router.get(
    "/reviews", openapi_extra=described(answers={200: ReviewList}, problems=(CURSOR_MALFORMED,))
)
async def list_reviews(
    request: Request,
    *,
    state: Annotated[Literal["open", "resolved", "superseded"] | None, Query()] = None,
    reason: Annotated[ReviewReason | None, Query()] = None,
    due_before: Annotated[date | None, Query(description="Due before this day.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List reviews, oldest first: a TE office its own, the operator and the national sender all."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    party = party_of(caller)
    query = ReviewFilter(
        te_office_code=party.te_office_code,
        state=state,
        reason=reason,
        due_before=due_before,
        may_see_restricted=party.may_see_restricted,
    )
    async with desk.transaction() as connection:
        found = await operations.list_of(connection, query, after=place_of_id(after), limit=limit)
        await witness(connection, call_of(request), action="review.listed", moment=desk.moment())
    cursor = next_cursor([review.review_id for review in found], limit=limit)
    return json_answer(ReviewList([review_answer(review) for review in found], cursor))


@router.get(
    "/reviews/{review_id}",
    openapi_extra=described(
        answers={200: Headed(ReviewResponse, (ETAG,))}, problems=(ReviewNotFound,)
    ),
)
async def load_review(request: Request, review_id: UUID) -> Response:
    """Return a review with its ETag, which `:resolve` asks for."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    async with desk.transaction() as connection:
        outcome = await _read(connection, str(review_id), request=request)
    review = settled(outcome)
    return json_answer(review_answer(review), headers={"ETag": etag_of(review.version)})


async def _read(
    connection: Connection, review_id: str, *, request: Request
) -> Review | ReviewNotFound:
    """Return a review of the caller's own, or the refusal; either is audited."""
    call, moment, action = call_of(request), desk_of(request).moment(), "review.read"
    try:
        review = await operations.load(connection, review_id, party=party_of(caller_of(request)))
    except ReviewNotFound as refusal:
        await witness(
            connection,
            call,
            action=action,
            outcome=REFUSED,
            moment=moment,
            resource_id=review_id,
        )
        return refusal
    await witness(
        connection,
        call,
        action=action,
        moment=moment,
        client_id=review.client_id,
        resource_id=review_id,
    )
    return review


@router.post(
    "/reviews/{review_id}:resolve",
    openapi_extra=described(
        body=ResolveRequest,
        answers={200: Headed(DecisionResponse, (REPLAYED,))},
        problems=(
            ReviewNotFound,
            ReviewClosed,
            ResolutionContradictsRules,
            MunicipalityNotInAnArea,
            FactsErased,
            IdempotencyKeyReused,
            InProgress,
            MunicipalityNotServed,
            OfficeNotYours,
            OfficialRoleRefused,
            VERSION_DIFFERS,
            IF_MATCH_MISSING,
        ),
        parameters=(IDEMPOTENCY_KEY, IF_MATCH, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def resolve(request: Request, review_id: UUID) -> Response:
    """Resolve a review; answers the new decision.

    Facts that were missing resolve it, or an official's outcome. Needs If-Match, an
    Idempotency-Key and an acting official. Responsibility changes on the day of the resolution.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    key = idempotency_key(request)
    body = await _decoder.read(request, limits=desk.body_limits)
    official = official_of_call(request, body.acting_official)
    if official.role == "auditor":
        raise OfficialRoleRefused
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    moment = desk.moment()
    fingerprint, *older = fingerprints_of((review_id, body), by=desk.law.vault.fingerprints)
    use = KeyUse(
        organisation=caller.organisation,
        route="reviews/{review_id}:resolve",
        key=key,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=200,
        result_id=moment.new_id(),
    )
    resolution = Resolution(outcome=body.outcome, reason=body.reason, facts=body.facts)
    tools = ResolutionDesk(use=use, call=call_of(request, official), law=desk.law, moment=moment)
    resolved = settled(
        await repeating(lambda: _resolve(request, str(review_id), resolution, tools=tools))
    )
    headers = {"Idempotent-Replayed": "true"} if resolved.is_replay else {}
    return json_answer(decision_answer(resolved.decision, law=desk.law), headers=headers)


async def _resolve(
    request: Request, review_id: str, resolution: Resolution, *, tools: ResolutionDesk
) -> Registered | DomainError | Refusal:
    """Resolve a review, or return the refusal; its audit line commits, and nothing else of it."""
    async with desk_of(request).transaction() as connection:
        try:
            async with connection.transaction():
                party = party_of(caller_of(request))
                review = await operations.load(connection, review_id, party=party)
                replayed = await operations.find_replay(connection, tools.use)
                if replayed is not None:
                    return replayed
                require_match(request, current=etag_of(review.version))
                return await operations.resolve(connection, review, resolution, desk=tools)
        except (DomainError, Refusal) as refusal:
            code = refusal.code if isinstance(refusal, DomainError) else refusal.problem.code
            await operations.witness_refusal(connection, review_id, code=code, desk=tools)
            return refusal
