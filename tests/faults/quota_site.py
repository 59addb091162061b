"""What the ledger's campaign runs on: three quota-ledgers on one PostgreSQL behind a link."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla_sandbox import quota_service
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from tests.faults import seals
from tests.faults.broker import FaultyBroker
from tests.faults.link import Link
from tests.faults.postgres import Postgres
from tests.faults.processes import Managed, Program
from tests.faults.quota_items import PLACES, Place, clients_of
from tests.faults.service_process import Start
from tests.faults.waiting import plain

LEDGER = quota_service.DATABASE
PROCESSES = 3
ANSWER_S_MAX = 15
OPENING = datetime(2022, 12, 31, 21, 59, 35, tzinfo=UTC)
"""Before the year ends in Helsinki: that happens under the traffic."""
KNOW = """
INSERT INTO responsibilities (client_id, clienthood_version, authority, municipality_code,
    area_code, case_system_id, te_office_code, source_system, source_client_number, valid_from,
    is_restricted, sequence)
VALUES ($1, 1, 'municipality', $2, $3, $4, 'te-kainuu', 'ura', $5, $6, $7,
    '000001.000000000000000000')
"""
TOKEN_LIFETIME = timedelta(hours=1)


class QuotaSite(Struct, kw_only=True):
    """The parts, and who speaks to them."""

    postgres: Postgres
    issuer: Issuer
    ledgers: Sequence[Managed]
    urls: Sequence[str]
    clock: LegalClock
    link: Link
    broker: FaultyBroker | None = None

    @asynccontextmanager
    async def client(self, organisation: str, *, number: int) -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client with the organisation's token, to one of the processes by turns."""
        issuer, identity = self.issuer, identity_of(organisation)
        scopes = issuer.scopes_of(identity)
        token = issuer.token(identity, scopes=scopes, now=datetime.now(UTC))
        async with httpx.AsyncClient(
            base_url=self.urls[number % PROCESSES],
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_S_MAX,
            verify=plain(),
        ) as client:
            yield client

    @property
    def today(self) -> date:
        """Return the day in Finland by the clock of the ledgers."""
        return (self.clock() + timedelta(hours=2)).date()

    async def pass_time(self, passed: timedelta) -> None:
        """Let all processes begin anew, so much later."""
        clock = replace(self.clock, legal_at=self.clock.legal_at + passed)
        for each in self.ledgers:
            assert each.configuration is not None, "who runs was told how"
            start = msgspec.json.decode(each.configuration, type=Start)
            each.configuration = msgspec.json.encode(replace(start, clock=clock))
            await each.begun.wait()
            each.kill()
        for each in self.ledgers:
            await each.ready()
        self.clock = clock


def identity_of(name: str) -> Identity:
    """Return the identity of an organisation that takes part."""
    kind = name.partition("-")[0]
    role = {"cs": "case_system", "quota": "service"}.get(kind, kind)
    return Identity(name, name, (role,), name, f"secret-{name}")


@asynccontextmanager
async def running_quota_site(
    postgres: Postgres, folder: Path, *, broker: FaultyBroker | None = None
) -> AsyncIterator[QuotaSite]:
    """Run everything inside the block, on a fresh database whose ledger knows the clients."""
    await _make_database(postgres)
    async with AsyncExitStack() as opened:
        sockets = [opened.enter_context(bind_loopback()) for _ in range(1 + PROCESSES)]
        at_issuer, *at_ledgers = map(address_of, sockets)
        issuer = _issuer(at_issuer)
        await opened.enter_async_context(served_here(create_issuer(issuer), listening=sockets[0]))
        link = await opened.enter_async_context(Link())
        link.target = _socket_of(postgres)
        clock = LegalClock(OPENING, datetime.now(UTC))
        settings = _settings(at_issuer, link=link, broker=broker)
        started = [_started(settings, each, clock=clock, folder=folder) for each in at_ledgers]
        yield QuotaSite(
            postgres=postgres,
            issuer=issuer,
            ledgers=await _run_all(started, opened),
            urls=[f"{each}{quota_service.PATH}" for each in at_ledgers],
            clock=clock,
            link=link,
            broker=broker,
        )


async def _run_all(
    started: Sequence[tuple[Program, bytes]], opened: AsyncExitStack
) -> list[Managed]:
    """Run programs for as long as `opened` is open, and return them when all are ready."""
    standing = [Managed(program).standing_by() for program, _ in started]
    managed = await asyncio.gather(*map(opened.enter_async_context, standing))
    for each, (_, told) in zip(managed, started, strict=True):
        await opened.enter_async_context(each.running(told))
    for each in managed:
        await each.ready()
    return managed


def _started(
    settings: dict[str, Any], url: str, *, clock: LegalClock, folder: Path
) -> tuple[Program, bytes]:
    """Return a ledger's program, and what it is told at its start."""
    port = int(url.rpartition(":")[2])
    program = Program(
        module="tests.faults.quota_process",
        ready_url=f"{url}{quota_service.PATH}/readyz",
        log_file=folder / f"ledger-{port}.log",
    )
    return program, msgspec.json.encode(Start(settings | {"listen_port": port}, clock))


async def _make_database(postgres: Postgres) -> None:
    await postgres.execute("postgres", f'DROP DATABASE IF EXISTS "{LEDGER}" WITH (FORCE)')
    await quota_service.prepare(postgres.server)
    async with postgres.session(LEDGER) as connection:
        for place in PLACES:
            for number, client_id in enumerate(clients_of(place)):
                await connection.execute(KNOW, client_id, *_known(place, number))


def _known(place: Place, number: int) -> tuple[object, ...]:
    """Return what the ledger knows of a client; the first one of each place has a ban."""
    return (
        place.municipality_code,
        place.area_code,
        place.case_system_id,
        f"URA-C-{place.municipality_code}-{number}",
        date(2021, 3, 1),
        number == 0,
    )


def _issuer(url: str) -> Issuer:
    names = ["keha", "operator"]
    names += [name for place in PLACES for name in (place.case_system_id, place.ely)]
    return Issuer(
        map(identity_of, names),
        issuer=url,
        signing_key=make_signing_key(),
        scopes=load_scopes(on=OPENING.date()),
        lifetime=TOKEN_LIFETIME,
    )


def _socket_of(postgres: Postgres) -> str:
    """Return the path of the socket at which the server listens."""
    folder = postgres.server.url(LEDGER).partition("host=")[2]
    return f"{folder}/.s.PGSQL.5432"


def _settings(issuer_url: str, *, link: Link, broker: FaultyBroker | None) -> dict[str, Any]:
    """Return the settings of a quota-ledger, with keys of its own; no routing-api runs."""
    key = base64.b64encode(seals.SECRET).decode()
    settings = {
        "database_url": f"postgresql://{quota_service.ROLE}@{link.address}/{LEDGER}",
        "token_issuer": issuer_url,
        "token_audience": AUDIENCE,
        "token_jwks_url": f"{issuer_url}/jwks.json",
        "metrics_port": 0,
        "fingerprint_key": key,
        "audit_signing_key": f"{seals.KEY_ID}:{key}",
        "routing_url": "http://127.0.0.1:9/routing/v1",
        "routing_token_url": f"{issuer_url}/token",
        "routing_client_id": "quota-ledger",
        "routing_client_secret": "quota-ledger-of-the-campaign",
    }
    if broker is None:
        return settings
    return settings | {
        "transport": "kafka",
        "kafka_bootstrap": broker.connection.bootstrap,
        "kafka_security": "plaintext",
    }
