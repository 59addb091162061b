"""The event feed: a recipient's own events in commit order, by long poll."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, Refusal
from kuntavayla.events import Channel
from kuntavayla.feed import (
    LIMIT_MAX,
    MEDIA_TYPE,
    WAIT_S_MAX,
    Cursor,
    CursorExpired,
    CursorMalformed,
    FeedPage,
    load_cursor,
    load_page,
)
from kuntavayla.http import (
    CURSOR_EXPIRED,
    CURSOR_MALFORMED,
    NEXT_CURSOR,
    Headed,
    caller_of,
    described,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import RecipientPaused
from kuntavayla.service.events import INTERNAL
from kuntavayla.service.operations.recipients import refuse_paused
from kuntavayla.service.routes.desk import ServiceDesk, service_desk_of

FeedAfter = Annotated[
    str,
    Query(
        max_length=200, description="`earliest`, `now`, or the Next-Cursor of the answer before."
    ),
]
FeedLimit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Events, at most.")]
FeedWait = Annotated[
    int, Query(ge=0, le=WAIT_S_MAX, description="Seconds to wait for the first event.")
]
_DESCRIBED = described(
    answers={200: Headed(list[dict[str, Any]], (NEXT_CURSOR,))},
    problems=(CURSOR_MALFORMED, CURSOR_EXPIRED, RecipientPaused),
    media_type=MEDIA_TYPE,
)


_READ_EVENTS = """
Return the caller's next events in commit order as `application/cloudevents-batch+json`.

The header Next-Cursor says where to go on, also when the array is empty. An expired cursor is
answered 410: {restart}. Events are kept for 90 days at least.
"""


def feeds_router(prefix: str, *, restart: str) -> APIRouter:
    """Return the feeds under a service's prefix; `restart` tells readers where to start again."""
    router = secured_router(prefix)
    told = _READ_EVENTS.strip().format(restart=restart)
    router.get("/events", openapi_extra=_DESCRIBED, description=told)(read_events)
    router.get("/events/restricted", openapi_extra=_DESCRIBED)(read_restricted_events)
    return router


async def read_events(
    request: Request,
    *,
    after: FeedAfter = "earliest",
    limit: FeedLimit = LIMIT_MAX,
    wait: FeedWait = 0,
) -> Response:
    """Return the caller's next events in commit order; the factory gives the public text."""
    return await _read(request, Channel.COMMON, after=after, limit=limit, wait_s=wait)


async def read_restricted_events(
    request: Request,
    *,
    after: FeedAfter = "earliest",
    limit: FeedLimit = LIMIT_MAX,
    wait: FeedWait = 0,
) -> Response:
    """Return the caller's events about clients with a security ban; has its own cursor."""
    return await _read(request, Channel.RESTRICTED, after=after, limit=limit, wait_s=wait)


async def _read(
    request: Request, channel: Channel, *, after: str, limit: int, wait_s: int
) -> Response:
    desk, recipient = service_desk_of(request), recipient_of(caller_of(request))
    with desk.waiters.ticket(recipient=recipient, channel=channel) as ticket:
        page = await _page(desk, after, recipient=recipient, channel=channel, limit=limit)
        deadline = asyncio.get_running_loop().time() + wait_s
        while (
            page.count == 0
            and not desk.waiters.is_ending
            and await _is_woken(ticket, deadline=deadline)
        ):
            after = page.next_cursor.text()
            page = await _page(desk, after, recipient=recipient, channel=channel, limit=limit)
    return Response(
        page.body, media_type=MEDIA_TYPE, headers={"Next-Cursor": page.next_cursor.text()}
    )


def recipient_of(caller: Caller) -> str:
    """Return whose events a caller reads: its own, or, as a service of ours, the internal ones."""
    return INTERNAL if caller.kind is OrganisationKind.SERVICE else caller.organisation


async def _is_woken(ticket: asyncio.Event, *, deadline: float) -> bool:
    """Wait, without a database connection, until the stream got events; False at the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            await ticket.wait()
    except TimeoutError:
        return False
    ticket.clear()
    return True


async def _page(
    desk: ServiceDesk, after: str, *, recipient: str, channel: Channel, limit: int
) -> FeedPage:
    try:
        async with desk.transaction() as connection:
            now = desk.moment().now
            await refuse_paused(connection, recipient, now=now)
            cursor: Cursor = await load_cursor(connection, after)
            desk.readings.note(cursor, recipient=recipient, channel=channel, now=now)
            return await load_page(
                connection, cursor, recipient=recipient, channel=channel, limit=limit
            )
    except CursorMalformed as error:
        raise Refusal(CURSOR_MALFORMED) from error
    except CursorExpired as error:
        raise Refusal(CURSOR_EXPIRED, detail=desk.resync) from error
