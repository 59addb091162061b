"""Everything that a fault test needs to run: server, issuer, routing-api, case systems."""

import base64
import json
import socket
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import structs

from kuntavayla.events import sequence_text
from kuntavayla.register import load_register
from kuntavayla_sandbox.broker.configuring import free_port
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems.configuration import Configuration, Endpoint, Work
from kuntavayla_sandbox.case_systems.tables import ROLE as CASE_SYSTEMS_ROLE
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from tests.faults import seals
from tests.faults.broker import FaultyBroker
from tests.faults.postgres import CASE_SYSTEMS, ROUTING, Postgres
from tests.faults.processes import Managed, Program
from tests.faults.routing_process import Start
from tests.faults.waiting import until

DAY_ONE = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)
SYSTEMS = ("cs-sotkamo", "cs-kajaani", "cs-kuhmo", "cs-tampere", "cs-oulu", "cs-pirkanmaa")
"""The case systems of the simulator here; fewer than in the sandbox, so that it starts quickly."""
PREFIX = "/routing/v1"
PARTITIONS = 6
"""Of every topic; a record's is the CRC-32 of its key, as docs/consumers.md says."""
ANSWER_S_MAX = 15
EPOCH = 1
"""Nothing is restored from a backup here."""
LEFT = """
SELECT count(*) FROM clients
WHERE fetched_revision < revision OR state NOT IN ('acknowledged', 'ended')
"""
LAST_EVENTS = """
SELECT recipient, channel, convert_from(body, 'UTF8')::json ->> 'partitionkey' AS key,
       max(position) AS position
FROM outbox WHERE recipient = ANY($1::text[]) GROUP BY 1, 2, 3
"""
POSITIONS = "SELECT consumer, stream, sequence FROM inbox_positions"
PUBLISHED = "SELECT position FROM outbox_publisher"
HEAD = "SELECT position FROM outbox_head"
IS_PUBLISHER = "kuntavayla_outbox_is_publisher 1.0"


class Stack:
    """The parts, and who calls."""

    def __init__(
        self, postgres: Postgres, routing: Managed, case_systems: Managed, *, routing_url: str
    ) -> None:
        self.postgres = postgres
        self.routing = routing
        self.case_systems = case_systems
        self.routing_url = routing_url
        self.broker: FaultyBroker | None = None
        self.peer: Managed | None = None
        self.peer_url = routing_url
        self.metrics_ports: dict[Managed, int] = {}
        self.authorizations: dict[str, str] = {}
        self.token_url = ""
        self.identities: tuple[Identity, ...] = ()
        self.settings: dict[str, str | int | bool] = {}

    @asynccontextmanager
    async def client(
        self, organisation: str = "te-national", *, number: int = 0
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token; odd numbers speak to the peer."""
        headers = {"Authorization": self.authorizations[organisation]}
        url = self.peer_url if number % 2 else self.routing_url
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_S_MAX) as client:
            yield client

    async def publisher(self) -> Managed | None:
        """Return the process that says that it publishes; None between two."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX) as client:
            for managed, port in self.metrics_ports.items():
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/metrics")
                except httpx.TransportError:
                    continue
                if IS_PUBLISHER in answer.text:
                    return managed
        return None

    async def reconfigure(self, **changes: str) -> None:
        """Let routing-api begin anew with other settings."""
        start = msgspec.json.decode(self.routing.program.configuration, type=Start)
        self.settings = start.settings | changes
        configuration = msgspec.json.encode(structs.replace(start, settings=self.settings))
        self.routing.program = structs.replace(self.routing.program, configuration=configuration)
        self.routing.kill()
        await self.routing.ready()

    async def drained(self, *, within_s: float) -> None:
        """Return when the case systems have read every event and done all that follows from it."""
        await until(self._is_drained, within_s=within_s, poll_s=0.1)

    async def _is_drained(self) -> bool:
        last: dict[tuple[str, str], int] = {}
        for row in await self.postgres.fetch(ROUTING, LAST_EVENTS, list(SYSTEMS)):
            place = (row["recipient"], self._stream_of(row))
            last[place] = max(last.get(place, 0), row["position"])
        read = {
            (row["consumer"], row["stream"]): row["sequence"]
            for row in await self.postgres.fetch(CASE_SYSTEMS, POSITIONS)
        }
        return (
            all(
                read.get(place) == sequence_text(EPOCH, position)
                for place, position in last.items()
            )
            and await self.postgres.count(CASE_SYSTEMS, LEFT) == 0
            and await self._is_published()
        )

    def _stream_of(self, row: Any) -> str:  # noqa: ANN401 - a record
        if self.broker is None or row["channel"] == "restricted":
            return f"routing-api/{row['channel']}"
        partition = zlib.crc32(row["key"].encode()) % PARTITIONS
        return f"kv.routing-api.{row['recipient']}.v1/{partition}"

    async def _is_published(self) -> bool:
        if self.broker is None:
            return True
        head = await self.postgres.count(ROUTING, HEAD)
        return await self.postgres.count(ROUTING, PUBLISHED) == head


def _key(first: int) -> str:
    return base64.b64encode(bytes(range(first, first + 32))).decode()


def _settings(postgres: Postgres, *, issuer_url: str) -> dict[str, str | int | bool]:
    return {
        "database_url": postgres.server.url(ROUTING, role="routing_api"),
        "token_issuer": issuer_url,
        "token_audience": AUDIENCE,
        "token_jwks_url": f"{issuer_url}/jwks.json",
        "metrics_port": 0,
        "identity_keys": f"k1:{_key(0)}",
        "lookup_key_a": _key(0),
        "lookup_key_b": _key(1),
        "fingerprint_key": _key(2),
        "audit_signing_key": f"{seals.KEY_ID}:{base64.b64encode(seals.SECRET).decode()}",
        "is_test_code_allowed": True,
    }


def _over(broker: FaultyBroker | None) -> dict[str, str | int | bool]:
    """Return the settings of the transport; over a broker somebody asks who publishes."""
    if broker is None:
        return {}
    return {
        "transport": "kafka",
        "kafka_bootstrap": broker.connection.bootstrap,
        "kafka_security": "plaintext",
        "metrics_port": free_port(),
    }


def _identities() -> dict[str, Identity]:
    roles = {"te-national": "te", "te-kainuu": "te", **dict.fromkeys(SYSTEMS, "case_system")}
    return {
        name: Identity(name, name, (role,), name, f"secret-{name}") for name, role in roles.items()
    }


def _configuration(
    postgres: Postgres,
    identities: Mapping[str, Identity],
    *,
    routing_url: str,
    token_url: str,
    broker: FaultyBroker | None,
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
            kafka=None if broker is None else broker.connection,
        )
    )


def _routing(
    listening: socket.socket, settings: dict[str, str | int | bool], *, log_file: Path
) -> Program:
    """Return routing-api at the address of a socket that keeps its port free."""
    at = settings | {"listen_port": listening.getsockname()[1]}
    return Program(
        module="tests.faults.routing_process",
        configuration=msgspec.json.encode(Start(at, LegalClock(DAY_ONE, _now()))),
        ready_url=f"{address_of(listening)}{PREFIX}/readyz",
        log_file=log_file,
    )


@asynccontextmanager
async def running_stack(
    postgres: Postgres, logs: Path, *, broker: FaultyBroker | None = None
) -> AsyncIterator[Stack]:
    """Run everything inside the block, on fresh databases; over a broker routing-api twice."""
    await postgres.make_databases()
    identities = _identities()
    async with AsyncExitStack() as opened:
        at_issuer, at_routing, at_systems, at_peer = (
            opened.enter_context(bind_loopback()) for _ in range(4)
        )
        issuer = _issuer(identities, url=address_of(at_issuer))
        await opened.enter_async_context(served_here(create_issuer(issuer), listening=at_issuer))
        routing_url, token_url = (
            f"{address_of(at_routing)}{PREFIX}",
            f"{address_of(at_issuer)}/token",
        )
        settings = _settings(postgres, issuer_url=address_of(at_issuer)) | _over(broker)
        routing = Managed(_routing(at_routing, settings, log_file=logs / "routing-api.log"))
        case_systems = Program(
            module="kuntavayla_sandbox.case_systems",
            configuration=_configuration(
                postgres, identities, routing_url=routing_url, token_url=token_url, broker=broker
            ),
            ready_url=f"{address_of(at_systems)}/livez",
            log_file=logs / "case-systems.log",
            listening=at_systems,
        )
        stack = Stack(postgres, routing, Managed(case_systems), routing_url=routing_url)
        stack.authorizations = _authorizations(identities, issuer)
        stack.token_url, stack.broker = token_url, broker
        stack.settings = settings | {"listen_port": at_routing.getsockname()[1]}
        stack.identities = tuple(identities.values())
        if broker is not None:
            _add_peer(stack, at_peer, settings, log_file=logs / "peer.log")
        await _start(stack, opened)
        yield stack


def _add_peer(
    stack: Stack,
    listening: socket.socket,
    settings: dict[str, str | int | bool],
    *,
    log_file: Path,
) -> None:
    """Add a second routing-api, so that who publishes is elected."""
    metrics_port = free_port()
    peer = settings | {"metrics_port": metrics_port}
    stack.peer = Managed(_routing(listening, peer, log_file=log_file))
    stack.peer_url = f"{address_of(listening)}{PREFIX}"
    stack.metrics_ports = {stack.routing: int(settings["metrics_port"]), stack.peer: metrics_port}


async def _start(stack: Stack, opened: AsyncExitStack) -> None:
    """Start the processes, and return when all of them serve."""
    all_managed = [stack.routing, stack.peer, stack.case_systems]
    running = [managed for managed in all_managed if managed is not None]
    for managed in running:
        opened.push_async_callback(managed.stop)
        await managed.start()
    for managed in running:
        await managed.ready()


def _now() -> datetime:
    return datetime.now(UTC)


def _issuer(identities: Mapping[str, Identity], *, url: str) -> Issuer:
    return Issuer(
        identities.values(),
        issuer=url,
        signing_key=make_signing_key(),
        scopes=load_scopes(on=DAY_ONE.date()),
    )


def _authorizations(identities: Mapping[str, Identity], issuer: Issuer) -> dict[str, str]:
    """Return the Authorization header of each organisation; tokens hold for an hour."""
    return {
        name: f"Bearer {issuer.token(identity, scopes=issuer.scopes_of(identity), now=_now())}"
        for name, identity in identities.items()
    }


def decode(answer: httpx.Response) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what an answer holds."""
    return json.loads(answer.content)
