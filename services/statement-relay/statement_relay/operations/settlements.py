"""Calls that have ended, as they are stored."""

from datetime import datetime

from statement_relay.rules.deliveries import Called, Fate
from statement_relay.rules.states import SETTLED
from statement_relay.store.deliveries import Attempt, Settlement


def settlement_of(called: Called, fate: Fate, *, now: datetime) -> Settlement:
    """Return what becomes of the item of a call, and of its queue."""
    delivery, receipt = called.delivery, called.answer.receipt
    is_delivered = fate.state == "delivered"
    return Settlement(
        receiver_id=delivery.receiver_id,
        client_id=delivery.client_id,
        information_id=delivery.information_id,
        state=fate.state,
        state_reason=fate.code,
        settled_at=now if fate.state in SETTLED else None,
        receipt_id=None if receipt is None else receipt.receipt_id,
        received_at=None if receipt is None else receipt.received_at,
        receipt_digest=None if receipt is None else receipt.digest,
        delivered_request_id=called.request_id if is_delivered else None,
        is_blocked=fate.is_blocked,
        wait_s=fate.wait_s,
    )


def attempt_of(called: Called) -> Attempt:
    """Return the row of a call."""
    receipt = called.answer.receipt
    return Attempt(
        information_id=called.delivery.information_id,
        attempt=called.delivery.attempt,
        request_id=called.request_id,
        started_at=called.started_at,
        ended_at=called.ended_at,
        status=called.answer.status,
        outcome=called.verdict.code,
        code=called.answer.code,
        request_hash=called.answer.request_hash,
        receipt_id=None if receipt is None else receipt.receipt_id,
        received_at=None if receipt is None else receipt.received_at,
        receipt_digest=None if receipt is None else receipt.digest,
    )
