"""What routing-api does by itself from time to time.

The register is kept fresh, figures are measured, overdue transfers told of, the audit sealed.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from kuntavayla.audit import SealKey, keep_sealing
from kuntavayla.audit.electing import SealReport
from kuntavayla.database import Pool, transaction
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


class FigureGauges:
    """What waits and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "kuntavayla_routing_waiting", "Cases that wait.", ("figure",), registry=registry
        )
        self._position = Gauge(
            "kuntavayla_outbox_head_position", "Newest position.", registry=registry
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

    def show(self, figures: operating.Figures) -> None:
        """Show figures as they stand, and that they were read now."""
        self._read_at.set_to_current_time()
        self._position.set(figures.head_position)
        self._epoch.set(figures.epoch)
        self._newest_block.set(figures.seal.newest_block or 0)
        self._oldest_unsealed.set(figures.oldest_unsealed_s)
        for name in figures.waiting.__struct_fields__:
            self._waiting.labels(name).set(getattr(figures.waiting, name))


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
