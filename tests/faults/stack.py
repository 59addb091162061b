"""Everything that a fault test needs to run: routing-api and case systems on a site of theirs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from kuntavayla.events import sequence_text
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.case_systems.tables import ROLE as CASE_SYSTEMS_ROLE
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from tests.faults import seals
from tests.faults.postgres import CASE_SYSTEMS, ROUTING, Postgres
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.processes import Managed, Program
from tests.faults.postgres import ROUTING
from tests.faults.routing_process import Start
from tests.faults.site import SYSTEMS, Site, clock_from_now
from tests.faults.waiting import plain, until

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

    def __init__(self, site: Site) -> None:
        self.postgres = site.postgres
        self.routing = site.routing
        self.case_systems = site.case_systems
        self.routing_url = site.routing_url
        self.token_url = site.token_url
        self.identities = tuple(site.identities.values())
        self.authorizations = site.authorizations()
        self.settings = site.settings()
        self._clock = clock_from_now()

    @property
    def logs(self) -> Path:
        """Return the folder in which the processes of all stacks log."""
        return self.routing.program.log_file.parent

    @asynccontextmanager
    async def client(self, organisation: str = "te-national") -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token."""
        headers = {"Authorization": self.authorizations[organisation]}
        async with httpx.AsyncClient(
            base_url=self.routing_url, headers=headers, timeout=ANSWER_S_MAX, verify=plain()
        ) as client:
            yield client

    def start(self) -> bytes:
        """Return the configuration of routing-api."""
        return msgspec.json.encode(Start(self.settings, self._clock))

    async def reconfigure(self, **changes: str) -> None:
        """Let routing-api begin anew with other settings."""
        self.settings |= changes
        self.routing.configuration = self.start()
        self.routing.kill()
        await self.routing.ready()

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
        "audit_signing_key": f"{seals.KEY_ID}:{base64.b64encode(seals.SECRET).decode()}",
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
            clock=LegalClock(DAY_ONE, _now()),
            work=Work.ALL,
            endpoints=endpoints,
        )
    )


@asynccontextmanager
async def running_stack(site: Site) -> AsyncIterator[Stack]:
    """Run everything inside the block, on fresh databases."""
    await site.postgres.make_databases()
    stack = Stack(site)
    async with (
        stack.routing.running(stack.start()),
        stack.case_systems.running(site.configuration()),
    ):
        await stack.routing.ready()
        await stack.case_systems.ready()
        yield stack


def decode(answer: httpx.Response) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what an answer holds."""
    return json.loads(answer.content)
