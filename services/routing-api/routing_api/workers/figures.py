"""What routing-api does by itself from time to time.

The register is kept fresh, figures are measured, overdue transfers told of, the audit sealed.
"""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from kuntavayla.audit import SealKey, keep_sealing
from kuntavayla.audit.electing import SealReport
from kuntavayla.database import Pool, transaction
from kuntavayla.inbox import ConsumerFigures
from kuntavayla.telemetry import new_traceparent
from routing_api.operations import operating, seals
from routing_api.operations.law import Law
from routing_api.operations.moments import Call, Moment
from routing_api.operations.overdue import OVERDUE_BATCH, tell_overdue

FRESH_INTERVAL_S = 10.0
"""Seconds between two looks at register and figures."""
OVERDUE_INTERVAL_S = 30.0
"""Seconds between two looks for transfers that became overdue."""
OURSELVES = "routing-api"
"""Who acts where nobody called."""


class InboxGauges:
    """What is parked and who has stopped, by consumer."""

    def __init__(self, registry: CollectorRegistry) -> None:
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

    def show(self, consumers: Sequence[ConsumerFigures]) -> None:
        """Show consumers that have parked messages or ever stopped, and no others."""
        for gauge in (self._parked, self._queued, self._stopped):
            gauge.clear()
        for one in consumers:
            self._parked.labels(one.consumer).set(one.parked)
            self._queued.labels(one.consumer).set(one.queued)
            self._stopped.labels(one.consumer).set(one.state == "stopped")


class FigureGauges:
    """What waits and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "kuntavayla_routing_waiting", "Cases that wait.", ("figure",), registry=registry
        )
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
        self._newest_block = Gauge(
            "kuntavayla_audit_newest_block", "Number of the newest block.", registry=registry
        )
        self._oldest_unsealed = Gauge(
            "kuntavayla_audit_oldest_unsealed_seconds",
            "Age of the oldest line of the audit that no block has.",
            registry=registry,
        )
        self._read_at = Gauge(
            "kuntavayla_routing_figures_read_timestamp_seconds",
            "When the figures were last read.",
            registry=registry,
        )

        self._inboxes = InboxGauges(registry)

    def show(self, figures: operating.Figures) -> None:
        """Show figures as they stand, and that they were read now."""
        self._read_at.set_to_current_time()
        self._position.set(figures.standing.head)
        self._published.set(figures.standing.published)
        self._unpublished.set(figures.oldest_unpublished_s or 0)
        self._epoch.set(figures.standing.epoch)
        self._newest_block.set(figures.seal.newest_block or 0)
        self._oldest_unsealed.set(figures.oldest_unsealed_s)
        for name in figures.waiting.__struct_fields__:
            self._waiting.labels(name).set(getattr(figures.waiting, name))
        self._inboxes.show(figures.consumers)


async def keep_fresh(
    pool: Pool, *, law: Law, moment: Callable[[], Moment], gauges: FigureGauges
) -> None:
    """Look at register and figures once."""
    async with transaction(pool) as connection:
        await law.registers.current(connection)
        gauges.show(await operating.load_figures(connection, moment=moment()))


async def tell_all_overdue(pool: Pool, *, moment: Callable[[], Moment]) -> int:
    """Tell of every transfer that is overdue by now, batch by batch; return how many there were."""
    told = 0
    while True:
        at = moment()
        call = Call(organisation=OURSELVES, request_id=at.new_id(), traceparent=new_traceparent())
        async with transaction(pool) as connection:
            count = await tell_overdue(connection, call=call, moment=at)
        told += count
        if count < OVERDUE_BATCH:
            return told


async def keep_sealed(
    url: str,
    key: SealKey,
    *,
    moment: Callable[[], Moment],
    registry: CollectorRegistry,
    interval_s: float,
) -> None:
    """Stand for election as the audit's sealer, and seal, until cancelled."""
    is_sealer = Gauge(
        "kuntavayla_audit_is_sealer", "1 where this process seals the audit.", registry=registry
    )
    sealed = Counter("kuntavayla_audit_sealed_lines", "Lines sealed.", registry=registry)
    await keep_sealing(
        url,
        seals.sealer_of(key, moment=moment),
        report=SealReport(leads=is_sealer.set, sealed=sealed.inc),
        interval_s=interval_s,
    )
