"""Refusals by right, put on record before they are answered."""

import asyncio

from starlette.requests import Request

from kuntavayla.http import exchange_of
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.service.routes.desk import call_of, service_desk_of

RECORD_S_MAX = 2.0
"""Seconds that a refusal waits for its line in the audit."""


async def record_refusal(request: Request, *, route: str, code: str) -> None:
    """Write the audit line of a refused call in a transaction of its own.

    Raises TimeoutError, or what a database raises that is away.
    """
    desk = service_desk_of(request)
    call = call_of(request, exchange_of(request).official)
    async with asyncio.timeout(RECORD_S_MAX), desk.transaction() as connection:
        await witness(
            connection,
            call,
            action=f"{request.method} {route}",
            outcome=code,
            moment=desk.moment(),
        )
