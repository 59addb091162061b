"""The row relay: items of 2,000 clients delivered to a receiver that answers in 20 ms.

The floor is a bare aiohttp loop that puts the same bodies with the same concurrency to a receiver
of the same kind, in any order, and keeps nothing. Both collect garbage as a served process does.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from statistics import median

import aiohttp
import httpx
import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.http.serving import settle_memory
from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.processes import processor_s
from statement_relay.rules.answers import load_answers
from statement_relay.rules.deliveries import Pace
from statement_relay.rules.digests import digest_of
from statement_relay.rules.endpoints import Endpoint, Endpoints
from statement_relay.workers.delivering import Courier, CourierMetrics, Route
from tests.bench.children import Serving, serving
from tests.bench.relay_receiver import Held, ReceiverJob
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Stand, standing
from tests.faults.waiting import until

CLIENTS = 2_000
ITEMS_DEFAULT = 10_000
CONCURRENCY = 64
ANSWER_S = 0.02
DELIVERED_S_MAX = 600
BODY_PADDING = "x" * 900
"""About what facts, hearing and attachments of an item take."""
RECEIVER = "te-kainuu"
ENQUEUE_QUEUES = """
INSERT INTO client_queues (receiver_id, client_id, last_number, next_attempt_at, is_blocked)
SELECT $1, client_id, max(number), clock_timestamp(), false
FROM unnest($2::uuid[], $3::int8[]) AS n (client_id, number) GROUP BY client_id
"""
ENQUEUE_ITEMS = """
INSERT INTO information (
    information_id, organisation, municipal_id, fingerprint, client_id, municipality_code, kind,
    action, root_information_id, content, occurred_at, known_at, accepted_at, official_id,
    author_role, state, accepted_state, receiver_id, number, is_restricted, body, digest,
    deliver_by_at, warn_at, attempts)
SELECT n.information_id, 'cs-sotkamo', n.information_id::text, '\\x00', n.client_id, '765',
       'JOB_OFFER_MADE', 'new', n.information_id, '{}', now(), now(), now(), 'sotkamo:u-1042',
       'caseworker', 'waiting', 'waiting', $1, n.number, false, n.body, n.digest,
       now() + interval '2 days', now() + interval '1 day', 0
FROM unnest($2::uuid[], $3::uuid[], $4::int8[], $5::bytea[], $6::text[])
     AS n (information_id, client_id, number, body, digest)
"""
IS_LEFT = "SELECT EXISTS (SELECT FROM client_queues WHERE next_attempt_at IS NOT NULL)"
DELIVERED = "SELECT count(*) FROM information WHERE state = 'delivered'"


class Item(Struct, frozen=True):
    """An item of the row, ready to be put."""

    information_id: str
    client_id: str
    number: int
    body: bytes
    digest: str


class Run(Struct, frozen=True):
    """One run of bench or floor: puts a second, and processor µs of each by process."""

    rate: float
    processor_us: dict[str, float]


class _Watch:
    """Counts seconds and processor seconds of who has a part in a run, from its making on."""

    def __init__(self, clocks: Mapping[str, Callable[[], float]]) -> None:
        self._clocks = clocks
        self._used_s = {name: read() for name, read in clocks.items()}
        self._began = time.perf_counter()

    def run(self, count: int) -> Run:
        """Return what so many puts took until now."""
        rate = count / (time.perf_counter() - self._began)
        used = {name: read() - self._used_s[name] for name, read in self._clocks.items()}
        return Run(rate, {name: 1e6 * seconds / count for name, seconds in used.items()})


async def run() -> list[Result]:
    """Run the row and return its result."""
    items = _items(int(os.environ.get("ITEMS", ITEMS_DEFAULT)))
    settle_memory()
    runs, floors = [], []
    async with standing() as stand:
        for number in range(rounds_wanted()):
            floors.append(await _floor(stand, items))
            async with stand.databases.database(
                "statement_relay", role="statement_relay"
            ) as database:
                runs.append(await _deliver(stand, database, items))
            rate, floor = runs[-1].rate, floors[-1].rate
            print(f"relay {number + 1}: {rate:,.0f}/s, floor {floor:,.0f}/s", flush=True)
    notes = [
        f"{len(items):,} items of {CLIENTS:,} clients, {CONCURRENCY} calls at once",
        f"processor µs per delivery: {_listed(runs)}; of the floor: {_listed(floors)}",
    ]
    rates, floor_rates = [one.rate for one in runs], [one.rate for one in floors]
    return [result_of("relay", rates, floor_rates, unit="deliveries/s", notes=notes)]


def _listed(runs: Sequence[Run]) -> str:
    spent = {name: median(one.processor_us[name] for one in runs) for name in runs[0].processor_us}
    return ", ".join(f"{name} {used:.0f}" for name, used in spent.items())


def _items(count: int) -> list[Item]:
    items = []
    for at in range(count):
        number, client = divmod(at, CLIENTS)
        client_id = f"00000000-0000-7000-8000-{client:012d}"
        content = {"client_id": client_id, "sequence": number + 1, "padding": BODY_PADDING}
        body = msgspec.json.encode(content)
        information_id = f"00000000-0000-7000-9000-{at:012d}"
        items.append(Item(information_id, client_id, number + 1, body, digest_of(body)))
    return items


async def _floor(stand: Stand, items: Sequence[Item]) -> Run:
    """Return what puts of the bare loop take."""
    left = list(items)

    async def put_on(client: aiohttp.ClientSession, url: str) -> None:
        while left:
            item = left.pop()
            headers = {"Content-Digest": item.digest, "Content-Type": "application/json"}
            path = f"{url}/statement-information/{item.information_id}"
            async with client.put(path, data=item.body, headers=headers) as answer:
                assert answer.status == httpx.codes.CREATED
                await answer.read()

    async with (
        serving(
            "tests.bench.relay_receiver",
            ReceiverJob(ANSWER_S),
            log_file=stand.folder / "receiver.log",
        ) as receiver,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as client,
    ):
        url = f"http://127.0.0.1:{receiver.port}"
        watch = _Watch({"loop": time.process_time, "receiver": _processor_of(receiver)})
        await asyncio.gather(*(put_on(client, url) for _ in range(CONCURRENCY)))
        return watch.run(len(items))


def _processor_of(process: Serving) -> Callable[[], float]:
    return lambda: processor_s(process.pid) or 0.0


async def _deliver(stand: Stand, database: TestDatabase, items: Sequence[Item]) -> Run:
    """Return what deliveries of one courier take; nothing is lost, doubled or out of order."""
    pool = await open_pool(database.url)
    await _enqueue(pool, items)
    async with serving(
        "tests.bench.relay_receiver", ReceiverJob(ANSWER_S), log_file=stand.folder / "receiver.log"
    ) as receiver:
        url = f"http://127.0.0.1:{receiver.port}"
        watch = _Watch(
            {
                "courier": time.process_time,
                "PostgreSQL": stand.processor_s,
                "receiver": _processor_of(receiver),
            }
        )
        delivering = asyncio.create_task(_courier(pool, url).deliver(database.url))
        await until(lambda: _is_done(pool), within_s=DELIVERED_S_MAX, poll_s=0.1)
        done = watch.run(len(items))
        delivering.cancel()
        await asyncio.wait([delivering])
        async with httpx.AsyncClient() as client:
            held = msgspec.json.decode((await client.get(url)).content, type=Held)
    async with transaction(pool) as connection:
        delivered = await connection.fetchval(DELIVERED)
    await pool.close()
    assert (delivered, held) == (len(items), Held(len(items), 0, 0))
    return done


def _courier(pool: Pool, url: str) -> Courier:
    route = Route(
        receiver_ids=frozenset({RECEIVER}),
        endpoints=Endpoints(None, {RECEIVER: Endpoint(url=url, concurrency=CONCURRENCY)}),
        answers=load_answers(files("statement_relay") / "data" / "answers.toml"),
        pace=Pace(),
    )
    metrics = CourierMetrics(CollectorRegistry())
    return Courier(pool, route, clock=lambda: datetime.now(UTC), metrics=metrics)


async def _enqueue(pool: Pool, items: Sequence[Item]) -> None:
    ids = [item.information_id for item in items]
    clients = [item.client_id for item in items]
    numbers = [item.number for item in items]
    async with transaction(pool) as connection:
        await connection.execute(ENQUEUE_QUEUES, RECEIVER, clients, numbers)
        await connection.execute(
            ENQUEUE_ITEMS,
            RECEIVER,
            ids,
            clients,
            numbers,
            [item.body for item in items],
            [item.digest for item in items],
        )


async def _is_done(pool: Pool) -> bool:
    async with transaction(pool) as connection:
        is_left: bool = await connection.fetchval(IS_LEFT)
    return not is_left
