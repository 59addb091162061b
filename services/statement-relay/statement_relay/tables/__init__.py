"""The tables of statement-relay with their constraints, one file per noun.

Only `store` imports them, and only migrations create them.
"""

from kuntavayla import audit, idempotency, inbox, outbox, responsibilities
from statement_relay.tables.information import DeliveryAttemptRow, DeliveryNoteRow, InformationRow
from statement_relay.tables.queues import ClientQueueRow, ReceiverRow
from statement_relay.tables.reconciliations import ReconciliationRow
from statement_relay.tables.requests import InformationRequestRow, StatementRow
from statement_relay.tables.rows import Row

__all__ = [
    "APPEND_ONLY",
    "CHANGING",
    "CHANGING_OF_REQUESTS",
    "MUTABLE",
    "ClientQueueRow",
    "DeliveryAttemptRow",
    "DeliveryNoteRow",
    "InformationRequestRow",
    "InformationRow",
    "ReceiverRow",
    "ReconciliationRow",
    "Row",
    "StatementRow",
]

outbox.add_tables(Row.metadata)
audit.add_tables(Row.metadata)
idempotency.add_table(Row.metadata)
inbox.add_table(Row.metadata)
inbox.add_parking_tables(Row.metadata)
responsibilities.add_table(Row.metadata)

APPEND_ONLY = (
    "audit",
    "audit_blocks",
    "audit_days",
    "outbox",
    "outbox_epochs",
    "outbox_redeliveries",
    "delivery_attempts",
    "delivery_notes",
    "inbox_repairs",
    "statements",
)
MUTABLE = (
    "client_queues",
    "receivers",
    "reconciliations",
    "idempotency_keys",
    "outbox_head",
    "outbox_publisher",
    "outbox_holds",
    "outbox_readings",
    *inbox.MUTABLE,
    *responsibilities.MUTABLE,
)
CHANGING = (
    "state",
    "state_reason",
    "receiver_id",
    "number",
    "is_restricted",
    "body",
    "digest",
    "issuer_authority",
    "issuer_rule",
    "issuer_from_on",
    "deliver_by_at",
    "warn_at",
    "warned_at",
    "overdue_at",
    "settled_at",
    "attempts",
    "receipt_id",
    "received_at",
    "receipt_digest",
    "delivered_request_id",
    "first_delivered_at",
)
"""The columns of `information` that may change; all others are written once, and no row goes."""
CHANGING_OF_REQUESTS = (
    "reminded_at",
    "overdue_at",
    "state",
    "answered_at",
    "answer_code",
    "answer_fingerprint",
    "information_ids",
)
"""The columns of `information_requests` that may change; a question itself never does."""
