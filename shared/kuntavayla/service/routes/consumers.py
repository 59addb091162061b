"""Consumers of ours that have stopped because so much parked, started again by operators."""

from typing import Annotated

from fastapi import APIRouter, Path
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.database import Connection
from kuntavayla.http import JsonDecoder, described, json_answer, secured_router
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.inbox.repairing import ConsumerNotStopped
from kuntavayla.service.errors import OfficialRoleRefused
from kuntavayla.service.operations import parked as operations
from kuntavayla.service.operations.parked import Started
from kuntavayla.service.routes.answers import consumer_answer
from kuntavayla.service.routes.repairs import read_repair, repair_call, run_repair
from kuntavayla.service.schemas.parked import ConsumerResponse, RepairRequest
from kuntavayla.values.officials import ActingOfficial

_repairs = JsonDecoder(RepairRequest)


class ConsumerStart(Struct, frozen=True):
    """A start as its key knows it: the consumer, why, and by whom."""

    consumer_id: str
    reason: str
    acting_official: ActingOfficial | None


def consumers_router(prefix: str) -> APIRouter:
    """Return the call that starts a stopped consumer, under a service's prefix."""
    router = secured_router(prefix)
    router.post(
        "/consumers/{consumer_id}:start",
        openapi_extra=described(
            body=RepairRequest,
            answers={200: ConsumerResponse},
            problems=(ConsumerNotStopped, OfficialRoleRefused, IdempotencyKeyReused, InProgress),
        ),
    )(start)
    return router


async def start(
    request: Request, consumer_id: Annotated[str, Path(pattern=r"^[a-z][a-z0-9.-]{0,99}$")]
) -> Response:
    """Let a consumer read on that had stopped because so much parked; its limits count anew.

    Mend the cause first: it stops again where as much parks again. Needs an Idempotency-Key and an
    acting official; audited.
    """
    body = await read_repair(request, _repairs)
    route = "consumers/{consumer_id}:start"
    asked = repair_call(
        request,
        ConsumerStart(consumer_id, body.reason, body.acting_official),
        action=operations.STARTED,
        route=route,
        resource_id=None,
    )

    async def run(connection: Connection) -> Started:
        return await operations.start_consumer(
            connection, consumer_id, use=asked.use, call=asked.call, moment=asked.moment
        )

    started = await run_repair(request, asked, run)
    headers = {"Idempotent-Replayed": "true"} if started.is_replay else {}
    return json_answer(consumer_answer(started.figures), headers=headers)
