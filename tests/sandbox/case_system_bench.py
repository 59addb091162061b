"""One case system over a real database, and a routing-api that answers as it is told."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx

from kuntavayla.database import Pool, open_pool
from kuntavayla.database.preparing import prepare_database
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.configuration import Endpoint, Work
from kuntavayla_sandbox.case_systems.fleet import Fleet, working
from kuntavayla_sandbox.case_systems.store import HeldClient
from kuntavayla_sandbox.case_systems.tables import ROLE, create_tables
from kuntavayla_sandbox.case_systems.worker import CaseSystem, Shared

NOW = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)
PATIENCE_S = 30


@asynccontextmanager
async def case_systems_pool(server_url: str) -> AsyncIterator[Pool]:
    """Give a pool on a new database of the case systems; it is dropped at the end."""
    name = f"kv_case_systems_{os.getpid()}_{os.urandom(4).hex()}"
    owner_url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    await prepare_database(server_url, database=name, role=ROLE)
    await create_tables(owner_url)
    pool = await open_pool(owner_url, connections_max=8)
    yield pool
    await pool.close()
    connection = await asyncpg.connect(server_url)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


def transfer_id(number: int) -> str:
    return str(UUID(int=number))


def event(kind: str, number: int, *, position: int, **more: object) -> dict[str, object]:
    data = {
        "transfer_id": transfer_id(number),
        "client_id": str(UUID(int=1_000_000 + number)),
        "clienthood_version": 1,
        "municipality_code": "765",
        "effective_on": "2021-03-01",
        **more,
    }
    return {
        "id": str(position),
        "type": f"fi.kuntavayla.client.{kind}.v1",
        "subject": data["client_id"],
        "time": "2021-03-01T06:00:00.000Z",
        "sequence": f"000001.{position:018d}",
        "data": data,
    }


class Routing:
    """Routing-api as far as a case system sees it: feeds by path, persons, acknowledgements."""

    def __init__(self) -> None:
        self.feeds: dict[str, list[dict[str, object]]] = {"/events": [], "/events/restricted": []}
        self.fetched: list[str] = []
        self.acknowledged: list[str] = []
        self.refused: set[str] = set()
        self.away_times = 0
        self.kept_from = 0
        self.snapshot: list[dict[str, object]] = []
        self.snapshots = 0
        self.feed_cursor: str | None = None

    def add(self, *events: dict[str, object], path: str = "/events") -> None:
        self.feeds[path].extend(events)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        if path in self.feeds:
            return await self.feed(path, request.url.params["after"])
        if self.away_times:
            self.away_times -= 1
            return httpx.Response(503, headers={"Retry-After": "0"})
        if path == "/persons:fetch":
            return self.fetch(json.loads(request.content)["transfer_ids"])
        if path == "/clienthoods":
            return self.page(request.url.params.get("after"))
        assert path == "/transfers:acknowledge"
        return self.acknowledge(json.loads(request.content)["items"])

    async def feed(self, path: str, after: str) -> httpx.Response:
        if after == self.feed_cursor:
            after = str(len(self.feeds[path]))
        start = self.kept_from if after == "earliest" else int(after)
        if start < self.kept_from:
            return httpx.Response(410, json={"code": "cursor_expired"})
        events = self.feeds[path][start : start + 1000]
        if not events:
            await asyncio.sleep(0.02)
        headers = {"Next-Cursor": str(start + len(events))}
        return httpx.Response(200, json=events, headers=headers)

    def page(self, after: str | None) -> httpx.Response:
        """Return the snapshot in pages of one client each."""
        at = 0 if after is None else int(after)
        self.snapshots += at == 0
        rest = len(self.snapshot) - at - 1
        page = {
            "items": self.snapshot[at : at + 1],
            "next_cursor": str(at + 1) if rest > 0 else None,
            "feed_cursor": self.feed_cursor or str(self.kept_from + (at > 0)),
        }
        return httpx.Response(200, json=page)

    def fetch(self, wanted: list[str]) -> httpx.Response:
        self.fetched += wanted
        return httpx.Response(200, json={"items": [self.person(each) for each in wanted]})

    def person(self, wanted: str) -> dict[str, object]:
        if wanted in self.refused:
            problem = {"status": 404, "code": "transfer_not_found"}
            return {"transfer_id": wanted, "result": "refused", "problem": problem}
        person = {"identity_code": f"code-{UUID(wanted).int}", "family_name": "Esimerkki"}
        return {
            "transfer_id": wanted,
            "result": "disclosed",
            "person": person,
            "source_client_number": "URA-C-1",
            "a_later_field": None,
        }

    def acknowledge(self, items: list[dict[str, str]]) -> httpx.Response:
        ids = [item["transfer_id"] for item in items]
        self.acknowledged += ids
        answers = [{"transfer_id": each, "result": "done", "state": "acknowledged"} for each in ids]
        return httpx.Response(200, json={"items": answers})


class Bench:
    """One case system over a database of its own name and a routing-api that answers as told."""

    def __init__(self, pool: Pool, name: str, *, work: Work = Work.ALL) -> None:
        self.pool = pool
        self.name = name
        self.work = work
        self.routing = Routing()
        self.kafka: KafkaConnection | None = None

    def system(self, client: httpx.AsyncClient) -> CaseSystem:
        shared = Shared(
            pool=self.pool,
            routing_url="http://routing.test",
            clock=lambda: NOW,
            work=self.work,
            calls_in_flight=asyncio.Semaphore(4),
            kafka=self.kafka,
        )
        endpoint = Endpoint(
            case_system_id=self.name,
            municipality_code="765",
            contact_point="sotkamo",
            credentials=Credentials("http://routing.test/token", self.name, "secret"),
        )
        return CaseSystem(endpoint, shared, client=client)

    async def held(self) -> list[HeldClient]:
        async with self.pool.acquire() as connection:
            return await store.list_clients(connection, self.name, after=transfer_id(0), limit=1000)

    async def work_until(self, is_reached: Callable[[list[HeldClient]], bool]) -> list[HeldClient]:
        transport = httpx.MockTransport(self.routing)
        async with httpx.AsyncClient(transport=transport) as client:
            fleet = Fleet(self.pool, [self.system(client)])
            async with asyncio.timeout(PATIENCE_S), working(fleet):
                # What is waited for happens in the database, which tells nobody.
                while not is_reached(held := await self.held()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        return held


def listed(number: int, *, state: str, notice: str = "due") -> dict[str, object]:
    """Return a client as the snapshot lists it."""
    return {
        "transfer_id": transfer_id(number),
        "client_id": str(UUID(int=1_000_000 + number)),
        "clienthood_version": 1,
        "municipality_code": "765",
        "valid_from": "2021-03-01",
        "transfer_state": state,
        "notice_state": notice,
        "a_later_field": None,
    }


def states(held: list[HeldClient]) -> list[str]:
    return [client.state for client in held]


def all_are(state: str, *, count: int) -> Callable[[list[HeldClient]], bool]:
    return lambda held: states(held) == [state] * count
