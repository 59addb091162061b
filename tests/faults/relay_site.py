"""What the relay's campaign runs on: statement-relay twice on one database, and its receivers."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla_sandbox import relay_service, routing_service
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from kuntavayla_sandbox.te_office import starting
from kuntavayla_sandbox.te_office.tables import DATABASE as TE_OFFICES
from tests.faults import seals
from tests.faults.broker import FaultyBroker
from tests.faults.link import Link
from tests.faults.postgres import Postgres
from tests.faults.processes import Managed, Program
from tests.faults.relay_items import PLACES, RECEIVERS, Client
from tests.faults.service_process import Start
from tests.faults.site import routing_settings
from tests.faults.waiting import plain, until

RELAY = relay_service.DATABASE
ANSWER_S_MAX = 15
SETTLED_S_MAX = 60
OPENING = datetime(2021, 10, 5, 6, 0, tzinfo=UTC)
"""By then some kinds are the municipality's own to decide, and are not relayed."""
PACE = {
    "lease_s": 3.0,
    "call_s_max": 1.0,
    "retry_s_first": 0.2,
    "retry_s_max": 2.0,
    "probe_s_first": 0.2,
    "probe_s_max": 1.0,
}
"""Quicker than in production, so that a short campaign sees every wait end many times."""
KNOW = """
INSERT INTO responsibilities (client_id, clienthood_version, authority, municipality_code,
    area_code, case_system_id, te_office_code, source_system, source_client_number, valid_from,
    is_restricted, sequence)
VALUES ($1, 1, 'municipality', $2, 'kainuu', $3, $4, 'ura', $5, $6, $7,
    '000001.000000000000000000')
"""


X_ROAD = RECEIVERS[1]
"""The receiver that is reached over X-Road; the others by plain HTTP."""
BY_X_ROAD = """
[receivers.{receiver_id}]
url = "{url}"
adapter = "xroad"
[receivers.{receiver_id}.xroad]
client = "FI-TEST/GOV/0000001-9/kuntavayla"
service = "FI-TEST/GOV/0000002-7/te-offices/{receiver_id}"
"""
SKEWS_S = {RECEIVERS[0]: -1_500, RECEIVERS[1]: 1_800, RECEIVERS[-1]: -86_400}
"""How far the clocks of receivers are off, in seconds.

The last one is a day behind: its list of the day of its receipts can be taken under traffic, since
by our clock that day is over.
"""
TOKEN_LIFETIME = timedelta(seconds=20)
"""So short that the tokens of the relay and of its receivers end several times in a campaign."""


class RelaySite(Struct, frozen=True, kw_only=True):
    """The parts, and who speaks to them."""

    postgres: Postgres
    issuer: Issuer
    relay: Managed
    peer: Managed
    receivers: Managed
    routing: Managed
    relay_url: str
    peer_url: str
    receivers_url: str
    clock: LegalClock
    link: Link
    broker: FaultyBroker | None = None

    @asynccontextmanager
    async def client(
        self, organisation: str, *, number: int = 0
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token; odd numbers speak to the peer."""
        issuer, now = self.issuer, datetime.now(UTC)
        identity = identity_of(organisation)
        token = issuer.token(identity, scopes=issuer.scopes_of(identity), now=now)
        async with httpx.AsyncClient(
            base_url=self.peer_url if number % 2 else self.relay_url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=ANSWER_S_MAX,
            verify=plain(),
        ) as client:
            yield client

    async def turn(self, receiver_id: str, **knobs: object) -> None:
        """Let a receiver behave so from now on; repeats until it has heard."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX, verify=plain()) as client:

            async def has_heard() -> bool:
                try:
                    answer = await client.put(
                        f"{self.receivers_url}/knobs/{receiver_id}",
                        json={"clock_skew_s": SKEWS_S.get(receiver_id, 0)} | knobs,
                    )
                except httpx.TransportError:
                    return False
                return answer.status_code == httpx.codes.OK

            await until(has_heard, within_s=SETTLED_S_MAX, poll_s=0.1)

    async def pass_time(self, passed: timedelta) -> None:
        """Let both processes of the relay begin anew, so much later."""
        for each in (self.relay, self.peer):
            assert each.configuration is not None, "who runs was told how"
            start = msgspec.json.decode(each.configuration, type=Start)
            clock = replace(start.clock, legal_at=start.clock.legal_at + passed)
            each.configuration = msgspec.json.encode(replace(start, clock=clock))
            await each.begun.wait()
            each.kill()
        for each in (self.relay, self.peer):
            await each.ready()


def identity_of(name: str) -> Identity:
    """Return the identity of an organisation that takes part."""
    role = "case_system" if name.startswith("cs-") else "te" if name.startswith("te-") else name
    return Identity(
        name, name, ("service" if name == "statement-relay" else role,), name, f"secret-{name}"
    )


@asynccontextmanager
async def running_relay_site(
    postgres: Postgres,
    folder: Path,
    clients: list[Client],
    *,
    broker: FaultyBroker | None = None,
) -> AsyncIterator[RelaySite]:
    """Run everything inside the block, on fresh databases whose relay knows the clients."""
    await _make_databases(postgres, clients)
    async with AsyncExitStack() as opened:
        sockets = [opened.enter_context(bind_loopback()) for _ in range(5)]
        at_issuer, at_relay, at_peer, at_receivers, _ = map(address_of, sockets)
        issuer = _issuer(at_issuer)
        await opened.enter_async_context(served_here(create_issuer(issuer), listening=sockets[0]))
        link = await opened.enter_async_context(Link())
        link.target = at_receivers.removeprefix("http://")
        clock = LegalClock(OPENING, datetime.now(UTC))
        places = _Places(postgres, folder, sockets, link=link, clock=clock, broker=broker)
        relay, peer, receivers, routing = await _run_all(places.programs(), opened)
        site = RelaySite(
            postgres=postgres,
            issuer=issuer,
            relay=relay,
            peer=peer,
            receivers=receivers,
            routing=routing,
            relay_url=f"{at_relay}{relay_service.PATH}",
            peer_url=f"{at_peer}{relay_service.PATH}",
            receivers_url=at_receivers,
            clock=clock,
            link=link,
            broker=broker,
        )
        for receiver_id in RECEIVERS:
            await site.turn(receiver_id)
        yield site


async def _run_all(programs: dict[Program, bytes], opened: AsyncExitStack) -> list[Managed]:
    """Run programs for as long as `opened` is open, and return them when all are ready."""
    # Programs import side by side; each is there again at once whenever it has been killed.
    standing = [Managed(each).standing_by() for each in programs]
    managed = await asyncio.gather(*map(opened.enter_async_context, standing))
    for each in managed:
        await opened.enter_async_context(each.running(programs[each.program]))
    for each in managed:
        await each.ready()
    return managed


class _Places(Struct, frozen=True):
    """Where everything is: issuer, both relays, receivers and routing-api, by their sockets."""

    postgres: Postgres
    folder: Path
    sockets: list[socket.socket]
    link: Link
    clock: LegalClock
    broker: FaultyBroker | None

    def programs(self) -> dict[Program, bytes]:
        """Return all programs with what they are told at their start."""
        at_issuer, at_relay, at_peer, _, at_routing = map(address_of, self.sockets)
        settings = _settings(
            self.postgres,
            self.folder,
            issuer_url=at_issuer,
            receivers_url=f"http://{self.link.address}",
            routing_url=f"{at_routing}{routing_service.PATH}",
        )
        settings |= _transport(self.broker)
        return {
            _relay(at_relay, self.folder): _start(settings, at_relay, clock=self.clock),
            _relay(at_peer, self.folder): _start(settings, at_peer, clock=self.clock),
            _receivers(self.sockets[3], self.folder): _receivers_line(
                self.postgres, relay_url=at_relay, issuer_url=at_issuer, clock=self.clock
            ),
            _routing(at_routing, self.folder): _routing_start(
                self.postgres, at_routing, issuer_url=at_issuer, broker=self.broker
            ),
        }


def _relay(url: str, folder: Path) -> Program:
    return Program(
        module="tests.faults.relay_process",
        ready_url=f"{url}{relay_service.PATH}/readyz",
        log_file=folder / f"relay-{_port_of(url)}.log",
    )


def _routing(url: str, folder: Path) -> Program:
    return Program(
        module="tests.faults.routing_process",
        ready_url=f"{url}{routing_service.PATH}/readyz",
        log_file=folder / "routing-api.log",
    )


def _routing_start(
    postgres: Postgres, url: str, *, issuer_url: str, broker: FaultyBroker | None
) -> bytes:
    settings = routing_settings(postgres, issuer_url=issuer_url, port=_port_of(url))
    clock = LegalClock(OPENING, datetime.now(UTC))
    return msgspec.json.encode(Start(settings | _transport(broker), clock))


def _start(settings: dict[str, Any], url: str, *, clock: LegalClock) -> bytes:
    return msgspec.json.encode(Start(settings | {"listen_port": _port_of(url)}, clock))


def _receivers(listening: socket.socket, folder: Path) -> Program:
    return Program(
        module="kuntavayla_sandbox.te_office.__main__",
        ready_url=f"{address_of(listening)}/livez",
        log_file=folder / "te-office.log",
        listening=listening,
    )


async def _make_databases(postgres: Postgres, clients: list[Client]) -> None:
    await postgres.make_databases()
    for name in (RELAY, TE_OFFICES):
        await postgres.execute("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await relay_service.prepare(postgres.server)
    await starting.prepare(postgres.server)
    async with postgres.session(RELAY) as connection:
        for client in clients:
            if client.standing in ("late", "never"):
                continue
            await connection.execute(
                KNOW,
                client.client_id,
                client.municipality_code,
                client.case_system_id,
                client.receiver_id,
                client.client_number,
                date(2021, 3, 1),
                client.standing == "restricted",
            )


def _issuer(url: str) -> Issuer:
    names = ["statement-relay", "operator", *(name for _, *both in PLACES for name in both)]
    return Issuer(
        map(identity_of, names),
        issuer=url,
        signing_key=make_signing_key(),
        scopes=load_scopes(on=OPENING.date()),
        lifetime=TOKEN_LIFETIME,
    )


def _receivers_line(
    postgres: Postgres, *, relay_url: str, issuer_url: str, clock: LegalClock
) -> bytes:
    return starting.configuration_line(
        postgres.server,
        relay_url=f"{relay_url}{relay_service.PATH}",
        issuer_url=issuer_url,
        clock=clock,
        entries=starting.offices(map(identity_of, RECEIVERS), token_url=f"{issuer_url}/token"),
    )


def _settings(
    postgres: Postgres, folder: Path, *, issuer_url: str, receivers_url: str, routing_url: str
) -> dict[str, Any]:
    """Return the settings of statement-relay, with keys of its own."""
    own = credentials_of(identity_of("statement-relay"), token_url=f"{issuer_url}/token")
    file = folder / "receivers.toml"
    relay_service.write_receivers(file, simulator_url=receivers_url, own=own, given={})
    with file.open("a") as more:
        more.write(BY_X_ROAD.format(receiver_id=X_ROAD, url=receivers_url))
    key = base64.b64encode(seals.SECRET).decode()
    return {
        "database_url": postgres.server.url(RELAY, role=relay_service.ROLE),
        "token_issuer": issuer_url,
        "token_audience": AUDIENCE,
        "token_jwks_url": f"{issuer_url}/jwks.json",
        "metrics_port": 0,
        "fingerprint_key": key,
        "content_keys": f"k1:{key}",
        "audit_signing_key": f"{seals.KEY_ID}:{key}",
        "routing_url": routing_url,
        "routing_token_url": own.token_url,
        "routing_client_id": own.client_id,
        "routing_client_secret": own.client_secret,
        "receivers_file": str(file),
        **PACE,
    }


def _transport(broker: FaultyBroker | None) -> dict[str, Any]:
    if broker is None:
        return {}
    return {
        "transport": "kafka",
        "kafka_bootstrap": broker.connection.bootstrap,
        "kafka_security": "plaintext",
    }


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
