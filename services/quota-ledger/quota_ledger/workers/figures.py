"""Figures measured, places of readers saved."""

from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.database import Pool, transaction
from kuntavayla.feed import Readings
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations import recipients
from kuntavayla.service.operations.recipients import RecipientStanding
from kuntavayla.service.workers.figures import WAITING_MAX, ServiceGauges
from kuntavayla.settings import Transport
from quota_ledger.operations import operating


class FigureGauges:
    """Where the service stands, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._service = ServiceGauges(registry)
        self._read_at = Gauge(
            "kuntavayla_quota_figures_read_timestamp_seconds",
            "When the figures were last read.",
            registry=registry,
        )
        self._uncovered = Gauge(
            "kuntavayla_quota_uncovered_overrides",
            "Overrides whose last day has ended without their cover.",
            registry=registry,
        )
        self._uncovered_cents = Gauge(
            "kuntavayla_quota_uncovered_cents",
            "What is still raised by overrides whose last day has ended, in cents.",
            registry=registry,
        )

    def show(
        self, figures: operating.Figures, standings: Sequence[RecipientStanding], *, now: datetime
    ) -> None:
        """Show figures as they stand, and that they were read now."""
        self._read_at.set_to_current_time()
        self._uncovered.set(figures.uncovered.count)
        self._uncovered_cents.set(figures.uncovered.cents)
        self._service.show(figures.service, standings, now=now)


async def look(
    pool: Pool,
    *,
    moment: Callable[[], Moment],
    gauges: FigureGauges,
    readings: Readings,
    transport: Transport,
) -> None:
    """Look at the figures once, and save where readers are."""
    async with transaction(pool) as connection:
        at = moment()
        figures = await operating.load_figures(connection, moment=at)
        standings = await recipients.list_of(
            connection, transport=transport, readings=readings, now=at.now, waiting_max=WAITING_MAX
        )
    gauges.show(figures, standings, now=at.now)
