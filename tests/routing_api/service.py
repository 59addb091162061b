"""A routing-api in this process, spoken to over HTTP by callers with real tokens."""

import base64
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from httpx import ASGITransport, AsyncClient, Response

from kuntavayla.testing import TestDatabase, TestIssuer
from kuntavayla.testing.tokens import AUDIENCE, ISSUER
from kuntavayla.values.officials import ActingOfficial
from routing_api.app import create_app
from routing_api.operations.registers import confirm_memberships
from routing_api.routes.desk import Desk
from routing_api.settings import Settings
from tests.builders import ndjson
from tests.served import Clock, Json, Served, ServiceCaller

DAY_ONE = datetime(2021, 3, 1, 6, 2, 11, 4_000, tzinfo=UTC)
TE_SCOPES = [
    "registrations.write",
    "registrations.read",
    "decisions.read",
    "reviews.read",
    "reviews.write",
    "clients.read",
    "transfers.read",
    "notices.write",
    "events.read",
    "events.restricted",
    "register.read",
    "redeliveries.read",
    "redeliveries.write",
]
CASE_SYSTEM_SCOPES = [
    "clients.read",
    "clienthoods.read",
    "transfers.read",
    "transfers.write",
    "persons.read",
    "events.read",
    "events.restricted",
    "register.read",
    "redeliveries.read",
    "redeliveries.write",
    "reconciliations.read",
    "reconciliations.write",
]
OPERATOR_SCOPES = [
    "registrations.read",
    "decisions.read",
    "reviews.read",
    "reviews.write",
    "transfers.read",
    "register.read",
    "rule-sets.read",
    "audit.read",
    "disclosures.read",
    "status.read",
    "parked-messages.read",
    "parked-messages.write",
    "consumers.write",
    "events.restricted",
    "recipients.read",
    "recipients.write",
    "redeliveries.read",
    "redeliveries.write",
    "reconciliations.read",
]
_keys = itertools.count(1)


class Caller(ServiceCaller):
    """One organisation's HTTP client."""

    prefix = "/routing/v1"

    async def register(self, registration: Json, *, key: str | None = None) -> Response:
        """Send one registration, under a key of its own unless one is given."""
        headers = {"Idempotency-Key": key or f"key-{next(_keys)}"}
        return await self.post("/registrations", registration, headers=headers)

    async def registered(self, registration: Json) -> Json:
        """Send one registration that is taken, and return its decision."""
        answer = await self.register(registration)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return answer.json()

    async def bulk(self, body: bytes, **options: Json) -> Response:
        """Send the bytes of a bulk call."""
        headers = {"Content-Type": "application/x-ndjson", **options.pop("headers", {})}
        return await self.post("/registrations:bulk", body, headers=headers, **options)

    async def register_many(self, *registrations: Json) -> list[Any]:
        """Send a bulk call and return its lines, decoded."""
        answer = await self.bulk(ndjson(*registrations))
        assert answer.status_code == httpx.codes.OK, answer.text
        return msgspec.json.Decoder().decode_lines(answer.content)

    async def fetched(self, *transfer_ids: str, municipality: str = "765") -> list[Json]:
        """Fetch persons by transfer, as an import of a municipality, and return the items."""
        answer = await self.post(
            "/persons:fetch",
            {
                "purpose": "client_service",
                "acting_official": {
                    "official_id": "system",
                    "role": "import",
                    "municipality_code": municipality,
                },
                "transfer_ids": transfer_ids,
            },
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def events(self, *, channel: str = "common", after: str = "earliest") -> list[Any]:
        """Return the caller's events of a feed."""
        path = "/events" if channel == "common" else "/events/restricted"
        answer = await self.get(path, params={"after": after})
        assert answer.status_code == httpx.codes.OK, answer.text
        events: list[Any] = answer.json()
        return events


class Routing(Served):
    """The app under test, its database, its clock, and callers by name."""

    def caller(self, organisation: str, *scopes: str) -> Caller:
        return Caller(self.client, self.issuer.authorization(organisation, *scopes))

    def office(self, code: str = "te-kainuu") -> Caller:
        return self.caller(code, *TE_SCOPES)

    @property
    def national(self) -> Caller:
        return self.caller("te-national", *TE_SCOPES)

    def case_system(self, case_system_id: str = "cs-sotkamo") -> Caller:
        return self.caller(case_system_id, *CASE_SYSTEM_SCOPES)

    @property
    def operator(self) -> Caller:
        return self.caller("operator", *OPERATOR_SCOPES)

    async def confirm_memberships(self) -> Sequence[str]:
        """Confirm what the register has unconfirmed, as the command line does."""
        desk: Desk = self.app.state.desk
        async with desk.transaction() as connection:
            return await confirm_memberships(
                connection,
                desk.law.registers,
                official=ActingOfficial(official_id="operator:u-1", role="operator"),
                organisation="operator",
                reason="confirmed for the test",
                moment=desk.moment(),
            )


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
        "identity_keys": f"k1:{key}",
        "lookup_key_a": key,
        "lookup_key_b": base64.b64encode(bytes(range(1, 33))).decode(),
        "fingerprint_key": base64.b64encode(bytes(range(2, 34))).decode(),
        "audit_signing_key": f"s1:{key}",
        "is_test_code_allowed": True,
        **changes,
    }


def settings_of(database: TestDatabase, **changes: Json) -> Settings:
    """Return the settings of a test service."""
    return Settings(**given_settings(database, **changes))


def environment_of(database: TestDatabase, **changes: Json) -> dict[str, str]:
    """Return the environment of the service's own command line: all that it is told, no more."""
    settings = given_settings(database, **changes)
    return {f"ROUTING_{name.upper()}": str(value) for name, value in settings.items()}


@contextlib.asynccontextmanager
async def running_routing(database: TestDatabase, **changes: Json) -> AsyncIterator[Routing]:
    """Run the service on a database inside the block; `changes` are settings."""
    issuer, clock = TestIssuer(), Clock(DAY_ONE)
    app = create_app(settings_of(database, **changes), clock=clock, keys=issuer)
    async with app.router.lifespan_context(app):
        transport = ASGITransport(app=app)
        async with AsyncClient(transport=transport, base_url="http://routing.test") as client:
            yield Routing(app, client, issuer=issuer, database=database, clock=clock)
