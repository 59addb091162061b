"""Reconciliations: a case system's list against ours, and the results by day."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.feed import CursorExpired, CursorMalformed
from kuntavayla.http import (
    CURSOR_EXPIRED,
    CURSOR_MALFORMED,
    JsonDecoder,
    caller_of,
    described,
    json_answer,
    read_lines,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.outcomes import repeating
from routing_api.operations import reconciliations as operations
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import RESYNC, desk_of, party_of
from routing_api.rules.reconciliations import Claim, Difference, Reconciliation
from routing_api.schemas import (
    ReconciledDifference,
    ReconciliationList,
    ReconciliationRequest,
    ReconciliationResponse,
)
from routing_api.schemas.reconciliations import CLAIMS_MAX

LINE_BYTES_MAX = 1_024
SLICE_LINES = 250
"""Lines that are decoded before others of the process get their turn."""
FAULTS_MAX = 100
"""Faults that one answer lists."""
Count = Annotated[
    int, Query(ge=0, le=CLAIMS_MAX, description="Lines of the list; one cut short is refused.")
]
FeedCursor = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The Next-Cursor up to which the feed was read before the list was made.",
    ),
]
router = secured_router(PREFIX)
_decoder = JsonDecoder(ReconciliationRequest, bytes_max=LINE_BYTES_MAX)


@router.post(
    "/reconciliations",
    openapi_extra=described(
        body=ReconciliationRequest,
        answers={200: ReconciliationResponse},
        problems=(CURSOR_MALFORMED, CURSOR_EXPIRED),
        body_media_type="application/x-ndjson",
    ),
)
async def reconcile(
    request: Request,
    *,
    count: Count,
    feed_cursor: FeedCursor = None,
    restricted_feed_cursor: FeedCursor = None,
) -> Response:
    """Compare the calling case system's own list of clients with ours; up to 100,000 clients.

    The body is NDJSON, gzip allowed, 16 MiB inflated: one line a client, none twice. Tells what is
    missing, unknown, ended, or of another version, and what repairs it. With the cursors up to
    which the feeds were read, clients with events behind them are on the way and no difference. The
    result is kept by day; a repeat takes its place, so the call takes no Idempotency-Key. Clients
    with a security ban are compared only for a token with the scope events.restricted.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM)
    lines = await read_lines(request, limits=desk.bulk_limits, lines_max=CLAIMS_MAX)
    claims = await _decoded(lines, count=count)
    cursors = [cursor for cursor in (feed_cursor, restricted_feed_cursor) if cursor is not None]

    async def act() -> Reconciliation:
        async with desk.transaction() as connection:
            return await operations.reconcile(
                connection,
                claims,
                feed_cursors=cursors,
                party=party_of(caller),
                call=call_of(request),
                moment=desk.moment(),
            )

    try:
        result = await repeating(act)
    except CursorMalformed as error:
        raise Refusal(CURSOR_MALFORMED) from error
    except CursorExpired as error:
        raise Refusal(CURSOR_EXPIRED, detail=RESYNC) from error
    return json_answer(_answer(result, differences=result.differences))


@router.get("/reconciliations/{day}", openapi_extra=described(answers={200: ReconciliationList}))
async def list_reconciliations(
    request: Request,
    day: date,
    *,
    organisation: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z][a-z0-9-]{1,31}$",
            description="One organisation, with its differences; operators only.",
        ),
    ] = None,
) -> Response:
    """Return the results of a day: a case system's own, for an operator those of all.

    Differences are told where one organisation is asked for; those of clients with a security ban
    only to a token with the scope events.restricted.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)
    party = party_of(caller)
    of_one = party.case_system_id or organisation
    async with desk.transaction() as connection:
        results = await operations.list_of_day(
            connection, day, organisation=of_one, call=call_of(request), moment=desk.moment()
        )
    told = [
        _answer(
            result,
            differences=None
            if of_one is None
            else [
                each
                for each in result.differences
                if party.may_see_restricted or not each.is_restricted
            ],
        )
        for result in results
    ]
    return json_answer(ReconciliationList(told, None))


async def _decoded(lines: Sequence[bytes], *, count: int) -> list[Claim]:
    """Return the claims; refuses with every fault, up to 100, by line."""
    faults: list[Fault] = []
    if count != len(lines):
        advice = f"{len(lines)} lines came; a list that was cut short is not compared."
        faults.append(Fault("/query/count", "count_differs", advice))
    claims: dict[str, Claim] = {}
    for number, line in enumerate(lines, start=1):
        if number % SLICE_LINES == 0:
            await asyncio.sleep(0)
        if len(faults) >= FAULTS_MAX:
            break
        claim = _claim(line, number=number, faults=faults)
        if claim is None:
            continue
        if claim.client_id in claims:
            advice = "Name each client once, with the newest version that you know."
            faults.append(Fault(f"/lines/{number}/client_id", "client_repeated", advice))
        claims[claim.client_id] = claim
    if faults:
        raise InvalidContent(tuple(faults[:FAULTS_MAX]))
    return list(claims.values())


def _claim(line: bytes, *, number: int, faults: list[Fault]) -> Claim | None:
    """Return a line's claim, or None with its faults added."""
    place = f"/lines/{number}"
    try:
        claim = _decoder.decode(line)
    except InvalidContent as invalid:
        faults += [Fault(place + each.pointer, each.code, each.message) for each in invalid.faults]
    except Refusal as refusal:
        faults.append(Fault(place, refusal.problem.code, refusal.detail or refusal.problem.title))
    else:
        return Claim(claim.client_id, claim.clienthood_version)
    return None


def _answer(
    result: Reconciliation, *, differences: Sequence[Difference] | None
) -> ReconciliationResponse:
    counts = result.counts
    return ReconciliationResponse(
        organisation=result.organisation,
        day=result.day,
        reconciled_at=result.reconciled_at,
        is_equal=counts.is_equal,
        your_count=counts.theirs,
        our_count=counts.ours,
        matched=counts.matched,
        missing=counts.missing,
        unknown=counts.unknown,
        ended=counts.ended,
        version_differs=counts.version_differs,
        on_the_way=counts.on_the_way,
        differences=None if differences is None else [_difference(each) for each in differences],
    )


def _difference(difference: Difference) -> ReconciledDifference:
    return ReconciledDifference(
        kind=difference.kind.value,
        client_id=difference.client_id,
        your_version=difference.their_version,
        our_version=difference.our_version,
        repaired_by=difference.repaired_by,
        event_ids=difference.event_ids,
    )
