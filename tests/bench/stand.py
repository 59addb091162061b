"""What every row stands on: one embedded server, the issuer, fresh databases and processes."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.database.preparing import prepare_database
from kuntavayla.register import load_register
from kuntavayla.settings import KafkaConnection
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla_sandbox import issuer, routing_service
from kuntavayla_sandbox.case_systems.configuration import Configuration, Work
from kuntavayla_sandbox.case_systems.starting import MODULE, NAME, endpoints
from kuntavayla_sandbox.case_systems.tables import ROLE, create_tables
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes, make_identities, organisations_on
from kuntavayla_sandbox.processes import Child, Program
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity, SecretFile
from tests.bench.children import Serving, serving
from tests.bench.people import DAY
from tests.bench.results import server_processor_s
from tests.bench.routing_process import RoutingJob

OPENING_HOUR = 8
SHUTDOWN_GRACE_S = "1"
"""Nothing is in flight at a round's end but long polls, and those need no waiting for."""
_numbers = itertools.count(1)


class Routing(Struct, frozen=True):
    """A running routing-api: its process, where it is called, its database and its settings."""

    process: Serving
    database: TestDatabase
    settings: dict[str, str]

    @property
    def url(self) -> str:
        """Return where its calls begin."""
        return f"http://127.0.0.1:{self.process.port}{routing_service.PATH}"


class CaseSystems(Struct, frozen=True):
    """The running case systems: their process, where they answer, their database's owner."""

    pid: int
    url: str
    owner_url: str


class Stand:
    """The server and the issuer of one row, while it runs."""

    def __init__(
        self,
        server: EmbeddedServer,
        folder: Path,
        *,
        tokens: issuer.Issuer,
        identities: tuple[Identity, ...],
        issuer_url: str,
    ) -> None:
        self.server = server
        self.folder = folder
        self.issuer_url = issuer_url
        self.identities = identities
        self.databases = DatabaseServer(server.url("postgres"))
        self.clock = LegalClock(helsinki_instant(DAY, OPENING_HOUR, 0), datetime.now(UTC))
        self._tokens = tokens
        self._kept = SecretFile(folder / "secrets.json")

    def identity(self, organisation: str) -> Identity:
        """Return who acts for an organisation."""
        return next(one for one in self.identities if one.organisation == organisation)

    def authorization(self, organisation: str) -> str:
        """Return the Authorization header of an organisation, with all its scopes."""
        identity = self.identity(organisation)
        scopes = self._tokens.scopes_of(identity)
        return f"Bearer {self._tokens.token(identity, scopes=scopes, now=datetime.now(UTC))}"

    def processor_s(self) -> float:
        """Return the processor seconds that PostgreSQL has used so far."""
        pid = self.server.pid
        assert pid is not None, "the server runs as long as its row"
        return server_processor_s(pid)

    def settings_of(
        self, database: TestDatabase, *, kafka: KafkaConnection | None = None
    ) -> dict[str, str]:
        """Return the settings of a routing-api on a database."""
        return {
            **routing_service.environment(
                self.server, kept=self._kept, issuer_url=self.issuer_url, kafka=kafka
            ),
            "ROUTING_DATABASE_URL": database.url,
            "ROUTING_MIGRATION_DATABASE_URL": database.owner_url,
            "ROUTING_LISTEN_PORT": "0",
            "ROUTING_SHUTDOWN_GRACE_S": SHUTDOWN_GRACE_S,
        }

    async def prepare(self) -> None:
        """Make the database that every round copies: migrated, all memberships confirmed."""
        name = await self.databases.template(routing_service.DATABASE, role=routing_service.ROLE)
        owner = self.server.url(name)
        url = self.server.url(name, role=routing_service.ROLE)
        settings = self.settings_of(TestDatabase(owner, url, name))
        await routing_service.confirm_memberships(settings, on=DAY)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[TestDatabase]:
        """Give a fresh database of routing-api."""
        async with self.databases.database(
            routing_service.DATABASE, role=routing_service.ROLE
        ) as database:
            yield database

    @asynccontextmanager
    async def routing(
        self,
        database: TestDatabase,
        *,
        floor_answer: str | None = None,
        kafka: KafkaConnection | None = None,
    ) -> AsyncIterator[Routing]:
        """Run routing-api on a database inside the block."""
        settings = self.settings_of(database, kafka=kafka)
        async with serving(
            "tests.bench.routing_process",
            RoutingJob(self.clock, floor_answer),
            environment=settings,
            log_file=self.folder / "routing-api.log",
        ) as process:
            yield Routing(process, database, settings)

    @asynccontextmanager
    async def case_database(self) -> AsyncIterator[str]:
        """Give the name of a fresh database of the case systems."""
        name = f"kv_bench_case_systems_{next(_numbers)}"
        await prepare_database(self.server.url("postgres"), database=name, role=ROLE)
        await create_tables(self.server.url(name))
        try:
            yield name
        finally:
            connection = await asyncpg.connect(self.server.url("postgres"))
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await connection.close()

    @asynccontextmanager
    async def case_systems(
        self, routing: Routing, *, database: str, kafka: KafkaConnection | None = None
    ) -> AsyncIterator[CaseSystems]:
        """Run the case systems inside the block; they store effects and go no further."""
        pids: list[int] = []
        with bind_loopback() as listening:
            url = address_of(listening)
            configuration = Configuration(
                routing_url=routing.url,
                database_url=self.server.url(database, role=ROLE),
                clock=self.clock,
                work=Work.EFFECTS,
                endpoints=endpoints(
                    load_register(),
                    on=DAY,
                    identities=self.identities,
                    token_url=f"{self.issuer_url}/token",
                ),
                kafka=kafka,
            )
            child = Child(
                Program(
                    name=NAME,
                    module=MODULE,
                    configuration=msgspec.json.encode(configuration),
                    environment={},
                    listening=listening,
                    ready_url=f"{url}/livez",
                    log_file=self.folder / f"{NAME}.log",
                ),
                announce=lambda _, pid: pids.append(pid),
            )
            await child.start()
            try:
                await child.wait_until_ready()
                yield CaseSystems(pids[-1], url, self.server.url(database))
            finally:
                await child.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that the user of the database server may pass."""
    with tempfile.TemporaryDirectory(prefix="kuntavayla-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@asynccontextmanager
async def standing() -> AsyncIterator[Stand]:
    """Start the server and the issuer for one row, and stop them behind it."""
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(_folder())
        server = EmbeddedServer(folder)
        await asyncio.to_thread(server.start)
        opened.push_async_callback(asyncio.to_thread, server.stop)
        listening = opened.enter_context(bind_loopback())
        url = address_of(listening)
        kept = SecretFile(folder / "secrets.json")
        identities = make_identities(organisations_on(load_register(), on=DAY), kept=kept)
        tokens = issuer.Issuer(
            identities,
            issuer=url,
            signing_key=issuer.make_signing_key(),
            scopes=load_scopes(on=DAY),
        )
        await opened.enter_async_context(
            served_here(issuer.create_app(tokens), listening=listening)
        )
        stand = Stand(server, folder, tokens=tokens, identities=identities, issuer_url=url)
        await stand.prepare()
        yield stand
