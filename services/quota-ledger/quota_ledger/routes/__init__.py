"""The HTTP edge of quota-ledger: parse, call one operation in one transaction, shape the answer.

One file per noun; `desk.py` is what all of them share. The scope of every call stands in `SCOPES`.
"""

from fastapi import APIRouter

from kuntavayla.auth import ScopeTable
from kuntavayla.service.routes.audit import audit_router
from kuntavayla.service.routes.consumers import consumers_router
from kuntavayla.service.routes.feeds import feeds_router
from kuntavayla.service.routes.parked import parked_router
from kuntavayla.service.routes.problems import problems_router
from kuntavayla.service.routes.recipients import recipients_router
from kuntavayla.service.routes.redeliveries import redeliveries_router
from quota_ledger.routes.allocations import router as allocations
from quota_ledger.routes.answers import PREFIX
from quota_ledger.routes.balances import router as balances
from quota_ledger.routes.codes import router as codes
from quota_ledger.routes.decisions import router as decisions
from quota_ledger.routes.desk import RESTART
from quota_ledger.routes.forecasts import router as forecasts
from quota_ledger.routes.lapses import router as lapses
from quota_ledger.routes.operating import router as operating
from quota_ledger.routes.overrides import router as overrides
from quota_ledger.routes.payments import router as payments
from quota_ledger.routes.reconciliations import router as reconciliations
from quota_ledger.routes.reversals import router as reversals
from quota_ledger.routes.statistics import router as statistics
from quota_ledger.routes.steps import router as steps
from quota_ledger.routes.transfers import router as transfers
from quota_ledger.routes.verifications import router as verifications

ROUTERS: tuple[APIRouter, ...] = (
    allocations,
    transfers,
    decisions,
    payments,
    reversals,
    reconciliations,
    steps,
    overrides,
    balances,
    forecasts,
    lapses,
    statistics,
    verifications,
    codes,
    feeds_router(PREFIX, restart=RESTART),
    recipients_router(PREFIX),
    redeliveries_router(PREFIX),
    operating,
    parked_router(PREFIX),
    consumers_router(PREFIX),
    audit_router(PREFIX),
    problems_router(PREFIX),
)
SCOPES: ScopeTable = {
    ("POST", "/allocations"): "allocations.write",
    ("POST", "/allocations:preview"): "allocations.read",
    ("GET", "/allocations"): "allocations.read",
    ("POST", "/allocation-transfers"): "allocation-transfers.write",
    ("POST", "/allocation-transfers:preview"): "allocation-transfers.read",
    ("POST", "/allocations/{allocation_id}:reverse"): "allocations.write",
    ("POST", "/allocations/{allocation_id}:preview"): "allocations.read",
    (
        "POST",
        "/allocation-transfers/{allocation_transfer_id}:reverse",
    ): "allocation-transfers.write",
    ("POST", "/allocation-transfers/{allocation_transfer_id}:preview"): "allocation-transfers.read",
    ("POST", "/decisions"): "decisions.write",
    ("POST", "/decisions:bulk"): "decisions.write",
    ("POST", "/decisions:preview"): "decisions.read",
    ("POST", "/decisions/{decision_id}:grant"): "decisions.write",
    ("POST", "/decisions/{decision_id}:change"): "decisions.write",
    ("POST", "/decisions/{decision_id}:interrupt"): "decisions.write",
    ("POST", "/decisions/{decision_id}:end"): "decisions.write",
    ("POST", "/decisions/{decision_id}:cancel"): "decisions.write",
    ("POST", "/decisions/{decision_id}:refuse"): "decisions.write",
    ("GET", "/decisions/{decision_id}"): "decisions.read",
    ("GET", "/decisions"): "decisions.read",
    ("POST", "/overrides"): "overrides.write",
    ("POST", "/overrides/{override_id}:approve"): "overrides.write",
    ("POST", "/overrides/{override_id}:refuse"): "overrides.write",
    ("GET", "/overrides/{override_id}"): "overrides.read",
    ("GET", "/overrides"): "overrides.read",
    ("POST", "/payments"): "payments.write",
    ("POST", "/payments:bulk"): "payments.write",
    ("POST", "/payments/{payment_id}:reverse"): "payments.write",
    ("GET", "/payments"): "payments.read",
    ("POST", "/reconciliations"): "reconciliations.write",
    ("GET", "/reconciliations"): "reconciliations.read",
    ("GET", "/reconciliations/{reconciliation_id}"): "reconciliations.read",
    ("GET", "/balances"): "balances.read",
    ("GET", "/forecasts"): "forecasts.read",
    ("GET", "/accounts/{account_id}/entries"): "accounts.read",
    ("POST", "/years/{year}:lapse"): "years.write",
    ("POST", "/years/{year}:preview"): "years.read",
    ("GET", "/statistics/quota"): "statistics.read",
    ("POST", "/verifications"): "verifications.read",
    ("GET", "/events"): "events.read",
    ("GET", "/events/restricted"): "events.restricted",
    ("GET", "/recipients"): "recipients.read",
    ("POST", "/recipients/{recipient_id}:pause"): "recipients.write",
    ("POST", "/recipients/{recipient_id}:resume"): "recipients.write",
    ("POST", "/redeliveries"): "redeliveries.write",
    ("POST", "/redeliveries:preview"): "redeliveries.read",
    ("GET", "/parked-messages"): "parked-messages.read",
    ("GET", "/parked-messages/{parked_message_id}"): "parked-messages.read",
    ("POST", "/parked-messages:preview"): "parked-messages.read",
    ("POST", "/parked-messages:retry"): "parked-messages.write",
    ("POST", "/parked-messages:skip"): "parked-messages.write",
    ("POST", "/parked-messages/{parked_message_id}:retry"): "parked-messages.write",
    ("POST", "/parked-messages/{parked_message_id}:skip"): "parked-messages.write",
    ("POST", "/parked-messages/{parked_message_id}:edit"): "parked-messages.write",
    ("POST", "/consumers/{consumer_id}:start"): "consumers.write",
    ("GET", "/audit"): "audit.read",
    ("GET", "/audit/keys"): "audit.read",
    ("POST", "/audit:verify"): "audit.read",
    ("GET", "/status"): "status.read",
    ("GET", "/codes/{list}"): "codes.read",
    ("GET", "/problems"): "codes.read",
    ("GET", "/problems/{code}"): "codes.read",
}
