"""A statement-relay in this process, spoken to over HTTP by callers with real tokens."""

import base64
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
from httpx import ASGITransport, AsyncClient, Response

from kuntavayla.service.moments import Call
from kuntavayla.testing import TestDatabase, TestIssuer
from kuntavayla.testing.tokens import AUDIENCE, ISSUER
from kuntavayla.values.responsibilities import Responsibility
from statement_relay.app import create_app
from statement_relay.operations.projecting import project
from statement_relay.routes.desk import Desk
from statement_relay.settings import Settings
from tests.served import OFFICIAL, Clock, Json, Served, ServiceCaller

NOW = datetime(2021, 3, 24, 11, 40, 2, tzinfo=UTC)
CASE_SYSTEM_SCOPES = [
    "information.read",
    "information.write",
    "events.read",
    "events.restricted",
    "redeliveries.read",
    "redeliveries.write",
]
OPERATOR_SCOPES = [
    "information.read",
    "audit.read",
    "status.read",
    "parked-messages.read",
    "parked-messages.write",
    "consumers.write",
    "events.restricted",
    "recipients.read",
    "recipients.write",
    "redeliveries.read",
    "redeliveries.write",
]
TRACE = "00-a70034eec3e13ffaa8e1bd42f12cf4ef-2b904d3d3e7949b8-01"
_keys = itertools.count(1)


class Caller(ServiceCaller):
    """One organisation's HTTP client."""

    prefix = "/relay/v1"

    async def send(self, item: Json, *, key: str | None = None) -> Response:
        """Send one item, under a key of its own unless one is given."""
        headers = {"Idempotency-Key": key or f"key-{next(_keys)}"}
        return await self.post("/information", item, headers=headers)

    async def sent(self, item: Json) -> Json:
        """Send one item that is taken, and return the answer."""
        answer = await self.send(item)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return answer.json()

    async def correct(
        self, information_id: str, item: Json, *, version: int = 1, key: str | None = None
    ) -> Response:
        """Send a correction, with the ETag of a version."""
        headers = {"Idempotency-Key": key or f"key-{next(_keys)}", "If-Match": f'"{version}"'}
        return await self.post(f"/information/{information_id}:correct", item, headers=headers)

    async def withdraw(
        self, information_id: str, municipal_id: str, *, version: int = 1, key: str | None = None
    ) -> Response:
        """Withdraw an item, with the ETag of a version."""
        headers = {
            "Idempotency-Key": key or f"key-{next(_keys)}",
            "If-Match": f'"{version}"',
            "Acting-Official": OFFICIAL,
        }
        body = {
            "municipal_id": municipal_id,
            "reason_code": "entered_in_error",
            "reason": "Kirjattu väärin.",
        }
        return await self.post(f"/information/{information_id}:withdraw", body, headers=headers)


class Relay(Served):
    """The app under test, its database, its clock, and callers by name."""

    def caller(self, organisation: str, *scopes: str) -> Caller:
        return Caller(self.client, self.issuer.authorization(organisation, *scopes))

    def case_system(self, case_system_id: str = "cs-sotkamo") -> Caller:
        return self.caller(case_system_id, *CASE_SYSTEM_SCOPES)

    @property
    def operator(self) -> Caller:
        return self.caller("operator", *OPERATOR_SCOPES)

    def end_day(self) -> None:
        """Let the day that the tests deliver on, and the next one, be over for the service."""
        self.clock.now = max(self.clock.now, NOW + timedelta(days=2))

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    async def learn(self, *told: Responsibility) -> None:
        """Learn who is responsible, as by events of routing-api."""
        moment = self.desk.moment()
        call = Call(organisation="statement-relay", request_id=moment.new_id(), traceparent=TRACE)
        async with self.desk.transaction() as connection:
            await project(connection, told, call=call, law=self.desk.law, moment=moment)


def given_settings(database: TestDatabase, **changes: Json) -> dict[str, Json]:
    """Return what a test service is told, by name, with keys that are its own."""
    key = base64.b64encode(bytes(range(32))).decode()
    return {
        "database_url": database.url,
        "migration_database_url": database.owner_url,
        "token_issuer": ISSUER,
        "token_audience": AUDIENCE,
        "token_jwks_url": "http://127.0.0.1:9/jwks.json",
        "metrics_port": 0,
        "fingerprint_key": key,
        "audit_signing_key": f"s1:{key}",
        "content_keys": f"k1:{key}",
        "routing_url": "http://127.0.0.1:9/routing/v1",
        "routing_token_url": "http://127.0.0.1:9/token",
        "routing_client_id": "relay",
        "routing_client_secret": "relay-of-the-tests",
        **changes,
    }


def settings_of(database: TestDatabase, **changes: Json) -> Settings:
    """Return the settings of a test service."""
    return Settings(**given_settings(database, **changes))


def environment_of(database: TestDatabase, **changes: Json) -> dict[str, str]:
    """Return the environment of the service's own command line: all that it is told, no more."""
    settings = given_settings(database, **changes)
    return {f"RELAY_{name.upper()}": str(value) for name, value in settings.items()}


@contextlib.asynccontextmanager
async def running_relay(database: TestDatabase, **changes: Json) -> AsyncIterator[Relay]:
    """Run the service on a database inside the block; `changes` are settings."""
    issuer, clock = TestIssuer(), Clock(NOW)
    app = create_app(settings_of(database, **changes), clock=clock, keys=issuer)
    async with app.router.lifespan_context(app):
        transport = ASGITransport(app=app)
        async with AsyncClient(transport=transport, base_url="http://relay.test") as client:
            yield Relay(app, client, issuer=issuer, database=database, clock=clock)
