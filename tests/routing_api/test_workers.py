import asyncio
import contextlib

from prometheus_client import CollectorRegistry

from kuntavayla.audit import AuditLine, SealKey, append
from kuntavayla.database import open_pool, transaction
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.service.workers.sealing import keep_sealed
from kuntavayla.telemetry import Jobs
from kuntavayla.testing import TestDatabase
from routing_api.events import SOURCE
from routing_api.operations import operating
from routing_api.routes.desk import Desk
from routing_api.workers import FigureGauges, keep_fresh
from tests.routing_api.inbound import CONSUMER, Topic, read
from tests.routing_api.service import DAY_ONE, Routing

LIMIT_S = 30
LINE = AuditLine(
    recorded_at=DAY_ONE, organisation="te-kainuu", action="tested", outcome="done", request_id="r"
)

CLIENT = "0177f6f0-9d20-76b5-8a23-d5962217bead"


class Looks:
    """Gives the moment of each look; the first one fails, the third one is told."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        self.third = asyncio.Event()

    def moment(self) -> Moment:
        self._count += 1
        if self._count == 1:
            raise LookupError
        if self._count == 3:
            self.third.set()
        return self._desk.moment()


async def test_the_one_who_seals_says_so_and_counts_its_lines(database: TestDatabase) -> None:
    registry, key = CollectorRegistry(), SealKey("s1", bytes(32))
    pool = await open_pool(database.url)
    async with transaction(pool) as connection:
        await append(connection, [LINE] * 3)
    sealing = asyncio.create_task(
        keep_sealed(
            database.url,
            key,
            moment=lambda: moment_at(lambda: DAY_ONE, source=SOURCE),
            registry=registry,
            interval_s=0.001,
        )
    )
    async with asyncio.timeout(LIMIT_S):
        while registry.get_sample_value("kuntavayla_audit_sealed_lines_total") != 3:
            await pool.fetchval("SELECT 1")
    is_sealer = registry.get_sample_value("kuntavayla_audit_is_sealer")
    sealing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sealing
    blocks = await pool.fetch("SELECT line_count, sealed_at, key_id FROM audit_blocks")
    await pool.close()

    assert is_sealer == 1
    assert [tuple(block) for block in blocks] == [(3, DAY_ONE, "s1")]


async def test_figures_are_read_again_after_any_failure_of_one_look(routing: Routing) -> None:
    desk: Desk = routing.app.state.desk
    registry = CollectorRegistry()
    looks, gauges = Looks(desk), FigureGauges(registry)
    jobs = Jobs(routing.clock, registry=registry)

    async def look() -> None:
        await keep_fresh(
            desk.pool,
            law=desk.law,
            moment=looks.moment,
            gauges=gauges,
            readings=desk.readings,
            transport=desk.transport,
        )

    task = asyncio.create_task(jobs.repeat("figures", look, interval_s=0.001))
    async with asyncio.timeout(30):
        await looks.third.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert registry.get_sample_value("kuntavayla_audit_newest_block") is not None
    assert registry.get_sample_value("kuntavayla_audit_oldest_unsealed_seconds") == 0
    read_at = registry.get_sample_value("kuntavayla_routing_figures_read_timestamp_seconds")
    assert read_at is not None
    assert read_at > 0
    [state] = jobs.states
    assert (state.name, state.last_error_type) == ("figures", "LookupError")
    assert state.last_success_at == routing.clock.now


async def test_the_status_names_the_timed_loops_of_the_process_and_how_they_fare(
    routing: Routing,
) -> None:
    status = (await routing.operator.get("/status")).json()

    assert "figures" in [job["name"] for job in status["jobs"]]
    assert {"published", "parked", "seal"} & set(status) == set()
    assert status["overdue_notices"] == 0


async def test_parked_keys_what_waits_and_stopped_consumers_are_metrics(routing: Routing) -> None:
    desk: Desk = routing.app.state.desk
    topic = Topic()
    topic.write(b"garbage", key=CLIENT)
    topic.write(b"garbage", key=CLIENT)
    await read(routing, topic)
    registry = CollectorRegistry()
    gauges = FigureGauges(registry)

    def shown() -> list[float | None]:
        return [
            registry.get_sample_value(f"kuntavayla_inbox_{name}", {"consumer": CONSUMER})
            for name in ("parked_keys", "queued_messages", "consumer_stopped")
        ]

    at = desk.moment()
    async with desk.transaction() as connection:
        gauges.show(await operating.load_figures(connection, moment=at), [], now=at.now)
    parked = shown()
    await routing.fetch("UPDATE inbox_parked SET state = 'skipped', settled_at = now()")
    await routing.fetch(
        "INSERT INTO inbox_consumers VALUES ($1, 'stopped', 'parked_share', now())", CONSUMER
    )
    at = desk.moment()
    async with desk.transaction() as connection:
        gauges.show(await operating.load_figures(connection, moment=at), [], now=at.now)

    assert parked == [1, 1, 0]
    assert shown() == [0, 0, 1]
