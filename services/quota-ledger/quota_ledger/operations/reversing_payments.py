"""Reverse payments and recoveries that were reported in error: all of their entries, or none."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla import audit, idempotency, outbox
from kuntavayla.database import Connection
from kuntavayla.events import Channel, EventDraft
from kuntavayla.service.operations.witnessing import line_of
from quota_ledger.errors import (
    AlreadyReversed,
    LaterBookingsStand,
    NothingBooked,
    PaymentNotFound,
)
from quota_ledger.events import PaymentBookedV1
from quota_ledger.operations.booking import Ledger
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.rules.booked import Booked, Entry
from quota_ledger.rules.payments import PaidOf, PayableDecision, Payment
from quota_ledger.rules.posting import Refs
from quota_ledger.rules.reversals import (
    BookedEntry,
    PaymentReversalRequest,
    Reversal,
    mirror_of,
    paid_without,
    stands_alone,
)
from quota_ledger.store import payments, reversals
from quota_ledger.store.payments import Drawn, Summed


class PaymentReversed(Struct, frozen=True):
    """A reversal, and the payment that it reverses."""

    reversal: Reversal
    payment: Payment
    is_replay: bool


async def reverse(
    connection: Connection, payment_id: str, asked: PaymentReversalRequest, *, desk: OrderDesk
) -> PaymentReversed:
    """Take back what a payment or a recovery has booked.

    Locks the idempotency key, then the accounts, then the decision, then the outbox head. Commits
    together: the reversal, its entries, what the decision was paid, a line of the audit, an event.
    Raises IdempotencyKeyReused, PaymentNotFound, NothingBooked of a refused one, AlreadyReversed,
    LaterBookingsStand.
    """
    known = await idempotency.claim_one(connection, desk.use)
    payment = await payments.find(connection, payment_id)
    if payment is None:
        raise PaymentNotFound
    if known is not None:
        made = await reversals.load(connection, known.result_id)
        return PaymentReversed(made, payment, is_replay=True)
    if payment.state == "refused" or payment.decision_id is None:
        raise NothingBooked
    booked = await reversals.list_booked_of_payment(
        connection, decision_id=payment.decision_id, payment_id=payment_id
    )
    ledger = await Ledger.locked(connection, [one.account_id for one in booked])
    decision = (await payments.lock_decisions(connection, [payment.decision_id]))[
        payment.decision_id
    ]
    after = await _require_alone(connection, payment, booked=booked)
    entries = _book(ledger, payment, booked, asked=asked, desk=desk)
    made = _reversal(payment, asked, entries, after=after, desk=desk)
    await _write(connection, ledger, made, payment=payment, after=after)
    await _tell(connection, made, payment=payment, decision=decision, desk=desk)
    return PaymentReversed(made, payment, is_replay=False)


async def _require_alone(
    connection: Connection, payment: Payment, *, booked: Sequence[BookedEntry]
) -> Sequence[PaidOf]:
    """Return what the decision, which is locked, was paid without the payment."""
    first = await reversals.find_of(connection, "payment", payment.payment_id)
    if first is not None:
        raise AlreadyReversed(reversal_id=first)
    assert payment.decision_id is not None, "what is booked is of a decision"
    paid = (await payments.list_paid(connection, [payment.decision_id]))[payment.decision_id]
    state, owed_cents = await payments.load_owed(connection, payment.decision_id)
    after = paid_without(booked, paid, payment=payment)
    if not stands_alone(after, payment=payment, state=state, owed_cents=owed_cents):
        raise LaterBookingsStand(
            state=state,
            paid_cents=sum(one.net_cents for one in paid),
            excess_cents=sum(one.excess_cents for one in paid),
        )
    return after


def _book(
    ledger: Ledger,
    payment: Payment,
    booked: Sequence[BookedEntry],
    *,
    asked: PaymentReversalRequest,
    desk: OrderDesk,
) -> list[Entry]:
    refs = Refs(
        value_on=payment.paid_on,
        organisation=desk.call.organisation,
        official_id=desk.call.official_id,
        decision_id=payment.decision_id,
        payment_id=payment.payment_id,
        reason=asked.reason,
        document=asked.document.register_number,
    )
    entries: list[Entry] = []
    for original in booked:
        outcome = ledger.book(mirror_of(original, refs), moment=desk.moment)
        assert isinstance(outcome, Booked), "what was paid binds nothing"
        entries += outcome.entries
        ledger.tell_anew(original.account_id)
    return entries


def _reversal(
    payment: Payment,
    asked: PaymentReversalRequest,
    entries: Sequence[Entry],
    *,
    after: Sequence[PaidOf],
    desk: OrderDesk,
) -> Reversal:
    return Reversal(
        reversal_id=desk.use.result_id,
        payment_id=payment.payment_id,
        entry_ids=[one.entry_id for one in entries],
        commitment_left_cents=sum(one.left_cents for one in after),
        reason=asked.reason,
        document=asked.document,
        organisation=desk.call.organisation,
        official_id=desk.call.official_id,
        created_at=desk.moment.now,
    )


async def _write(
    connection: Connection,
    ledger: Ledger,
    made: Reversal,
    *,
    payment: Payment,
    after: Sequence[PaidOf],
) -> None:
    """Write accounts, entries, the reversal, and what the decision was paid without the payment."""
    await ledger.write(connection)
    await reversals.append(connection, made)
    decision_id = payment.decision_id or ""
    drawn = [Drawn(decision_id, one.account_id, one.paid_cents) for one in after]
    paid_cents, recovered_cents = max(0, payment.amount_cents), max(0, -payment.amount_cents)
    summed = [Summed(decision_id, -paid_cents, -recovered_cents)]
    await payments.keep_paid(connection, drawn, summed)


async def _tell(
    connection: Connection,
    made: Reversal,
    *,
    payment: Payment,
    decision: PayableDecision,
    desk: OrderDesk,
) -> None:
    """Put a reversal on record and tell of it; the outbox last."""
    line = line_of(
        desk.call,
        action="payment.reversed",
        outcome="done",
        moment=desk.moment,
        client_id=decision.client_id,
        resource_id=payment.payment_id,
    )
    await audit.append(connection, [line])
    data = _event(made, payment=payment, decision=decision)
    draft = EventDraft(
        event_id=desk.moment.new_id(),
        type_name=data.type_name,
        version=1,
        subject=decision.client_id,
        recipient=decision.organisation,
        channel=Channel.RESTRICTED if decision.is_restricted else Channel.COMMON,
        causation_id=made.reversal_id,
        traceparent=desk.call.traceparent,
        data=data,
    )
    await outbox.append(connection, [draft], origin=desk.moment.origin)


def _event(made: Reversal, *, payment: Payment, decision: PayableDecision) -> PaymentBookedV1:
    assert made.commitment_left_cents is not None, "a reversal of a payment says what is left"
    return PaymentBookedV1(
        payment_id=payment.payment_id,
        decision_id=decision.decision_id,
        client_id=decision.client_id,
        kind="reversal",
        state="booked",
        month=f"{payment.month:%Y-%m}",
        amount_cents=-payment.amount_cents,
        within_cents=-payment.within_cents,
        excess_cents=-payment.excess_cents,
        commitment_left_cents=made.commitment_left_cents,
        reason_code=None,
    )
