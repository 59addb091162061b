"""A quota-ledger in this process, spoken to over HTTP by callers with real tokens."""

import base64
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
from httpx import ASGITransport, AsyncClient

from kuntavayla.service.moments import Call
from kuntavayla.testing import TestDatabase, TestIssuer
from kuntavayla.testing.tokens import AUDIENCE, ISSUER
from kuntavayla.values.responsibilities import Responsibility
from quota_ledger.app import create_app
from quota_ledger.operations.booking import book, opened
from quota_ledger.operations.projecting import project
from quota_ledger.routes.desk import Desk
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.booked import Booked
from quota_ledger.settings import Settings
from tests.quota_ledger.accounts import KAINUU, draw
from tests.served import Clock, Json, Served, ServiceCaller

NOW = datetime(2021, 8, 24, 6, 0, 0, tzinfo=UTC)
TRACE = "00-a70034eec3e13ffaa8e1bd42f12cf4ef-2b904d3d3e7949b8-01"
OPERATOR_SCOPES = [
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
_keys = itertools.count(1)


def another_key() -> str:
    """Return an idempotency key that no other call of this process has."""
    return f"key-{next(_keys)}"


class Caller(ServiceCaller):
    """One organisation's HTTP client."""

    prefix = "/quota/v1"


class Ledger(Served):
    """The app under test, its database, its clock, and callers by name."""

    def caller(self, organisation: str, *scopes: str) -> Caller:
        return Caller(self.client, self.issuer.authorization(organisation, *scopes))

    @property
    def operator(self) -> Caller:
        return self.caller("operator", *OPERATOR_SCOPES)

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    def call(self, organisation: str = "quota-ledger") -> Call:
        """Return a call that no route has made."""
        return Call(organisation=organisation, request_id="test", traceparent=TRACE)

    async def execute(self, sql: str) -> None:
        """Change the database itself, as its owner."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def reserve(self, *, cents: int, key: AccountKey = KAINUU) -> None:
        """Reserve so much of an account, as a decision would."""
        moment = self.desk.moment()
        async with self.desk.transaction() as connection:
            ids = await opened(connection, [key], binds_persons=False, moment=moment)
            booking = await book(connection, [draw(ids[key], cents=cents)], moment=moment)
        assert isinstance(booking.outcomes[0], Booked), booking

    async def learn(self, *told: Responsibility) -> None:
        """Learn who is responsible, as by events of routing-api."""
        async with self.desk.transaction() as connection:
            await project(connection, told, call=self.call(), moment=self.desk.moment())


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
        "routing_url": "http://127.0.0.1:9/routing/v1",
        "routing_token_url": "http://127.0.0.1:9/token",
        "routing_client_id": "quota",
        "routing_client_secret": "quota-of-the-tests",
        **changes,
    }


def settings_of(database: TestDatabase, **changes: Json) -> Settings:
    """Return the settings of a test service."""
    return Settings(**given_settings(database, **changes))


def environment_of(database: TestDatabase, **changes: Json) -> dict[str, str]:
    """Return the environment of the service's own command line: all that it is told, no more."""
    settings = given_settings(database, **changes)
    return {f"QUOTA_{name.upper()}": str(value) for name, value in settings.items()}


@contextlib.asynccontextmanager
async def running_ledger(database: TestDatabase, **changes: Json) -> AsyncIterator[Ledger]:
    """Run the service on a database inside the block; `changes` are settings."""
    issuer, clock = TestIssuer(), Clock(NOW)
    app = create_app(settings_of(database, **changes), clock=clock, keys=issuer)
    async with app.router.lifespan_context(app):
        transport = ASGITransport(app=app)
        async with AsyncClient(transport=transport, base_url="http://quota.test") as client:
            yield Ledger(app, client, issuer=issuer, database=database, clock=clock)
