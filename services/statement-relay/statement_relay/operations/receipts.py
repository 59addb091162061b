"""Receipts and rejections that receivers send later than in their answers."""

from collections.abc import Collection, Sequence

from kuntavayla import audit, outbox
from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from statement_relay.errors import DeliverySettled, InformationNotFound, SuccessorOvertaken
from statement_relay.operations.rejecting import reject
from statement_relay.operations.telling import Telling
from statement_relay.rules.deliveries import DeliveryNote, LateReceipt, Undelivered, is_of_before
from statement_relay.rules.states import SETTLED, SKIPPED, InformationState, NoteAction
from statement_relay.store import repairs

RECEIVED = "receipt.received"
_NOTED: dict[InformationState, NoteAction] = {
    "delivered": "received",
    "rejected": "rejected",
    "parked": "parked",
}
DIGEST_DIFFERS = "receipt_digest_differs"
REJECTED = "receipt_rejected"


async def take(
    connection: Connection,
    told: LateReceipt,
    *,
    receiver_ids: Collection[str],
    call: Call,
    moment: Moment,
) -> InformationState:
    """Take what is said for receivers of an item that one was sent; return its state by that.

    A receipt of other bytes than were sent parks the item. The same again answers as before. What
    was skipped is delivered after all by its receipt; what was rejected with it stays so. A
    receipt of before an item was sent again changes nothing of it. Locks the item's queue; commits
    together: state, audit line, events.

    Raises InformationNotFound for what is not of these receivers or was never sent, DeliverySettled
    where the item has ended otherwise, and SuccessorOvertaken where what was skipped has been
    replaced by another successor of the same item.
    """
    found = await repairs.lock_items(connection, [told.information_id])
    item = found.get(told.information_id)
    if item is None or item.tracked.receiver_id not in receiver_ids or item.attempts == 0:
        raise InformationNotFound
    if item.state in SETTLED and not await _was_only_skipped(connection, item, told):
        return _state_again(item, told)
    if is_of_before(told, item):
        return item.state
    await repairs.append_cut_off(connection, [item.tracked], now=moment.now)
    telling = Telling(call, moment)
    state = await _change(connection, item, told, telling=telling, moment=moment)
    await repairs.refresh(connection, [item.tracked])
    await repairs.append_notes(connection, [_note(told, state, call=call, moment=moment)])
    _witness(telling, item, state, call=call, moment=moment)
    await audit.append(connection, telling.gathered.audit)
    await outbox.append(connection, telling.gathered.events, origin=moment.origin)
    return state


def _witness(
    telling: Telling, item: Undelivered, state: InformationState, *, call: Call, moment: Moment
) -> None:
    telling.gathered.witness(
        call,
        action=RECEIVED,
        outcome=state,
        moment=moment,
        client_id=item.tracked.client_id,
        resource_id=item.tracked.information_id,
    )


async def take_proofs(
    connection: Connection,
    proofs: Sequence[LateReceipt],
    *,
    telling: Telling,
    call: Call,
    moment: Moment,
) -> None:
    """Take receipts out of answers to calls whose leases had gone, as if they had been posted.

    The caller has locked the queues, and writes what is told. What has ended otherwise stays so,
    and what was skipped and has been replaced by another successor.
    """
    if not proofs:
        return
    found = await repairs.lock_items(connection, [told.information_id for told in proofs])
    for told in {one.information_id: one for one in proofs}.values():
        item = found[told.information_id]
        if not await _is_open_to(connection, item, told):
            continue
        await repairs.append_cut_off(connection, [item.tracked], now=moment.now)
        state = await _change(connection, item, told, telling=telling, moment=moment)
        await repairs.refresh(connection, [item.tracked])
        await repairs.append_notes(connection, [_note(told, state, call=call, moment=moment)])
        _witness(telling, item, state, call=call, moment=moment)


async def _is_open_to(connection: Connection, item: Undelivered, told: LateReceipt) -> bool:
    """Say whether a receipt out of an answer changes an item."""
    if item.state not in SETTLED:
        return not is_of_before(told, item)
    try:
        return await _was_only_skipped(connection, item, told)
    except SuccessorOvertaken:
        return False


def _note(
    told: LateReceipt, state: InformationState, *, call: Call, moment: Moment
) -> DeliveryNote:
    return DeliveryNote(
        note_id=moment.new_id(),
        information_id=told.information_id,
        action=_NOTED[state],
        code=told.code,
        reason=None,
        organisation=call.organisation,
        official_id=call.official_id,
        noted_at=moment.now,
        receipt_id=None if told.receipt is None else told.receipt.receipt_id,
        received_at=None if told.receipt is None else told.receipt.received_at,
        receipt_digest=None if told.receipt is None else told.receipt.digest,
    )


async def _was_only_skipped(connection: Connection, item: Undelivered, told: LateReceipt) -> bool:
    """Say whether a receipt proves an item that was given up without knowing what came of it.

    Raises SuccessorOvertaken where another successor of the same item stands.
    """
    is_proof = (
        told.receipt is not None and told.digest == item.digest and not is_of_before(told, item)
    )
    is_skipped = is_proof and item.state == "rejected" and item.state_reason == SKIPPED
    if is_skipped and await repairs.is_overtaken(connection, told.information_id):
        raise SuccessorOvertaken
    return is_skipped


def _state_again(item: Undelivered, told: LateReceipt) -> InformationState:
    """Return the state of an item that has ended as it is told; raises where it has not."""
    is_same = told.digest == item.digest
    ended: InformationState = "rejected" if told.receipt is None else "delivered"
    if item.state != ended or not is_same:
        raise DeliverySettled(state=item.state)
    return item.state


async def _change(
    connection: Connection,
    item: Undelivered,
    told: LateReceipt,
    *,
    telling: Telling,
    moment: Moment,
) -> InformationState:
    tracked = item.tracked
    if told.digest != item.digest:
        parked = await repairs.park_by_receipt(
            connection, tracked.information_id, told.receipt, code=DIGEST_DIFFERS
        )
        if item.state_reason != DIGEST_DIFFERS:
            telling.parked(parked, code=DIGEST_DIFFERS)
        return "parked"
    if told.receipt is not None:
        delivered = await repairs.settle_by_receipt(
            connection, tracked.information_id, told.receipt, at=moment.now
        )
        telling.delivered(delivered, told.receipt)
        return "delivered"
    await reject(connection, [tracked], code=REJECTED, telling=telling, moment=moment)
    return "rejected"
