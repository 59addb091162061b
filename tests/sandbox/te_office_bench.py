"""The receivers over a real database and real HTTP, and whoever delivers to them."""

import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from starlette.applications import Starlette

from kuntavayla.database.preparing import prepare_database
from kuntavayla_sandbox import issuer
from kuntavayla_sandbox.calls import Credentials, Tokens, credentials_of
from kuntavayla_sandbox.certificates import Trust
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.conformance.samples import (
    Document,
    Samples,
    TestClient,
    bytes_of,
    digest_of,
)
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from kuntavayla_sandbox.te_office.configuration import Configuration, Issuer
from kuntavayla_sandbox.te_office.running import CuttableProtocol, open_receivers
from kuntavayla_sandbox.te_office.starting import SENDERS, offices, secured_by
from kuntavayla_sandbox.te_office.tables import ROLE, create_tables

OPENING = datetime(2021, 3, 24, 6, 0, tzinfo=UTC)
RECEIVER, NEIGHBOUR = "te-kainuu", "te-lappi"
BY_CERTIFICATE, BY_X_ROAD = "te-hame", "te-satakunta"
NOWHERE = "http://127.0.0.1:9"
AINO = TestClient(
    client_id="0177ec61-3ab9-7893-923f-0824128b2f33",
    source_system="ura",
    client_number="URA-C-0088123",
    unknown_number="UNKNOWN-1",
)
IDENTITIES = tuple(
    Identity(name, name, (role,), f"{name}-id", f"{name}-secret")
    for name, role in (
        ("statement-relay", "service"),
        ("cs-sotkamo", "case_system"),
        (RECEIVER, "te"),
        (NEIGHBOUR, "te"),
        (BY_CERTIFICATE, "te"),
        (BY_X_ROAD, "te"),
    )
)
SCOPES: dict[str, tuple[str, ...]] = dict.fromkeys(("service", "case_system", "te"), ())


@dataclass(kw_only=True)
class Bench:
    """A running simulator, its sender's token, and samples of a client."""

    client: httpx.AsyncClient
    url: str
    secured_url: str
    tokens: dict[str, str]
    database_url: str
    relay_url: str
    relay: Credentials
    samples: Samples = field(default_factory=lambda: Samples(AINO))

    @property
    def receiver_url(self) -> str:
        return f"{self.url}/{RECEIVER}"

    async def set_knobs(self, receiver_id: str = RECEIVER, **knobs: object) -> None:
        answer = await self.client.put(f"{self.url}/knobs/{receiver_id}", json=knobs)
        assert answer.status_code == 200, answer.text

    async def put(
        self, item: Document, *, receiver_id: str = RECEIVER, **headers: str
    ) -> httpx.Response:
        body = bytes_of(item)
        return await self.client.put(
            f"{self.url}/{receiver_id}/statement-information/{item['information_id']}",
            content=body,
            headers={
                "Authorization": f"Bearer {self.tokens['statement-relay']}",
                "Content-Type": "application/json",
                "Content-Digest": digest_of(body),
                "Idempotency-Key": f'"{item["information_id"]}"',
                **headers,
            },
        )

    async def held(self, receiver_id: str = RECEIVER, **query: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{self.url}/held/{receiver_id}", params=query)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def day(self, on: str, **query: str) -> httpx.Response:
        return await self.client.get(
            f"{self.receiver_url}/statement-information",
            params={"received_on": on, **query},
            headers={"Authorization": f"Bearer {self.tokens['statement-relay']}"},
        )


@asynccontextmanager
async def te_office_database(server_url: str) -> AsyncIterator[str]:
    """Give the address of a new database of the receivers; it is dropped at the end."""
    name = f"kv_te_offices_{os.getpid()}_{os.urandom(4).hex()}"
    owner_url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    await prepare_database(server_url, database=name, role=ROLE)
    await create_tables(owner_url)
    yield owner_url
    connection = await asyncpg.connect(server_url)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@asynccontextmanager
async def running_bench(
    database_url: str, *, relay_url: str = NOWHERE, trust: Trust | None = None
) -> AsyncIterator[Bench]:
    """Serve the receivers and an issuer inside the block; with `trust` by TLS as well."""
    async with AsyncExitStack() as opened:
        sockets = [opened.enter_context(bind_loopback()) for _ in range(3)]
        issuer_url, url, _ = map(address_of, sockets)
        tokens_app = _issuer_app(issuer_url)
        await opened.enter_async_context(served_here(tokens_app, listening=sockets[0]))
        token_url = f"{issuer_url}/token"
        configuration = Configuration(
            relay_url=relay_url,
            database_url=database_url,
            clock=LegalClock(OPENING, datetime.now(UTC)),  # noqa: TID251 - the clock of a process
            issuer=Issuer(
                issuer=issuer_url,
                audience=issuer.AUDIENCE,
                keys_url=f"{issuer_url}/jwks.json",
                senders=SENDERS,
            ),
            offices=offices(IDENTITIES[2:], token_url=token_url),
            secured=None if trust is None else secured_by(trust),
        )
        await opened.enter_async_context(_receiving(configuration, sockets[1:]))
        client = await opened.enter_async_context(httpx.AsyncClient(timeout=30))
        tokens = {
            each.name: await Tokens(client, credentials_of(each, token_url=token_url))()
            for each in IDENTITIES
        }
        yield Bench(
            client=client,
            url=url,
            tokens=tokens,
            database_url=database_url,
            relay_url=relay_url,
            secured_url=address_of(sockets[2], scheme="https"),
            relay=credentials_of(IDENTITIES[0], token_url=token_url),
        )


@asynccontextmanager
async def _receiving(
    configuration: Configuration, listening: Sequence[socket.socket]
) -> AsyncIterator[None]:
    """Serve the receivers on the first socket and, where it is asked for, by TLS on the second."""
    async with AsyncExitStack() as opened:
        served = await opened.enter_async_context(open_receivers(configuration))
        secured = configuration.secured
        parts: list[tuple[Starlette, socket.socket, Trust | None]] = [
            (served.plain, listening[0], None)
        ]
        if served.secured is not None and secured is not None:
            parts.append((served.secured, listening[1], secured.trust))
        for app, where, tls in parts:
            await opened.enter_async_context(
                served_here(app, listening=where, http=CuttableProtocol, tls=tls)
            )
        yield


def _issuer_app(url: str) -> Starlette:
    return issuer.create_app(
        issuer.Issuer(
            IDENTITIES,
            issuer=url,
            signing_key=issuer.make_signing_key(),
            scopes=SCOPES,
        )
    )
