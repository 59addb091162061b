"""Reversals: whoever booked an allocation, a transfer or a payment in error takes it back."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.database import Connection
from kuntavayla.errors import InvalidContent
from kuntavayla.http import (
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    IDEMPOTENCY_KEY,
    REPLAYED,
    Headed,
    JsonDecoder,
    caller_of,
    described,
    idempotency_key,
    json_answer,
    secured_router,
)
from kuntavayla.idempotency import IdempotencyKeyReused, InProgress
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import MunicipalityNotServed, OfficeNotYours, OfficialRoleRefused
from kuntavayla.service.routes.desk import official_of_call
from kuntavayla.service.routes.outcomes import repeating
from quota_ledger.errors import (
    AllocationCutBelowBound,
    AllocationNotFound,
    AllocationTransferNotFound,
    AlreadyReversed,
    BookedByAnother,
    LaterBookingsStand,
    NothingBooked,
    PaymentNotFound,
    YearLapsed,
)
from quota_ledger.operations import reversing, reversing_payments
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.operations.reversing import Reversed, Reversible
from quota_ledger.operations.reversing_payments import PaymentReversed
from quota_ledger.routes.answers import PREFIX, balance_answer
from quota_ledger.routes.desk import desk_of
from quota_ledger.routes.rights import ORDERERS, decider_of_call, order_desk, seen_areas
from quota_ledger.rules.reversals import PaymentReversalRequest, ReversalRequest
from quota_ledger.schemas.reversals import (
    PaymentReversalResponse,
    ReversalPreview,
    ReversalResponse,
)

router = secured_router(PREFIX)
_asked = JsonDecoder(ReversalRequest)
_asked_of_payment = JsonDecoder(PaymentReversalRequest)
_OF_ORDER = (
    BookedByAnother,
    OfficialRoleRefused,
    MunicipalityNotServed,
    OfficeNotYours,
    AlreadyReversed,
    AllocationCutBelowBound,
    YearLapsed,
)
_OF_ALLOCATION = (*_OF_ORDER, AllocationNotFound, NothingBooked)
_OF_TRANSFER = (*_OF_ORDER, AllocationTransferNotFound)
_OF_KEY = (IdempotencyKeyReused, InProgress)


class _Find(Protocol):
    """Finds what is to be reversed, for the caller."""

    async def __call__(
        self,
        connection: Connection,
        its_id: str,
        /,
        *,
        desk: OrderDesk,
        seen: frozenset[str] | None,
    ) -> Reversible: ...


class _Order(Struct, frozen=True):
    """What is to be reversed, why, and with what."""

    find: _Find
    its_id: str
    asked: ReversalRequest
    tools: OrderDesk
    seen: frozenset[str] | None


@router.post(
    "/allocations/{allocation_id}:reverse",
    openapi_extra=described(
        body=ReversalRequest,
        answers={201: Headed(ReversalResponse, (REPLAYED,))},
        problems=(*_OF_ALLOCATION, *_OF_KEY),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def reverse_allocation(request: Request, allocation_id: UUID) -> Response:
    """Take back an allocation, an addition or a cut that was booked in error.

    Who booked it reverses it, once: a second time is 409 `already_reversed` with the id of the
    first. The entry that does it names the one that it reverses, and counts for its day. Where more
    would be taken away than is free it is 409 `allocation_cut_below_bound` with both figures. A
    reversal is not reversed: book anew. Needs an Idempotency-Key and a decider.
    """
    order = await _read(
        request, reversing.find_allocation, allocation_id, route="allocations:reverse"
    )
    return await _reverse(request, order)


@router.post(
    "/allocations/{allocation_id}:preview",
    openapi_extra=described(
        body=ReversalRequest,
        answers={200: ReversalPreview},
        problems=_OF_ALLOCATION,
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview_allocation(request: Request, allocation_id: UUID) -> Response:
    """Return what the reversal of an allocation would do; nothing is stored."""
    order = await _read(request, reversing.find_allocation, allocation_id, route=None)
    return await _preview(request, order)


@router.post(
    "/allocation-transfers/{allocation_transfer_id}:reverse",
    openapi_extra=described(
        body=ReversalRequest,
        answers={201: Headed(ReversalResponse, (REPLAYED,))},
        problems=(*_OF_TRANSFER, *_OF_KEY),
        parameters=(IDEMPOTENCY_KEY, ACTING_OFFICIAL_UNLESS_IN_BODY),
    ),
)
async def reverse_transfer(request: Request, allocation_transfer_id: UUID) -> Response:
    """Take back a transfer that was booked in error: both of its entries, or none.

    As `POST /allocations/{allocation_id}:reverse`; what the account that got it has bound since
    stays there: 409 `allocation_cut_below_bound`.
    """
    order = await _read(
        request,
        reversing.find_transfer,
        allocation_transfer_id,
        route="allocation-transfers:reverse",
    )
    return await _reverse(request, order)


@router.post(
    "/allocation-transfers/{allocation_transfer_id}:preview",
    openapi_extra=described(
        body=ReversalRequest,
        answers={200: ReversalPreview},
        problems=_OF_TRANSFER,
        parameters=(ACTING_OFFICIAL_UNLESS_IN_BODY,),
    ),
)
async def preview_transfer(request: Request, allocation_transfer_id: UUID) -> Response:
    """Return what the reversal of a transfer would do; nothing is stored."""
    order = await _read(request, reversing.find_transfer, allocation_transfer_id, route=None)
    return await _preview(request, order)


@router.post(
    "/payments/{payment_id}:reverse",
    openapi_extra=described(
        body=PaymentReversalRequest,
        answers={201: Headed(PaymentReversalResponse, (REPLAYED,))},
        problems=(PaymentNotFound, NothingBooked, AlreadyReversed, LaterBookingsStand, *_OF_KEY),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def reverse_payment(request: Request, payment_id: UUID) -> Response:
    """Take back a payment or a recovery that was reported in error, as if it had never come.

    What was in truth paid and comes back is a recovery. The payer reverses it, once, also after the
    lapse of its year. Where a later recovery, a later payment above the commitment or the end of
    the decision rests on it, it is 409 `later_bookings_stand`: reverse what is newer first. Its
    payer reference stays taken: what is reported in its place has another. Needs an
    Idempotency-Key.
    """
    require_kind(caller_of(request), OrganisationKind.KEHA)
    key = idempotency_key(request)
    desk = desk_of(request)
    asked = await _asked_of_payment.read(request, limits=desk.body_limits)
    if faults := tuple(asked.faults()):
        raise InvalidContent(faults)
    content = {"payment_id": str(payment_id), "asked": asked}
    tools = order_desk(request, None, content, route="payments:reverse", key=key)

    async def act() -> PaymentReversed:
        async with desk.transaction() as connection:
            return await reversing_payments.reverse(connection, str(payment_id), asked, desk=tools)

    made = await repeating(act)
    return json_answer(_answer_of_payment(made), status=201, headers=_replayed(made.is_replay))


async def _read(request: Request, find: _Find, its_id: UUID, *, route: str | None) -> _Order:
    """Return what is to be done, checked; a preview is under no key and has no route."""
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ORDERERS)
    key = "none" if route is None else idempotency_key(request)
    asked = await _asked.read(request, limits=desk.body_limits)
    if faults := tuple(asked.faults()):
        raise InvalidContent(faults)
    official_of = official_of_call if route is None else decider_of_call
    official = official_of(request, asked.acting_official)
    content = {"id": str(its_id), "asked": asked}
    tools = order_desk(request, official, content, route=route or "reversals:preview", key=key)
    return _Order(find, str(its_id), asked, tools, seen_areas(caller, desk=desk))


async def _reverse(request: Request, order: _Order) -> Response:
    async def act() -> Reversed:
        async with desk_of(request).transaction() as connection:
            found = await order.find(connection, order.its_id, desk=order.tools, seen=order.seen)
            return await reversing.reverse(connection, found, order.asked, desk=order.tools)

    made = await repeating(act)
    today = order.tools.moment.today
    answer = ReversalResponse(
        reversal_id=made.reversal.reversal_id,
        entry_ids=made.reversal.entry_ids,
        balances=[balance_answer(one, on=today) for one in made.balances],
    )
    return json_answer(answer, status=201, headers=_replayed(made.is_replay))


async def _preview(request: Request, order: _Order) -> Response:
    async with desk_of(request).transaction() as connection:
        found = await order.find(connection, order.its_id, desk=order.tools, seen=order.seen)
        shown = await reversing.preview(connection, found, order.asked, desk=order.tools)
    today = order.tools.moment.today
    return json_answer(
        ReversalPreview(
            [balance_answer(one, on=today) for one in shown.before],
            [balance_answer(one, on=today) for one in shown.after],
        )
    )


def _answer_of_payment(made: PaymentReversed) -> PaymentReversalResponse:
    return PaymentReversalResponse(
        reversal_id=made.reversal.reversal_id,
        payment_id=made.payment.payment_id,
        entry_ids=made.reversal.entry_ids,
        amount_cents=-made.payment.amount_cents,
        excess_cents=-made.payment.excess_cents,
        commitment_left_cents=made.reversal.commitment_left_cents,
    )


def _replayed(is_replay: object) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if is_replay else {}
