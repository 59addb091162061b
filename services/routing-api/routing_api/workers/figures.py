"""The timed loops of routing-api: register kept fresh, figures measured, readings saved."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.database import Pool, transaction
from kuntavayla.feed import Readings
from kuntavayla.telemetry import log
from routing_api.operations import operating
from routing_api.operations.law import Law
from routing_api.operations.moments import Moment

INTERVAL_S = 10.0
"""Seconds between two looks at the database."""


class OutboxGauges:
    """How far the events have come, and how far the broker has them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._position = Gauge(
            "kuntavayla_outbox_head_position", "Newest position.", registry=registry
        )
        self._published = Gauge(
            "kuntavayla_outbox_published_position",
            "Position up to which the broker has everything; 0 where nobody publishes.",
            registry=registry,
        )
        self._unpublished = Gauge(
            "kuntavayla_outbox_oldest_unpublished_seconds",
            "Age of the oldest event that the broker does not have; 0 where nobody publishes.",
            registry=registry,
        )

    def show(self, figures: operating.Figures) -> None:
        """Show where head and publisher stand."""
        self._position.set(figures.standing.head)
        self._published.set(figures.standing.published)
        self._unpublished.set(figures.oldest_unpublished_s or 0)


class FigureGauges:
    """What waits and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "kuntavayla_routing_waiting", "Cases that wait.", ("figure",), registry=registry
        )
        self._outbox = OutboxGauges(registry)
        self._read_at = Gauge(
            "kuntavayla_routing_figures_read_timestamp_seconds",
            "When the figures were last read.",
            registry=registry,
        )
        names = ("consumer",)
        self._parked = Gauge(
            "kuntavayla_inbox_parked_keys",
            "Keys of which a message is parked.",
            names,
            registry=registry,
        )
        self._queued = Gauge(
            "kuntavayla_inbox_queued_messages",
            "Messages that wait behind parked ones.",
            names,
            registry=registry,
        )
        self._stopped = Gauge(
            "kuntavayla_inbox_consumer_stopped",
            "1 where a consumer has stopped because so much parked.",
            names,
            registry=registry,
        )

    def show(self, figures: operating.Figures) -> None:
        """Show figures as they stand, and that they were read now."""
        self._read_at.set_to_current_time()
        self._outbox.show(figures)
        for name in figures.waiting.__struct_fields__:
            self._waiting.labels(name).set(getattr(figures.waiting, name))
        for gauge in (self._parked, self._queued, self._stopped):
            gauge.clear()
        for one in figures.consumers:
            self._parked.labels(one.consumer).set(one.parked)
            self._queued.labels(one.consumer).set(one.queued)
            self._stopped.labels(one.consumer).set(one.state == "stopped")


async def keep_fresh(
    pool: Pool,
    *,
    law: Law,
    moment: Callable[[], Moment],
    gauges: FigureGauges,
    readings: Readings,
    interval_s: float = INTERVAL_S,
) -> None:
    """Look at register and figures again and again until cancelled.

    A look that fails, whatever the reason, is told in the log, and the next one follows as usual.
    """
    while True:
        try:
            async with transaction(pool) as connection:
                await law.registers.current(connection)
                gauges.show(await operating.load_figures(connection, moment=moment()))
                await readings.save(connection)
        except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
            log.warning("figures.not_read", error_type=type(error).__name__)
        await asyncio.sleep(interval_s)
