"""What the row relay-outage runs on: statement-relay, two receivers, and the clients of both."""

import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
from msgspec import Struct

from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox import relay_service
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.processes import processor_s
from kuntavayla_sandbox.service_settings import Surroundings
from kuntavayla_sandbox.serving import address_of, bind_loopback
from kuntavayla_sandbox.state import SecretFile
from tests.bench.children import Serving, serving
from tests.bench.outage_receiver import OutageJob
from tests.bench.outage_sender import Lane
from tests.bench.relay_process import RelayJob
from tests.bench.stand import Stand
from tests.faults.relay_items import PLACES, Client, client_of
from tests.faults.relay_site import OPENING

AWAY, STAYS = PLACES[0], PLACES[1]
AWAY_RATE, STAYS_RATE = 50.0, 5.0
STAYS_SHARE = 10
"""The receiver that stays has this part of the other's clients, as of its rate."""
ANSWER_S = 0.02
NOWHERE = "http://127.0.0.1:9"
"""Routing-api, which is not there: who is responsible is known already."""
CONCURRENCY = 64
"""Calls at once to a receiver, as in the row relay."""
KNOWN_FROM = date(2021, 3, 1)
KNOW = """
INSERT INTO responsibilities (client_id, clienthood_version, authority, municipality_code,
    area_code, case_system_id, te_office_code, source_system, source_client_number, valid_from,
    is_restricted, sequence)
VALUES ($1, 1, 'municipality', $2, 'kainuu', $3, $4, 'ura', $5, $6, false, $7)
"""


class Mark(Struct, frozen=True):
    """A moment of the run: when, and the processor seconds used until then."""

    at_s: float
    relay_s: float
    server_s: float


class Site(Struct, frozen=True, kw_only=True):
    """The parts of a run, and who is asked what."""

    stand: Stand
    database: TestDatabase
    clock: LegalClock
    relay: Serving
    ports: Mapping[str, int]

    def file_of(self, receiver_id: str) -> Path:
        """Return the file in which a receiver keeps what it took."""
        return self.stand.folder / f"{receiver_id}.ndjson"

    @asynccontextmanager
    async def receiver(self, receiver_id: str) -> AsyncIterator[None]:
        """Let a receiver be there inside the block."""
        job = OutageJob(
            self.ports[receiver_id], str(self.file_of(receiver_id)), ANSWER_S, self.clock
        )
        log_file = self.stand.folder / "receivers.log"
        async with serving("tests.bench.outage_receiver", job, log_file=log_file):
            yield

    def mark(self) -> Mark:
        """Return what has been used until now."""
        used_s = processor_s(self.relay.pid)
        assert used_s is not None, "the relay lives as long as its run"
        return Mark(time.time(), used_s, self.stand.processor_s())


def _clients(place: tuple[str, str, str], *, first: int, count: int) -> list[Client]:
    return [client_of(number, place, is_known=True) for number in range(first, first + count)]


def lanes_of(clients: int) -> list[Lane]:
    """Return what goes to the receiver that leaves, with so many clients, and to the other."""
    away = _clients(AWAY, first=1, count=clients)
    stays = _clients(STAYS, first=1 + clients, count=clients // STAYS_SHARE)
    return [Lane(AWAY[1], AWAY_RATE, away), Lane(STAYS[1], STAYS_RATE, stays)]


@contextmanager
def _reserved_ports() -> Iterator[dict[str, int]]:
    """Hold a port for each receiver, on which nobody listens but the receiver."""
    with bind_loopback() as first, bind_loopback() as second:
        yield {AWAY[2]: _port_of(first), STAYS[2]: _port_of(second)}


def _port_of(bound: socket.socket) -> int:
    return int(address_of(bound).rpartition(":")[2])


@asynccontextmanager
async def outage_site(stand: Stand, lanes: Sequence[Lane]) -> AsyncIterator[Site]:
    """Run a relay that knows the clients, on a fresh database; receivers have ports only."""
    package, role = relay_service.DATABASE, relay_service.ROLE
    clock = LegalClock(OPENING, datetime.now(UTC))
    with _reserved_ports() as ports:
        async with stand.databases.database(package, role=role) as database:
            await _know(database, [client for lane in lanes for client in lane.clients])
            async with serving(
                "tests.bench.relay_process",
                RelayJob(clock),
                log_file=stand.folder / "relay.log",
                environment=_settings(stand, database, ports),
            ) as relay:
                yield Site(stand=stand, database=database, clock=clock, relay=relay, ports=ports)


def _settings(stand: Stand, database: TestDatabase, ports: Mapping[str, int]) -> dict[str, str]:
    file = stand.folder / "receivers.toml"
    lines = [
        f'[receivers.{receiver_id}]\nurl = "http://127.0.0.1:{port}"\nconcurrency = {CONCURRENCY}\n'
        for receiver_id, port in ports.items()
    ]
    file.write_text("".join(lines))
    own = credentials_of(stand.identity(relay_service.NAME), token_url=f"{stand.issuer_url}/token")
    around = Surroundings(
        issuer_url=stand.issuer_url,
        routing_url=f"{NOWHERE}/routing/v1",
        own=own,
    )
    kept = SecretFile(stand.folder / "relay-secrets.json")
    given = relay_service.environment(stand.server, kept=kept, around=around, receivers_file=file)
    return given | {
        "RELAY_DATABASE_URL": database.url,
        "RELAY_MIGRATION_DATABASE_URL": database.owner_url,
        "RELAY_LISTEN_PORT": "0",
    }


async def _know(database: TestDatabase, clients: Sequence[Client]) -> None:
    """Let the relay's database know whose the clients are."""
    rows = [
        (
            client.client_id,
            client.municipality_code,
            client.case_system_id,
            client.receiver_id,
            client.client_number,
            KNOWN_FROM,
            f"000001.{client.number:018d}",
        )
        for client in clients
    ]
    connection = await asyncpg.connect(database.owner_url)
    await connection.executemany(KNOW, rows)
    await connection.close()
