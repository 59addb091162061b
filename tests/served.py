"""A service in this process, whichever it is: its clock, its callers, its database."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

import asyncpg
import msgspec
from fastapi import FastAPI
from httpx import AsyncClient, Response

from kuntavayla.testing import TestDatabase, TestIssuer

OFFICIAL = "sotkamo:u-1042; role=caseworker; municipality=765"
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

    def pass_days(self, days: int) -> None:
        self.now += timedelta(days=days)


class ServiceCaller:
    """One organisation's HTTP client; `prefix` is the service's."""

    prefix: ClassVar[str]

    def __init__(self, client: AsyncClient, authorization: str) -> None:
        self._client = client
        self._headers = {"Authorization": authorization}

    async def get(self, path: str, **options: Json) -> Response:
        headers = {**self._headers, **options.pop("headers", {})}
        return await self._client.get(f"{self.prefix}{path}", headers=headers, **options)

    async def post(self, path: str, body: Json, **options: Json) -> Response:
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            **options.pop("headers", {}),
        }
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._client.post(
            f"{self.prefix}{path}", content=content, headers=headers, **options
        )


class Served:
    """The app under test, its database and its clock."""

    def __init__(
        self,
        app: FastAPI,
        client: AsyncClient,
        *,
        issuer: TestIssuer,
        database: TestDatabase,
        clock: Clock,
    ) -> None:
        self.app = app
        self.client = client
        self.issuer = issuer
        self.database = database
        self.clock = clock

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        [row] = await self.fetch(f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - named by tests
        number: int = row["n"]
        return number

    async def outbox(self, recipient: str = "cs-sotkamo") -> list[Json]:
        """Return what stands in the outbox for a recipient: channel, type and data, in order."""
        rows = await self.fetch(
            "SELECT channel, body FROM outbox WHERE recipient = $1 ORDER BY position", recipient
        )
        events = [(row["channel"], msgspec.json.decode(row["body"])) for row in rows]
        return [(channel, kind_of(event), event["data"]) for channel, event in events]

    async def fetch(self, sql: str, *arguments: Json) -> list[Any]:
        """Ask the database itself, as its owner."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows
        finally:
            await connection.close()


def kind_of(event: Json) -> str:
    """Return the type of an event without its prefix and version: `client.transferred`."""
    name: str = event["type"].removeprefix("fi.kuntavayla.").rpartition(".")[0]
    return name
