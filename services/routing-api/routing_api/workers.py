"""The timed loops of routing-api: the register kept fresh, the figures measured."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.database import AWAY, BUSY, Pool, transaction
from kuntavayla.telemetry import log
from routing_api.operations import operating
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

    def show(self, figures: operating.Figures) -> None:
        """Show figures as they stand."""
        self._position.set(figures.head_position)
        for name in figures.waiting.__struct_fields__:
            self._waiting.labels(name).set(getattr(figures.waiting, name))


async def keep_fresh(
    pool: Pool, *, law: Law, moment: Callable[[], Moment], gauges: FigureGauges
) -> None:
    """Look at register and figures again and again until cancelled.

    A database that is away is asked later.
    """
    while True:
        try:
            async with transaction(pool) as connection:
                await law.registers.current(connection)
                gauges.show(await operating.load_figures(connection, moment=moment()))
        except (*AWAY, *BUSY) as error:
            log.warning("figures.not_read", error_type=type(error).__name__)
        await asyncio.sleep(INTERVAL_S)
