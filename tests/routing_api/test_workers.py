import asyncio
import contextlib

from prometheus_client import CollectorRegistry

from routing_api.operations.moments import Moment
from routing_api.routes.desk import Desk
from routing_api.workers import FigureGauges, keep_fresh
from tests.routing_api.service import Routing


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
            desk.pool,
            law=desk.law,
            moment=looks.moment,
            gauges=gauges,
            readings=desk.readings,
            interval_s=0.001,
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
