"""The register kept fresh, figures measured, places of readers saved."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.database import Pool, transaction
from kuntavayla.feed import Readings
from routing_api.operations import operating
from routing_api.operations.law import Law
from routing_api.operations.moments import Moment

FRESH_INTERVAL_S = 10.0
"""Seconds between two looks at register and figures."""


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
        self._epoch = Gauge(
            "kuntavayla_outbox_epoch",
            "Newest epoch, which a restore needs to be told.",
            registry=registry,
        )

    def show(self, figures: operating.Figures) -> None:
        """Show where head and publisher stand."""
        self._epoch.set(figures.standing.epoch)
        self._position.set(figures.standing.head)
        self._published.set(figures.standing.published)
        self._unpublished.set(figures.oldest_unpublished_s or 0)


class SealGauges:
    """How far the audit is sealed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._newest_block = Gauge(
            "kuntavayla_audit_newest_block", "Number of the newest block.", registry=registry
        )
        self._oldest_unsealed = Gauge(
            "kuntavayla_audit_oldest_unsealed_seconds",
            "Age of the oldest line of the audit that no block has.",
            registry=registry,
        )

    def show(self, figures: operating.Figures) -> None:
        """Show the newest block, and what no block has."""
        self._newest_block.set(figures.seal.newest_block or 0)
        self._oldest_unsealed.set(figures.oldest_unsealed_s)


class FigureGauges:
    """What waits and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "kuntavayla_routing_waiting", "Cases that wait.", ("figure",), registry=registry
        )
        self._outbox = OutboxGauges(registry)
        self._seal = SealGauges(registry)
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
        self._seal.show(figures)
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
) -> None:
    """Look at register and figures once, and save where readers are."""
    async with transaction(pool) as connection:
        await law.registers.current(connection)
        gauges.show(await operating.load_figures(connection, moment=moment()))
        await readings.save(connection)
