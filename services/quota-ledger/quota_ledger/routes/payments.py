"""Payments and recoveries, as the payer reports them."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla import idempotency
from kuntavayla.auth import Caller, require_kind
from kuntavayla.errors import DomainError
from kuntavayla.http import (
    CURSOR_MALFORMED,
    IDEMPOTENCY_KEY,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    ndjson_answer,
    read_lines,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress, KeyUse, fingerprints_of
from kuntavayla.register import OrganisationKind
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.bulk import summary_of
from kuntavayla.service.routes.desk import RESTRICTED
from kuntavayla.service.routes.pages import LIMIT_DEFAULT, After, Limit, next_cursor, place_of_id
from quota_ledger.errors import (
    DecisionUnknown,
    MonthOutsideDecision,
    PayerReferenceReused,
    RecoveryAbovePaid,
)
from quota_ledger.operations import payments as reading
from quota_ledger.operations.paying import Outcome, Reported
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.routes.paying import Bulk, booked, made_ready, result_of
from quota_ledger.routes.rights import seen_areas, served_codes
from quota_ledger.rules.payments import Payment, PaymentFilter, PaymentItem, PaymentReport
from quota_ledger.rules.states import PaymentState
from quota_ledger.schemas.payments import (
    PaymentBulkLine,
    PaymentList,
    PaymentResponse,
    PaymentsResponse,
)

router = secured_router(PREFIX)
_reports: JsonDecoder[PaymentReport] = JsonDecoder(PaymentReport)
_encode_lines = msgspec.json.Encoder().encode_lines
READERS = (OrganisationKind.KEHA, OrganisationKind.CASE_SYSTEM, OrganisationKind.OPERATOR)
_OF_ITEM = (DecisionUnknown, MonthOutsideDecision, RecoveryAbovePaid, PayerReferenceReused)


@router.post(
    "/payments",
    openapi_extra=described(
        body=PaymentReport,
        answers={200: Headed(PaymentsResponse, (REPLAYED,))},
        problems=(IdempotencyKeyReused, InProgress),
        item_problems=_OF_ITEM,
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def pay(request: Request) -> Response:
    """Report up to 1,000 payments and recoveries; each is booked or refused by itself.

    A payment is a fact: what lies above the commitment is booked too, and listed by
    `GET /payments?state=exceeds_commitment`. Refused, and listed, is one of an unknown decision or
    of a month outside it, and a recovery above what was paid. A payer reference is booked once for
    ever: a repeat is answered as the first. Needs an Idempotency-Key.
    """
    desk = desk_of(request)
    require_kind(caller_of(request), OrganisationKind.KEHA)
    key = idempotency_key(request)
    report = await _reports.read(request, limits=desk.body_limits)
    moment = desk.moment()
    is_replay = await _claim(request, report, key=key, moment=moment)
    ready = [
        made_ready(item, report_id=report.report_id, desk=desk, moment=moment)
        for item in report.items
    ]
    outcomes = iter(
        await booked(request, [one for one in ready if isinstance(one, Reported)], moment=moment)
    )
    found = [next(outcomes) if isinstance(one, Reported) else one for one in ready]
    headers = {"Idempotent-Replayed": "true"} if is_replay else {}
    return json_answer(_answer(report, found), headers=headers)


@router.post(
    "/payments:bulk",
    openapi_extra=described(
        body=PaymentItem,
        answers={200: PaymentBulkLine},
        item_problems=_OF_ITEM,
        media_type="application/x-ndjson",
    ),
)
async def pay_many(
    request: Request,
    report_id: Annotated[
        str, Query(pattern=r"^[\x21-\x7E]{1,64}$", description="The report that the lines are of.")
    ],
) -> Response:
    """Report up to 10,000 payments and recoveries, one JSON text a line, gzip allowed.

    Answers one line per input line in order, and a last line with the summary; an answer without it
    is incomplete: send again, what was booked answers as before. Takes no Idempotency-Key: the
    payer reference is the key.
    """
    require_kind(caller_of(request), OrganisationKind.KEHA)
    lines = await read_lines(request, limits=desk_of(request).bulk_limits)
    answered = await Bulk(request, report_id=report_id).run(lines)
    return ndjson_answer(_encode_lines([*answered, summary_of(answered)]))


@router.get(
    "/payments",
    openapi_extra=described(answers={200: PaymentList}, problems=(CURSOR_MALFORMED,)),
)
async def list_payments(
    request: Request,
    *,
    state: Annotated[PaymentState | None, Query(description="How they were booked.")] = None,
    decision_id: Annotated[UUID | None, Query(description="Of one decision.")] = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List payments; of one decision also what was calculated and paid of each month.

    The payer and the operator see all, a case system those of its areas; payments of clients with a
    security ban it sees with the scope `events.restricted`.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *READERS)
    query = _query(caller, desk, state=state, decision_id=decision_id)
    async with desk.transaction() as connection:
        found = await reading.list_of(connection, query, after=place_of_id(after), limit=limit)
    cursor = next_cursor([one.payment_id for one in found.payments], limit=limit)
    items = [_listed(one) for one in found.payments]
    return json_answer(PaymentList(items=items, months=found.months, next_cursor=cursor))


def _query(
    caller: Caller, desk: Desk, *, state: PaymentState | None, decision_id: UUID | None
) -> PaymentFilter:
    sees_all = caller.kind is OrganisationKind.KEHA
    seen = None if sees_all else seen_areas(caller, desk=desk)
    return PaymentFilter(
        area_codes=None if seen is None else sorted(seen),
        municipality_codes=served_codes(caller, desk=desk),
        may_see_restricted=seen is None or RESTRICTED in caller.scopes,
        state=state,
        decision_id=str(decision_id) if decision_id else None,
    )


async def _claim(request: Request, report: PaymentReport, *, key: str, moment: Moment) -> bool:
    """Claim the key of a report; say whether it is known with the same content.

    A report whose key is known is answered from its payments, which are booked once whatever is
    repeated: so the key needs no transaction with them.
    """
    desk = desk_of(request)
    fingerprint, *older = fingerprints_of(report, by=desk.fingerprints)
    use = KeyUse(
        organisation=caller_of(request).organisation,
        route="payments",
        key=key,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=200,
        result_id=moment.new_id(),
    )
    async with desk.transaction() as connection:
        return await idempotency.claim_one(connection, use) is not None


def _answer(report: PaymentReport, found: list[Outcome | DomainError]) -> PaymentsResponse:
    items = [
        result_of(item.payer_reference, outcome)
        for item, outcome in zip(report.items, found, strict=True)
    ]
    accepted = sum(one.result == "booked" for one in items)
    return PaymentsResponse(
        report_id=report.report_id,
        accepted=accepted,
        rejected=len(items) - accepted,
        items=items,
    )


def _listed(payment: Payment) -> PaymentResponse:
    told = {
        name: getattr(payment, name)
        for name in PaymentResponse.__struct_fields__
        if name != "month"
    }
    return PaymentResponse(month=f"{payment.month:%Y-%m}", **told)
