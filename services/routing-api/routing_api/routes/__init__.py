"""The HTTP edge of routing-api: parse, call one operation inside one transaction, shape the answer.

One file per noun; `desk.py` is what all of them share. The scope of every call stands in `SCOPES`.
"""

from kuntavayla.auth import ScopeTable
from kuntavayla.service.routes.audit import audit_router
from kuntavayla.service.routes.consumers import consumers_router
from kuntavayla.service.routes.feeds import feeds_router
from kuntavayla.service.routes.parked import parked_router
from kuntavayla.service.routes.problems import problems_router
from kuntavayla.service.routes.recipients import recipients_router
from kuntavayla.service.routes.redeliveries import redeliveries_router
from routing_api.routes.answers import PREFIX
from routing_api.routes.clients import router as clients
from routing_api.routes.codes import router as codes
from routing_api.routes.disclosures import router as disclosures
from routing_api.routes.operating import router as operating
from routing_api.routes.persons import router as persons
from routing_api.routes.reconciliations import router as reconciliations
from routing_api.routes.register import router as register
from routing_api.routes.registrations import router as registrations
from routing_api.routes.reviews import router as reviews
from routing_api.routes.transfers import router as transfers

ROUTERS = (
    registrations,
    reviews,
    clients,
    disclosures,
    transfers,
    persons,
    feeds_router(PREFIX, restart="start again from GET /clienthoods"),
    recipients_router(PREFIX),
    redeliveries_router(PREFIX),
    reconciliations,
    register,
    operating,
    parked_router(PREFIX),
    consumers_router(PREFIX),
    audit_router(PREFIX),
    codes,
    problems_router(PREFIX),
)
SCOPES: ScopeTable = {
    ("POST", "/registrations"): "registrations.write",
    ("POST", "/registrations:bulk"): "registrations.write",
    ("POST", "/registrations:preview"): "registrations.read",
    ("GET", "/registrations/{registration_id}"): "registrations.read",
    ("GET", "/decisions/{decision_id}"): "decisions.read",
    ("GET", "/reviews"): "reviews.read",
    ("GET", "/reviews/{review_id}"): "reviews.read",
    ("POST", "/reviews/{review_id}:resolve"): "reviews.write",
    ("POST", "/clients:lookup"): "clients.read",
    ("GET", "/clients/{client_id}"): "clients.read",
    ("GET", "/clients/{client_id}/disclosures"): "disclosures.read",
    ("GET", "/clienthoods"): "clienthoods.read",
    ("GET", "/transfers"): "transfers.read",
    ("POST", "/transfers:acknowledge"): "transfers.write",
    ("POST", "/transfers:notice"): "notices.write",
    ("POST", "/persons:fetch"): "persons.read",
    ("GET", "/events"): "events.read",
    ("GET", "/events/restricted"): "events.restricted",
    ("GET", "/recipients"): "recipients.read",
    ("POST", "/recipients/{recipient_id}:pause"): "recipients.write",
    ("POST", "/recipients/{recipient_id}:resume"): "recipients.write",
    ("POST", "/redeliveries"): "redeliveries.write",
    ("POST", "/redeliveries:preview"): "redeliveries.read",
    ("POST", "/reconciliations"): "reconciliations.write",
    ("GET", "/reconciliations/{day}"): "reconciliations.read",
    ("GET", "/areas"): "register.read",
    ("GET", "/municipalities"): "register.read",
    ("GET", "/case-systems"): "register.read",
    ("GET", "/competences"): "register.read",
    ("GET", "/rule-sets"): "rule-sets.read",
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
