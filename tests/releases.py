"""The services as they are shipped: what their contracts are made of, service by service."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from msgspec import Struct

import quota_ledger.app
import quota_ledger.events
import quota_ledger.routes
import quota_ledger.routes.answers
import quota_ledger.settings
import routing_api.app
import routing_api.events
import routing_api.routes
import routing_api.routes.answers
import routing_api.settings
import statement_relay.app
import statement_relay.events
import statement_relay.routes
import statement_relay.routes.answers
import statement_relay.settings
from kuntavayla.auth import ScopeTable
from kuntavayla.http import ServiceDocuments
from kuntavayla.settings import ServiceSettings
from kuntavayla.testing.tokens import AUDIENCE, ISSUER

ROOT = Path(__file__).parent.parent
KEY = base64.b64encode(bytes(32)).decode()
GIVEN = {
    "database_url": "postgresql:///nowhere",
    "token_issuer": ISSUER,
    "token_audience": AUDIENCE,
    "token_jwks_url": "http://127.0.0.1:9/jwks.json",
}
"""What every service is told, with addresses that lead nowhere."""


class Release(Struct, frozen=True, kw_only=True):
    """A service of this release; `settings` are those that only it must be told."""

    name: str
    package: str
    prefix: str
    routers: Sequence[APIRouter]
    scopes: ScopeTable
    event_types: Sequence[Any]
    documents: Callable[[], ServiceDocuments]
    settings_type: type[ServiceSettings]
    settings: dict[str, str]
    create_app: Callable[[Any], FastAPI]

    @property
    def folder(self) -> Path:
        """Return the folder of the service."""
        return ROOT / "services" / self.name

    @property
    def routes(self) -> list[APIRoute]:
        """Return the routes that need a token."""
        return [
            route
            for router in self.routers
            for route in router.routes
            if isinstance(route, APIRoute)
        ]

    def app(self) -> FastAPI:
        """Return the app as it is shipped, with keys and addresses that lead nowhere."""
        return self.create_app(self.settings_type.model_validate({**GIVEN, **self.settings}))


RELEASES = (
    Release(
        name="routing-api",
        package="routing_api",
        prefix=routing_api.routes.answers.PREFIX,
        routers=routing_api.routes.ROUTERS,
        scopes=routing_api.routes.SCOPES,
        event_types=routing_api.events.EVENT_TYPES,
        documents=routing_api.app.documents_of_release,
        settings_type=routing_api.settings.Settings,
        settings={
            "identity_keys": f"k1:{KEY}",
            "lookup_key_a": KEY,
            "lookup_key_b": KEY,
            "fingerprint_key": KEY,
            "audit_signing_key": f"s1:{KEY}",
        },
        create_app=routing_api.app.create_app,
    ),
    Release(
        name="statement-relay",
        package="statement_relay",
        prefix=statement_relay.routes.answers.PREFIX,
        routers=statement_relay.routes.ROUTERS,
        scopes=statement_relay.routes.SCOPES,
        event_types=statement_relay.events.EVENT_TYPES,
        documents=statement_relay.app.documents_of_release,
        settings_type=statement_relay.settings.Settings,
        settings={
            "fingerprint_key": KEY,
            "audit_signing_key": f"s1:{KEY}",
            "content_keys": f"k1:{KEY}",
            "routing_url": "http://127.0.0.1:9/routing/v1",
            "routing_token_url": "http://127.0.0.1:9/token",
            "routing_client_id": "relay",
            "routing_client_secret": "relay-of-the-tests",
        },
        create_app=statement_relay.app.create_app,
    ),
    Release(
        name="quota-ledger",
        package="quota_ledger",
        prefix=quota_ledger.routes.answers.PREFIX,
        routers=quota_ledger.routes.ROUTERS,
        scopes=quota_ledger.routes.SCOPES,
        event_types=quota_ledger.events.EVENT_TYPES,
        documents=quota_ledger.app.documents_of_release,
        settings_type=quota_ledger.settings.Settings,
        settings={
            "fingerprint_key": KEY,
            "audit_signing_key": f"s1:{KEY}",
            "routing_url": "http://127.0.0.1:9/routing/v1",
            "routing_token_url": "http://127.0.0.1:9/token",
            "routing_client_id": "quota",
            "routing_client_secret": "quota-of-the-tests",
        },
        create_app=quota_ledger.app.create_app,
    ),
)
SCOPES: dict[tuple[str, str], Any] = {
    call: scope for release in RELEASES for call, scope in release.scopes.items()
}
"""The scope of each call; what two services have has the same scope in both."""
EVENT_TYPES = tuple({one.type_name: one for each in RELEASES for one in each.event_types}.values())
