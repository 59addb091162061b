"""The tables of quota-ledger with their constraints, one file per noun.

Only `store` imports them, and only migrations create them.
"""

from kuntavayla import audit, idempotency, inbox, outbox, responsibilities
from quota_ledger.tables.accounts import AccountClientRow, AccountRow, EntryRow, SnapshotRow
from quota_ledger.tables.allocations import AllocationRow, AllocationTransferRow, LapseRow
from quota_ledger.tables.decisions import DecisionDrawRow, DecisionRow, DecisionStepRow
from quota_ledger.tables.payments import OverrideRow, PaymentRow
from quota_ledger.tables.reconciliations import ReconciliationRow
from quota_ledger.tables.reversals import ReversalRow
from quota_ledger.tables.rows import Row

__all__ = [
    "APPEND_ONLY",
    "MUTABLE",
    "AccountClientRow",
    "AccountRow",
    "AllocationRow",
    "AllocationTransferRow",
    "DecisionDrawRow",
    "DecisionRow",
    "DecisionStepRow",
    "EntryRow",
    "LapseRow",
    "OverrideRow",
    "PaymentRow",
    "ReconciliationRow",
    "ReversalRow",
    "Row",
    "SnapshotRow",
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
    "inbox_repairs",
    "entries",
    "allocations",
    "allocation_transfers",
    "decision_steps",
    "payments",
    "lapses",
    "reversals",
)
MUTABLE = (
    "accounts",
    "account_clients",
    "decisions",
    "decision_draws",
    "overrides",
    "reconciliations",
    "snapshots",
    "idempotency_keys",
    "outbox_head",
    "outbox_publisher",
    "outbox_holds",
    "outbox_readings",
    *inbox.MUTABLE,
    *responsibilities.MUTABLE,
)
KEPT = ("accounts", "decisions", "overrides", "inbox_parked")
"""Tables whose rows change and never go."""
