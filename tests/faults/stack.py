"""Everything that a fault test needs to run: server, issuer, routing-api, case systems."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from kuntavayla.events import sequence_text
from kuntavayla.register import load_register
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems.configuration import Configuration, Endpoint, Work
from kuntavayla_sandbox.case_systems.tables import ROLE as CASE_SYSTEMS_ROLE
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from tests.faults.postgres import CASE_SYSTEMS, ROUTING, Postgres
from tests.faults.processes import Managed, Program
from tests.faults.routing_process import Start
from tests.faults.waiting import until

DAY_ONE = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)
SYSTEMS = ("cs-sotkamo", "cs-kajaani", "cs-kuhmo", "cs-tampere", "cs-oulu", "cs-pirkanmaa")
"""The case systems of the simulator here; fewer than in the sandbox, so that it starts quickly."""
ANSWER_S_MAX = 15
EPOCH = 1
"""Nothing is restored from a backup here."""
LEFT = """
SELECT count(*) FROM clients
WHERE fetched_revision < revision OR state NOT IN ('acknowledged', 'ended')
"""
LAST_EVENTS = """
SELECT recipient, channel, max(position) AS position FROM outbox
WHERE recipient = ANY($1::text[]) GROUP BY recipient, channel
"""
POSITIONS = "SELECT consumer, stream, sequence FROM inbox_positions"


class Stack:
    """The parts, and who calls."""

    def __init__(
        self, postgres: Postgres, routing: Managed, case_systems: Managed, *, routing_url: str
    ) -> None:
        self.postgres = postgres
        self.routing = routing
        self.case_systems = case_systems
        self.routing_url = routing_url
        self.authorizations: dict[str, str] = {}

    @asynccontextmanager
    async def client(self, organisation: str = "te-national") -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token."""
        headers = {"Authorization": self.authorizations[organisation]}
        async with httpx.AsyncClient(
            base_url=self.routing_url, headers=headers, timeout=ANSWER_S_MAX
        ) as client:
            yield client

    async def drained(self, *, within_s: float) -> None:
        """Return when the case systems have read every event and done all that follows from it."""
        await until(self._is_drained, within_s=within_s, poll_s=0.1)

    async def _is_drained(self) -> bool:
        last = {
            (row["recipient"], f"routing-api/{row['channel']}"): sequence_text(
                EPOCH, row["position"]
            )
            for row in await self.postgres.fetch(ROUTING, LAST_EVENTS, list(SYSTEMS))
        }
        read = {
            (row["consumer"], row["stream"]): row["sequence"]
            for row in await self.postgres.fetch(CASE_SYSTEMS, POSITIONS)
        }
        return (
            all(read.get(stream) == sequence for stream, sequence in last.items())
            and await self.postgres.count(CASE_SYSTEMS, LEFT) == 0
        )


def _key(first: int) -> str:
    return base64.b64encode(bytes(range(first, first + 32))).decode()


def _settings(postgres: Postgres, *, issuer_url: str, port: int) -> dict[str, str | int | bool]:
    return {
        "database_url": postgres.server.url(ROUTING, role="routing_api"),
        "token_issuer": issuer_url,
        "token_audience": AUDIENCE,
        "token_jwks_url": f"{issuer_url}/jwks.json",
        "listen_port": port,
        "metrics_port": 0,
        "identity_keys": f"k1:{_key(0)}",
        "lookup_key_a": _key(0),
        "lookup_key_b": _key(1),
        "fingerprint_key": _key(2),
        "is_test_code_allowed": True,
    }


def _identities() -> dict[str, Identity]:
    roles = {"te-national": "te", "te-kainuu": "te", **dict.fromkeys(SYSTEMS, "case_system")}
    return {
        name: Identity(name, name, (role,), name, f"secret-{name}") for name, role in roles.items()
    }


def _configuration(
    postgres: Postgres, identities: Mapping[str, Identity], *, routing_url: str, token_url: str
) -> bytes:
    register = load_register()
    systems = {system.case_system_id: system for system in register.case_systems(on=DAY_ONE.date())}
    endpoints = tuple(
        Endpoint(
            case_system_id=name,
            municipality_code=systems[name].municipality_codes(on=DAY_ONE.date())[0],
            contact_point=systems[name].contact_point,
            credentials=credentials_of(identities[name], token_url=token_url),
        )
        for name in SYSTEMS
    )
    return msgspec.json.encode(
        Configuration(
            routing_url=routing_url,
            database_url=postgres.server.url(CASE_SYSTEMS, role=CASE_SYSTEMS_ROLE),
            clock=LegalClock(DAY_ONE, datetime.now(UTC)),
            work=Work.ALL,
            endpoints=endpoints,
        )
    )


@asynccontextmanager
async def running_stack(postgres: Postgres, logs: Path) -> AsyncIterator[Stack]:
    """Run everything inside the block, on fresh databases."""
    await postgres.make_databases()
    identities = _identities()
    async with AsyncExitStack() as opened:
        sockets = [opened.enter_context(bind_loopback()) for _ in range(3)]
        issuer_url, routing_at, _ = (address_of(each) for each in sockets)
        issuer = Issuer(
            identities.values(),
            issuer=issuer_url,
            signing_key=make_signing_key(),
            scopes=load_scopes(on=DAY_ONE.date()),
        )
        await opened.enter_async_context(served_here(create_issuer(issuer), listening=sockets[0]))
        routing_url, token_url = f"{routing_at}/routing/v1", f"{issuer_url}/token"
        settings = _settings(postgres, issuer_url=issuer_url, port=sockets[1].getsockname()[1])
        start = msgspec.json.encode(Start(settings, LegalClock(DAY_ONE, datetime.now(UTC))))
        configuration = _configuration(
            postgres, identities, routing_url=routing_url, token_url=token_url
        )
        stack = Stack(
            postgres,
            Managed(
                Program(
                    module="tests.faults.routing_process",
                    configuration=start,
                    ready_url=f"{routing_url}/readyz",
                    log_file=logs / "routing-api.log",
                )
            ),
            Managed(
                Program(
                    module="kuntavayla_sandbox.case_systems",
                    configuration=configuration,
                    ready_url=f"{address_of(sockets[2])}/livez",
                    log_file=logs / "case-systems.log",
                    listening=sockets[2],
                )
            ),
            routing_url=routing_url,
        )
        for name, identity in identities.items():
            token = issuer.token(identity, scopes=issuer.scopes_of(identity), now=datetime.now(UTC))
            stack.authorizations[name] = f"Bearer {token}"
        for managed in (stack.routing, stack.case_systems):
            opened.push_async_callback(managed.stop)
            await managed.start()
        await stack.routing.ready()
        await stack.case_systems.ready()
        yield stack


def decode(answer: httpx.Response) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what an answer holds."""
    return json.loads(answer.content)
