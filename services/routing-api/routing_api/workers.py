"""The timed loops of routing-api: register kept fresh, figures measured, audit sealed."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from kuntavayla.audit import SealKey, keep_sealing
from kuntavayla.audit.electing import SealReport
from kuntavayla.database import Pool, transaction
from kuntavayla.telemetry import log
from routing_api.operations import operating, seals
from routing_api.operations.law import Law
from routing_api.operations.moments import Moment

INTERVAL_S = 10.0
"""Seconds between two looks at the database."""


class FigureGauges:
    """What waits and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "kuntavayla_routing_waiting", "Cases that wait.", ("figure",), registry=registry
        )
        self._position = Gauge(
            "kuntavayla_outbox_head_position", "Newest position.", registry=registry
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
        self._newest_block.set(figures.seal.newest_block or 0)
        self._oldest_unsealed.set(figures.oldest_unsealed_s)
        for name in figures.waiting.__struct_fields__:
            self._waiting.labels(name).set(getattr(figures.waiting, name))


async def keep_fresh(
    pool: Pool,
    *,
    law: Law,
    moment: Callable[[], Moment],
    gauges: FigureGauges,
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
        except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
            log.warning("figures.not_read", error_type=type(error).__name__)
        await asyncio.sleep(interval_s)


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
