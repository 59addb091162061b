"""Reconciliations: a receiver's list of a day against our receipts, and what it lost again."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    JsonDecoder,
    caller_of,
    described,
    json_answer,
    read_lines,
    secured_router,
)
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import call_of, repairer_of_call
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.values.faults import reference_faults
from statement_relay.errors import (
    DeliveryCountDiffers,
    ReceiverListMissing,
    ReceiverNotFound,
    ReconciliationNotFound,
)
from statement_relay.operations import reconciliations as operations
from statement_relay.operations.parties import Party
from statement_relay.operations.repairs import Why
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.routes.parties import ASKERS, party_of
from statement_relay.rules.reconciliations import Difference, Reconciliation, TakenItem
from statement_relay.schemas.reconciliations import (
    ReceiverDifference,
    ReceiverReconciliation,
    ReceiverReconciliationList,
    ReconcileReceiverRequest,
    ResendRequest,
    ResendResponse,
)

LINES_MAX = 100_000
LINE_BYTES_MAX = 1_024
FAULTS_MAX = 100
"""Faults that one answer lists."""
FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2099, 12, 31)
"""Days that a list may be of; far beyond all that there is."""
router = secured_router(PREFIX)
_lines = JsonDecoder(TakenItem, bytes_max=LINE_BYTES_MAX)
_asks = JsonDecoder(ReconcileReceiverRequest)
_resends = JsonDecoder(ResendRequest)


@router.post(
    "/reconciliations",
    openapi_extra=described(
        body=TakenItem,
        answers={200: ReceiverReconciliation},
        body_media_type="application/x-ndjson",
    ),
)
async def reconcile(
    request: Request,
    *,
    day: Annotated[date, Query(description="The day of reception in Helsinki.")],
    count: Annotated[
        int, Query(ge=0, le=LINES_MAX, description="Lines of the list; one cut short is refused.")
    ],
) -> Response:
    """Compare what the caller, a receiver, took on a day that is over with our receipts of it.

    The body is NDJSON, gzip allowed: one line an item with its digest, none twice, up to 100,000,
    as `GET /statement-information?received_on=` of the receiver contract lists them. The result is
    kept by day; a repeat takes its place, so the call takes no Idempotency-Key. Clients with a
    security ban are compared only for a token with the scope events.restricted: without it the
    result is partial, gives way to a whole one, and the relay asks by itself all the same.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS)
    _check_day("/query/day", day, today=desk.moment().today)
    lines = await read_lines(request, limits=desk.bulk_limits, lines_max=LINES_MAX)
    taken = _decoded(lines, count=count)
    may_see_restricted = party_of(caller).may_see_restricted
    scope = operations.scope_of(caller.organisation, day, may_see_restricted=may_see_restricted)

    async def act() -> Reconciliation:
        async with desk.transaction() as connection:
            return await operations.reconcile(
                connection,
                taken,
                day=day,
                scope=scope,
                call=call_of(request),
                moment=desk.moment(),
            )

    result = await repeating(act)
    return json_answer(_answer(result, differences=result.differences))


@router.post(
    "/receivers/{receiver_id}:reconcile",
    openapi_extra=described(
        body=ReconcileReceiverRequest,
        answers={200: ReceiverReconciliation},
        problems=(ReceiverNotFound, ReceiverListMissing),
    ),
)
async def ask(request: Request, receiver_id: str) -> Response:
    """Ask a receiver what it took on a day that is over, and compare it with our receipts.

    What it holds with our bytes while we wait for a receipt becomes delivered by the receipt in its
    list. The result is kept by day; a repeat takes its place, so the call takes no Idempotency-Key.
    Differences of clients with a security ban are told and counted only for a token with the scope
    events.restricted; without it what is told is partial.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, OrganisationKind.OPERATOR)
    body = await _asks.read(request, limits=desk.body_limits)
    _check_day("/day", body.day, today=desk.moment().today)
    result = await desk.ask_receiver(receiver_id, body.day, call=call_of(request))
    seen = _seen(result, party=party_of(caller))
    return json_answer(_answer(seen, differences=seen.differences))


@router.get(
    "/reconciliations/{day}", openapi_extra=described(answers={200: ReceiverReconciliationList})
)
async def list_reconciliations(
    request: Request,
    day: date,
    *,
    organisation: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z][a-z0-9-]{1,31}$",
            description="One receiver, with its differences; operators only.",
        ),
    ] = None,
) -> Response:
    """Return the results of a day: a receiver's own, for an operator those of all.

    Differences are told where one receiver is asked for; those of clients with a security ban only
    to a token with the scope events.restricted, and only for it they count.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS, OrganisationKind.OPERATOR)
    party = party_of(caller)
    of_one = caller.organisation if caller.kind in ASKERS else organisation
    async with desk.transaction() as connection:
        results = await operations.list_of_day(
            connection, day, receiver_id=of_one, call=call_of(request), moment=desk.moment()
        )
    seen = [_seen(result, party=party) for result in results]
    told = [
        _answer(result, differences=None if of_one is None else result.differences)
        for result in seen
    ]
    return json_answer(ReceiverReconciliationList(told, None))


@router.post(
    "/reconciliations/{day}:resend",
    openapi_extra=described(
        body=ResendRequest,
        answers={200: ResendResponse},
        problems=(
            ReconciliationNotFound,
            DeliveryCountDiffers,
            OfficialRoleRefused,
            MunicipalityNotServed,
            OfficeNotYours,
        ),
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def resend(request: Request, day: date) -> Response:
    """Send the items again that a receiver's newest list of a day lacks: the same ids and bytes.

    They go before what waits in their queues, in their old order. A repeat sends nothing twice
    that is still on its way. Items about clients with a security ban are sent again, and expected,
    only where the token has the scope events.restricted. The reason stands in the items' stories,
    which municipalities read. Needs an acting official of the operator.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.OPERATOR)
    body = await _resends.read(request, limits=desk.body_limits)
    official = repairer_of_call(request, body.acting_official)
    if faults := reference_faults([("/reason", body.reason)]):
        raise InvalidContent(tuple(faults))
    why = Why(
        call=call_of(request, official),
        reason=body.reason,
        may_see_restricted=party_of(caller_of(request)).may_see_restricted,
    )

    async def act() -> int:
        async with desk.transaction() as connection:
            return await operations.resend(
                connection,
                day,
                receiver_id=body.receiver_id,
                expected_count=body.expected_count,
                why=why,
                moment=desk.moment(),
            )

    return json_answer(ResendResponse(handled=await repeating(act)))


def _seen(result: Reconciliation, *, party: Party) -> Reconciliation:
    """Return what a party may be told of a result."""
    return result if party.may_see_restricted else result.without_restricted()


def _check_day(pointer: str, day: date, *, today: date) -> None:
    """Refuse a day of which no list can be whole: what comes later today is in none."""
    if not FIRST_DAY <= day <= LAST_DAY:
        advice = f"Give a day from {FIRST_DAY} to {LAST_DAY}."
        raise InvalidContent((Fault(pointer, "day_out_of_bounds", advice),))
    if day >= today:
        raise InvalidContent((Fault(pointer, "day_not_over", "Give a day that is over."),))


def _decoded(lines: Sequence[bytes], *, count: int) -> list[TakenItem]:
    """Return the items of a list; refuses with every fault, up to 100, by line."""
    faults: list[Fault] = []
    if count != len(lines):
        advice = f"{len(lines)} lines came; a list that was cut short is not compared."
        faults.append(Fault("/query/count", "count_differs", advice))
    taken: dict[str, TakenItem] = {}
    for number, line in enumerate(lines, start=1):
        if len(faults) >= FAULTS_MAX:
            break
        item = _item(line, number=number, faults=faults)
        if item is None:
            continue
        if item.information_id in taken:
            pointer = f"/lines/{number}/information_id"
            faults.append(Fault(pointer, "information_repeated", "Name each item once."))
        taken[item.information_id] = item
    if faults:
        raise InvalidContent(tuple(faults[:FAULTS_MAX]))
    return list(taken.values())


def _item(line: bytes, *, number: int, faults: list[Fault]) -> TakenItem | None:
    """Return a line's item, or None with its faults added."""
    place = f"/lines/{number}"
    try:
        return _lines.decode(line)
    except InvalidContent as invalid:
        faults += [Fault(place + each.pointer, each.code, each.message) for each in invalid.faults]
    except Refusal as refusal:
        faults.append(Fault(place, refusal.problem.code, refusal.detail or refusal.problem.title))
    return None


def _answer(
    result: Reconciliation, *, differences: Sequence[Difference] | None
) -> ReceiverReconciliation:
    return ReceiverReconciliation(
        receiver_id=result.receiver_id,
        day=result.day,
        reconciled_at=result.reconciled_at,
        is_equal=result.is_equal,
        is_partial=result.is_partial,
        your_count=result.their_count,
        our_count=result.our_count,
        differences=None if differences is None else [_difference(each) for each in differences],
        **result.counts,
    )


def _difference(difference: Difference) -> ReceiverDifference:
    return ReceiverDifference(
        kind=difference.kind,
        information_id=difference.information_id,
        repaired_by=difference.repaired_by,
    )
