"""A statement-relay in this process, spoken to over HTTP by callers with real tokens."""

import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from kuntavayla.testing import TestDatabase, TestIssuer
from kuntavayla.testing.tokens import AUDIENCE, ISSUER
from statement_relay.app import create_app
from statement_relay.settings import Settings

NOW = datetime(2021, 3, 24, 11, 40, 2, tzinfo=UTC)
Json = Any
"""What JSON holds, or an option of the client: of any type, and looked at by the test alone."""


class Clock:
    """A legal clock that stands where a test puts it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        """Pass a millisecond, so that the next ids come after those before."""
        self.now += timedelta(milliseconds=1)

    def pass_hours(self, hours: int) -> None:
        self.now += timedelta(hours=hours)


class Caller:
    """One organisation's HTTP client."""

    def __init__(self, client: AsyncClient, authorization: str) -> None:
        self._client = client
        self._headers = {"Authorization": authorization}

    async def get(self, path: str, **options: Json) -> Response:
        headers = {**self._headers, **options.pop("headers", {})}
        return await self._client.get(f"/relay/v1{path}", headers=headers, **options)

    async def post(self, path: str, body: Json, **options: Json) -> Response:
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            **options.pop("headers", {}),
        }
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._client.post(
            f"/relay/v1{path}", content=content, headers=headers, **options
        )


class Relay:
    """The app under test, its database, its clock, and callers by name."""

    def __init__(
        self, app: FastAPI, client: AsyncClient, *, issuer: TestIssuer, database: TestDatabase
    ) -> None:
        self.app = app
        self.client = client
        self.issuer = issuer
        self.database = database
        self.clock = Clock(NOW)

    def caller(self, organisation: str, *scopes: str) -> Caller:
        return Caller(self.client, self.issuer.authorization(organisation, *scopes))

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        [row] = await self.fetch(f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - named by tests
        number: int = row["n"]
        return number

    async def fetch(self, sql: str, *arguments: Json) -> list[Any]:
        """Ask the database itself, as its owner."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows
        finally:
            await connection.close()


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
        **changes,
    }


def settings_of(database: TestDatabase, **changes: Json) -> Settings:
    """Return the settings of a test service."""
    return Settings(**given_settings(database, **changes))


@contextlib.asynccontextmanager
async def running_relay(database: TestDatabase, **changes: Json) -> AsyncIterator[Relay]:
    """Run the service on a database inside the block; `changes` are settings."""
    issuer, clock = TestIssuer(), Clock(NOW)
    app = create_app(settings_of(database, **changes), clock=clock, keys=issuer)
    async with app.router.lifespan_context(app):
        transport = ASGITransport(app=app)
        async with AsyncClient(transport=transport, base_url="http://relay.test") as client:
            relay = Relay(app, client, issuer=issuer, database=database)
            relay.clock = clock
            yield relay
