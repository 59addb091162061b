import asyncio
import contextlib

from prometheus_client import CollectorRegistry

from routing_api.operations import operating
from routing_api.operations.moments import Moment
from routing_api.routes.desk import Desk
from routing_api.workers import FigureGauges, keep_fresh
from tests.routing_api.inbound import CONSUMER, Topic, read
from tests.routing_api.service import Routing

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


async def test_figures_are_read_again_after_any_failure_of_one_look(routing: Routing) -> None:
    desk: Desk = routing.app.state.desk
    registry = CollectorRegistry()
    looks = Looks(desk)

    async def loop() -> None:
        gauges = FigureGauges(registry)
        await keep_fresh(
            desk.pool, law=desk.law, moment=looks.moment, gauges=gauges, interval_s=0.001
        )

    task = asyncio.create_task(loop())
    async with asyncio.timeout(5):
        await looks.third.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    read_at = registry.get_sample_value("kuntavayla_routing_figures_read_timestamp_seconds")
    assert read_at is not None
    assert read_at > 0


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

    async with desk.transaction() as connection:
        gauges.show(await operating.load_figures(connection, moment=desk.moment()))
    parked = shown()
    await routing.fetch("UPDATE inbox_parked SET state = 'skipped', settled_at = now()")
    await routing.fetch(
        "INSERT INTO inbox_consumers VALUES ($1, 'stopped', 'parked_share', now())", CONSUMER
    )
    async with desk.transaction() as connection:
        gauges.show(await operating.load_figures(connection, moment=desk.moment()))

    assert parked == [1, 1, 0]
    assert shown() == [0, 0, 1]
