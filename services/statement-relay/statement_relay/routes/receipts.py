"""Receipts that TE offices send later than in their answers."""

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import require_kind
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http import JsonDecoder, caller_of, described, json_answer, secured_router
from kuntavayla.service.routes.desk import call_of
from kuntavayla.service.routes.outcomes import repeating
from kuntavayla.values.faults import instant_fault
from statement_relay.errors import DeliverySettled, InformationNotFound, SuccessorOvertaken
from statement_relay.operations import receipts as operations
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.routes.parties import ASKERS
from statement_relay.rules.answers import Receipt
from statement_relay.rules.deliveries import LateReceipt
from statement_relay.rules.states import InformationState
from statement_relay.schemas.deliveries import ReceiptRequest, ReceiptTakenResponse

router = secured_router(PREFIX)
_receipts = JsonDecoder(ReceiptRequest)


@router.post(
    "/receipts",
    openapi_extra=described(
        body=ReceiptRequest,
        answers={200: ReceiptTakenResponse},
        problems=(InformationNotFound, DeliverySettled, SuccessorOvertaken),
    ),
)
async def take(request: Request) -> Response:
    """Say that an item was received after all, or rejected: what was promised by 202, or is late.

    The item is known by its id and the digest of its bytes; another digest parks it until a human
    has looked. The item itself is the key: a repeat answers as before, so no Idempotency-Key is
    needed. An item that an operator had given up is delivered after all by its receipt. An item of
    another receiver is answered like one that does not exist: an organisation speaks for itself and
    for the receiver that takes its information by the table of receivers.
    """
    caller, desk = caller_of(request), desk_of(request)
    require_kind(caller, *ASKERS)
    body = await _receipts.read(request, limits=desk.body_limits)
    told = _told(body)

    async def act() -> InformationState:
        async with desk.transaction() as connection:
            return await operations.take(
                connection,
                told,
                receiver_ids=desk.law.tables.receivers.receivers_of(caller.organisation),
                call=call_of(request),
                moment=desk.moment(),
            )

    state = await repeating(act)
    return json_answer(ReceiptTakenResponse(information_id=body.information_id, state=state))


def _told(body: ReceiptRequest) -> LateReceipt:
    """Return what is told; refuses a receipt without its facts and a rejection without a code."""
    faults = []
    receipt = None
    if body.result == "rejected":
        faults += _missing("/code", body.code)
    else:
        faults += _missing("/receipt_id", body.receipt_id)
        faults += _missing("/received_at", body.received_at)
    if body.received_at is not None:
        fault = instant_fault("/received_at", body.received_at)
        faults += [fault] if fault is not None else []
    if faults:
        raise InvalidContent(tuple(faults))
    if body.result == "received":
        assert body.receipt_id is not None, "checked above"
        assert body.received_at is not None, "checked above"
        receipt = Receipt(body.receipt_id, body.received_at, body.digest)
    return LateReceipt(
        information_id=body.information_id, digest=body.digest, receipt=receipt, code=body.code
    )


def _missing(pointer: str, value: object) -> list[Fault]:
    if value is not None:
        return []
    return [Fault(pointer, "missing", "Give this member with such a result.")]
