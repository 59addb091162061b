"""Reconciliations: the payer's list of what it paid against what is booked."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Caller, Refusal, require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import (
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
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from quota_ledger.errors import PayerReconciliationNotFound
from quota_ledger.operations import reconciliations as operations
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import desk_of
from quota_ledger.rules.reconciliations import (
    MonthDifference,
    Months,
    PaidLine,
    Reconciliation,
    month_start,
)
from quota_ledger.schemas.reconciliations import (
    MonthDifferenceResponse,
    ReconciliationList,
    ReconciliationResponse,
)

LINES_MAX = 100_000
LINE_BYTES_MAX = 1_024
SLICE_LINES = 250
"""Lines that are decoded before others of the process get their turn."""
FAULTS_MAX = 100
"""Faults that one answer lists."""
MonthAsked = Annotated[str, Query(max_length=7, description="A month such as 2021-09.")]
router = secured_router(PREFIX)
_lines = JsonDecoder(PaidLine, bytes_max=LINE_BYTES_MAX)


@router.post(
    "/reconciliations",
    openapi_extra=described(
        body=PaidLine,
        answers={200: ReconciliationResponse},
        body_media_type="application/x-ndjson",
    ),
)
async def reconcile(
    request: Request,
    *,
    first_month: MonthAsked,
    last_month: MonthAsked,
    count: Annotated[
        int, Query(ge=0, le=LINES_MAX, description="Lines of the list; one cut short is refused.")
    ],
) -> Response:
    """Compare what the payer says that it paid with what is booked, by decision and month.

    The body is NDJSON, gzip allowed, up to 100,000 lines: one a month of a decision, none twice,
    with what was paid of it net of recoveries; the list is whole for the months that it covers.
    Tells what is missing here, missing there, of another amount, or of an unknown decision, and
    what repairs it: by payments, recoveries and reversals. The result is kept by its months; a
    repeat takes its place, so the call takes no Idempotency-Key.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.KEHA)
    months = _months(first_month, last_month)
    received = await read_lines(request, limits=desk.bulk_limits, lines_max=LINES_MAX)
    lines = await _decoded(received, count=count, months=months)

    async def act() -> Reconciliation:
        async with desk.transaction() as connection:
            return await operations.reconcile(
                connection, lines, months=months, call=call_of(request), moment=desk.moment()
            )

    result = await repeating(act)
    return json_answer(_answer(result, differences=result.differences))


@router.get(
    "/reconciliations",
    openapi_extra=described(answers={200: ReconciliationList}, problems=(CURSOR_MALFORMED,)),
)
async def list_reconciliations(
    request: Request, *, after: After = None, limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List results without their differences: the payer its own, the operator all."""
    caller, desk = caller_of(request), desk_of(request)
    async with desk.transaction() as connection:
        found = await operations.list_of(
            connection, organisation=_seen(caller), after=place_of_id(after), limit=limit
        )
    cursor = next_cursor([one.reconciliation_id for one in found], limit=limit)
    return json_answer(ReconciliationList([_answer(one) for one in found], cursor))


@router.get(
    "/reconciliations/{reconciliation_id}",
    openapi_extra=described(
        answers={200: ReconciliationResponse}, problems=(PayerReconciliationNotFound,)
    ),
)
async def get_reconciliation(request: Request, reconciliation_id: UUID) -> Response:
    """Return a result with its differences: the payer its own, the operator any."""
    caller, desk = caller_of(request), desk_of(request)
    organisation = _seen(caller)
    async with desk.transaction() as connection:
        found = await operations.load(
            connection,
            str(reconciliation_id),
            organisation=organisation,
            call=call_of(request),
            moment=desk.moment(),
        )
    return json_answer(_answer(found, differences=found.differences))


def _seen(caller: Caller) -> str | None:
    """Return whose results a caller reads; None stands for all."""
    require_kind(caller, OrganisationKind.KEHA, OrganisationKind.OPERATOR)
    return caller.organisation if caller.kind is OrganisationKind.KEHA else None


def _months(first_text: str, last_text: str) -> Months:
    first, last = month_start(first_text), month_start(last_text)
    faults = [
        Fault(f"/query/{name}", "month_malformed", "Give a month such as 2021-09.")
        for name, month in (("first_month", first), ("last_month", last))
        if month is None
    ]
    if first is None or last is None:
        raise InvalidContent(tuple(faults))
    if first > last:
        advice = "Give a last month that is not before the first."
        raise InvalidContent((Fault("/query/last_month", "months_reversed", advice),))
    return Months(first, last)


async def _decoded(received: Sequence[bytes], *, count: int, months: Months) -> list[PaidLine]:
    """Return the lines of a list; refuses with every fault, up to 100, by line."""
    faults: list[Fault] = []
    if count != len(received):
        advice = f"{len(received)} lines came; a list that was cut short is not compared."
        faults.append(Fault("/query/count", "count_differs", advice))
    lines: dict[tuple[str, str], PaidLine] = {}
    for number, text in enumerate(received, start=1):
        if number % SLICE_LINES == 0:
            await asyncio.sleep(0)
        if len(faults) >= FAULTS_MAX:
            break
        line = _line(text, number=number, months=months, faults=faults)
        if line is None:
            continue
        named = (line.decision_id, line.month)
        if named in lines:
            advice = "Name each month of a decision once, with its sum."
            faults.append(Fault(f"/lines/{number}/month", "month_repeated", advice))
        lines[named] = line
    if faults:
        raise InvalidContent(tuple(faults[:FAULTS_MAX]))
    return list(lines.values())


def _line(text: bytes, *, number: int, months: Months, faults: list[Fault]) -> PaidLine | None:
    """Return a line, or None with its faults added."""
    place = f"/lines/{number}"
    try:
        line = _lines.decode(text)
    except InvalidContent as invalid:
        faults += [Fault(place + each.pointer, each.code, each.message) for each in invalid.faults]
        return None
    except Refusal as refusal:
        faults.append(Fault(place, refusal.problem.code, refusal.detail or refusal.problem.title))
        return None
    month = month_start(line.month)
    if month is None:
        faults.append(Fault(f"{place}/month", "month_malformed", "Give a month such as 2021-09."))
        return None
    if not months.first <= month <= months.last:
        advice = "Give a month from first_month to last_month."
        faults.append(Fault(f"{place}/month", "month_outside_list", advice))
    return line


def _answer(
    result: Reconciliation, *, differences: Sequence[MonthDifference] | None = None
) -> ReconciliationResponse:
    return ReconciliationResponse(
        reconciliation_id=result.reconciliation_id,
        organisation=result.organisation,
        first_month=f"{result.months.first:%Y-%m}",
        last_month=f"{result.months.last:%Y-%m}",
        reconciled_at=result.reconciled_at,
        is_equal=result.is_equal,
        your_count=result.their_count,
        our_count=result.our_count,
        differences=None if differences is None else [_difference(one) for one in differences],
        missing_here=result.counts["missing_here"],
        missing_there=result.counts["missing_there"],
        amount_differs=result.counts["amount_differs"],
        decision_unknown=result.counts["decision_unknown"],
    )


def _difference(one: MonthDifference) -> MonthDifferenceResponse:
    return MonthDifferenceResponse(
        kind=one.kind,
        decision_id=one.decision_id,
        month=one.month,
        your_cents=one.their_cents,
        our_cents=one.our_cents,
        difference_cents=one.their_cents - one.our_cents,
        repaired_by=one.repaired_by,
    )
