"""Everything that a fault test needs to run: routing-api and case systems on a site of theirs."""

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec.structs import replace

from kuntavayla.events import sequence_text
from kuntavayla_sandbox.broker.configuring import free_port
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.serving import address_of, bind_loopback
from tests.faults.broker import FaultyBroker
from tests.faults.postgres import ROUTING
from tests.faults.processes import Managed, Program
from tests.faults.service_process import Start
from tests.faults.site import BY_TOPIC, PREFIX, SYSTEMS, Site, clock_from_now
from tests.faults.waiting import plain, until

PARTITIONS = 6
"""Of every topic; a record's is the CRC-32 of its key, as docs/consumers.md says."""
ANSWER_S_MAX = 15
PEER_AHEAD = timedelta(seconds=7)
"""Clocks of two machines differ: what the peer writes seems later than what follows it."""
EPOCH = 1
"""Nothing is restored from a backup here."""
LEFT = """
SELECT count(*) FROM clients
WHERE fetched_revision < revision
   OR state NOT IN ('ended', CASE WHEN case_system_id = $1 THEN 'fetched' ELSE 'acknowledged' END)
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

    def __init__(self, site: Site) -> None:
        self.postgres = site.postgres
        self.issuer = site.issuer
        self.routing = site.routing
        self.case_systems = site.case_systems
        self.link = site.link
        self.routing_url = site.routing_url
        self.token_url = site.token_url
        self.identities = tuple(site.identities.values())
        self.callers = site.callers()
        self.settings = site.settings()
        self.broker: FaultyBroker | None = None
        self.peer: Managed | None = None
        self.peer_url = site.routing_url
        self.metrics_ports: dict[Managed, int] = {}
        self._clock = clock_from_now()

    @property
    def by_topic(self) -> str | None:
        """Return the case system that acknowledges by its topic alone, None without a broker."""
        return None if self.broker is None else BY_TOPIC

    @property
    def logs(self) -> Path:
        """Return the folder in which the processes of all stacks log."""
        return self.routing.program.log_file.parent

    @asynccontextmanager
    async def client(
        self, organisation: str = "te-national", *, number: int = 0
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client of the organisation's caller; odd numbers speak to the peer."""
        caller = self.callers[organisation]
        url = self.peer_url if number % 2 else self.routing_url
        async with httpx.AsyncClient(
            base_url=url, auth=caller, timeout=ANSWER_S_MAX, verify=plain()
        ) as client:
            yield client

    async def publisher(self) -> Managed | None:
        """Return the process that says that it publishes; None between two."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX, verify=plain()) as client:
            for managed, port in self.metrics_ports.items():
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/metrics")
                except httpx.TransportError:
                    continue
                if IS_PUBLISHER in answer.text:
                    return managed
        return None

    def start(self, *, ahead: timedelta = timedelta(), **changes: int) -> bytes:
        """Return the configuration of routing-api, with these changes of its settings.

        Its clock goes ahead of everybody else's by so much.
        """
        clock = replace(self._clock, legal_at=self._clock.legal_at + ahead)
        return msgspec.json.encode(Start(self.settings | changes, clock))

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
            and await self.postgres.count(CASE_SYSTEMS, LEFT, self.by_topic) == 0
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


@asynccontextmanager
async def running_stack(site: Site, *, broker: FaultyBroker | None = None) -> AsyncIterator[Stack]:
    """Run everything inside the block, on fresh databases; over a broker routing-api twice."""
    await site.postgres.make_databases()
    stack = Stack(site)
    async with AsyncExitStack() as opened:
        if broker is not None:
            await _run_peer(stack, broker, opened)
        connection = None if broker is None else broker.connection
        await opened.enter_async_context(stack.routing.running(stack.start()))
        configuration = site.configuration(connection)
        await opened.enter_async_context(stack.case_systems.running(configuration))
        await stack.routing.ready()
        await stack.case_systems.ready()
        yield stack


async def _run_peer(stack: Stack, broker: FaultyBroker, opened: AsyncExitStack) -> None:
    """Run a second routing-api, so that who publishes is elected; both tell by their metrics."""
    listening = opened.enter_context(bind_loopback())
    stack.broker, stack.peer_url = broker, f"{address_of(listening)}{PREFIX}"
    program = Program(
        module=stack.routing.program.module,
        ready_url=f"{stack.peer_url}/readyz",
        log_file=stack.logs / "peer.log",
    )
    stack.peer = await opened.enter_async_context(Managed(program).standing_by())
    stack.settings |= {
        "transport": "kafka",
        "kafka_bootstrap": broker.connection.bootstrap,
        "kafka_security": "plaintext",
        "metrics_port": free_port(),
    }
    metrics_port = free_port()
    stack.metrics_ports = {stack.routing: stack.settings["metrics_port"], stack.peer: metrics_port}
    changes = {"listen_port": listening.getsockname()[1], "metrics_port": metrics_port}
    await opened.enter_async_context(stack.peer.running(stack.start(ahead=PEER_AHEAD, **changes)))
    await stack.peer.ready()


def decode(answer: httpx.Response) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what an answer holds."""
    return json.loads(answer.content)
