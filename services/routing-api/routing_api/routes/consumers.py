"""Consumers of ours that have stopped because so much parked, started again by operators."""

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal, require_kind
from kuntavayla.errors import DomainError, InvalidContent
from kuntavayla.http import (
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse, fingerprint_of
from kuntavayla.inbox.repairing import ConsumerNotStopped
from kuntavayla.register import OrganisationKind
from routing_api.errors import OfficialRoleRefused
from routing_api.operations import operating
from routing_api.operations import parked as operations
from routing_api.operations.parked import Started
from routing_api.routes.answers import PREFIX, consumer_answer
from routing_api.routes.desk import call_of, desk_of, repairer_of_call, repeating, settled
from routing_api.rules.intake import reference_faults
from routing_api.schemas import ConsumerResponse, RepairRequest

router = secured_router(PREFIX)
_repairs = JsonDecoder(RepairRequest)


@router.post(
    "/consumers/{consumer_id}:start",
    openapi_extra=described(
        body=RepairRequest,
        answers={200: ConsumerResponse},
        problems=(ConsumerNotStopped, OfficialRoleRefused, IdempotencyKeyReused, InProgress),
    ),
)
async def start(
    request: Request, consumer_id: Annotated[str, Path(pattern=r"^[a-z][a-z0-9.-]{0,99}$")]
) -> Response:
    """Let a consumer read on that had stopped because so much parked; its limits count anew.

    Mend the cause first: it stops again where as much parks again. Needs an Idempotency-Key and an
    acting official; audited.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    key = idempotency_key(request)
    body = await _repairs.read(request, limits=desk.body_limits)
    official = repairer_of_call(request, body.acting_official)
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    moment, call = desk.moment(), call_of(request, official)
    use = KeyUse(
        organisation=call.organisation,
        route="consumers/{consumer_id}:start",
        key=key,
        fingerprint=fingerprint_of((consumer_id, body), secret=desk.law.vault.fingerprint_secret),
        status=200,
        result_id=moment.new_id(),
    )

    async def attempt() -> Started | DomainError | Refusal:
        async with desk.transaction() as connection:
            try:
                async with connection.transaction():
                    return await operations.start_consumer(
                        connection, consumer_id, use=use, call=call, moment=moment
                    )
            except DomainError as refusal:
                await operating.witness(
                    connection,
                    call,
                    action=operations.STARTED,
                    outcome=refusal.code,
                    moment=moment,
                )
                return refusal

    started = settled(await repeating(attempt))
    headers = {"Idempotent-Replayed": "true"} if started.is_replay else {}
    return json_answer(consumer_answer(started.figures), headers=headers)
