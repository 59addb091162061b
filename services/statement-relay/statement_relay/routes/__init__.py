"""The HTTP edge of statement-relay: parse, call one operation in one transaction, shape the answer.

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
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.codes import router as codes
from statement_relay.routes.deliveries import router as deliveries
from statement_relay.routes.desk import RESTART
from statement_relay.routes.information import router as information
from statement_relay.routes.operating import router as operating
from statement_relay.routes.receipts import router as receipts
from statement_relay.routes.receivers import router as receivers
from statement_relay.routes.reconciliations import router as reconciliations
from statement_relay.routes.requests import router as requests
from statement_relay.routes.statements import router as statements
from statement_relay.routes.statistics import router as statistics

ROUTERS: tuple[APIRouter, ...] = (
    information,
    receipts,
    deliveries,
    receivers,
    requests,
    statements,
    statistics,
    codes,
    reconciliations,
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
    ("POST", "/information"): "information.write",
    ("POST", "/information:bulk"): "information.write",
    ("POST", "/information/{information_id}:correct"): "information.write",
    ("POST", "/information/{information_id}:withdraw"): "information.write",
    ("GET", "/information/{information_id}"): "information.read",
    ("GET", "/information"): "information.read",
    ("POST", "/receipts"): "receipts.write",
    ("GET", "/deliveries"): "deliveries.read",
    ("GET", "/deliveries/summary"): "deliveries.read",
    ("POST", "/deliveries:preview"): "deliveries.read",
    ("POST", "/deliveries:retry"): "deliveries.write",
    ("POST", "/deliveries:skip"): "deliveries.write",
    ("POST", "/deliveries/{delivery_id}:retry"): "deliveries.write",
    ("POST", "/deliveries/{delivery_id}:skip"): "deliveries.write",
    ("GET", "/receivers"): "receivers.read",
    ("POST", "/receivers/{receiver_id}:pause"): "receivers.write",
    ("POST", "/receivers/{receiver_id}:resume"): "receivers.write",
    ("POST", "/information-requests"): "information-requests.write",
    ("GET", "/information-requests"): "information-requests.read",
    ("GET", "/information-requests/{information_request_id}"): "information-requests.read",
    ("POST", "/information-requests/{information_request_id}:answer"): "information-requests.write",
    ("POST", "/statements"): "statements.write",
    ("GET", "/statements/{statement_id}"): "statements.read",
    ("GET", "/statistics/information"): "statistics.read",
    ("GET", "/codes/{list}"): "codes.read",
    ("POST", "/reconciliations"): "reconciliations.write",
    ("POST", "/receivers/{receiver_id}:reconcile"): "reconciliations.write",
    ("GET", "/reconciliations/{day}"): "reconciliations.read",
    ("POST", "/reconciliations/{day}:resend"): "deliveries.write",
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
    ("GET", "/problems"): "codes.read",
    ("GET", "/problems/{code}"): "codes.read",
}
