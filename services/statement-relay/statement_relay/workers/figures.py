"""Figures measured, places of readers saved."""

from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.database import Pool, transaction
from kuntavayla.feed import Readings
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations import recipients
from kuntavayla.service.operations.recipients import RecipientStanding
from kuntavayla.service.workers.figures import WAITING_MAX, LabelledGauge, ServiceGauges
from kuntavayla.settings import Transport
from statement_relay.operations import operating


class ReceiverGauges:
    """What waits for each receiver, and which are held back."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("receiver",)
        self._waiting = LabelledGauge(
            "kuntavayla_relay_receiver_waiting_items",
            "Items that wait to be delivered to a receiver.",
            names,
            registry=registry,
        )
        self._oldest = LabelledGauge(
            "kuntavayla_relay_receiver_oldest_waiting_seconds",
            "Age of the oldest item that waits to be delivered to a receiver.",
            names,
            registry=registry,
        )
        self._held = LabelledGauge(
            "kuntavayla_relay_receiver_held",
            "1 for a receiver that gets nothing now: paused, or its breaker is not closed.",
            (*names, "reason"),
            registry=registry,
        )

    def show(self, figures: operating.Figures, *, now: datetime) -> None:
        """Show every receiver."""
        receivers = figures.receivers
        self._waiting.show({(one.receiver_id,): one.waiting for one in receivers})
        self._oldest.show(
            {
                (one.receiver_id,): max(0.0, (now - one.oldest_at).total_seconds())
                for one in receivers
                if one.oldest_at is not None
            }
        )
        reasons = [(one.receiver_id, "paused") for one in receivers if one.is_paused]
        reasons += [(one.receiver_id, "breaker") for one in receivers if not one.is_closed]
        self._held.show(dict.fromkeys(reasons, 1.0))


class ComparingGauges:
    """What receivers' own lists of the last seven days show."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._differences = LabelledGauge(
            "kuntavayla_relay_reconciliation_differences",
            "Items about which receivers' lists of the last seven days differ from our receipts.",
            ("receiver", "kind"),
            registry=registry,
        )
        self._not_compared = LabelledGauge(
            "kuntavayla_relay_days_not_compared",
            "Days of the last seven of which a receiver that was asked gave no whole list.",
            ("receiver",),
            registry=registry,
        )

    def show(self, figures: operating.Figures) -> None:
        """Show every receiver."""
        self._differences.show(
            {(one.receiver_id, one.kind): one.count for one in figures.differences}
        )
        self._not_compared.show({(one.receiver_id,): one.days for one in figures.not_compared})


class FigureGauges:
    """What is not settled and what is late, as gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("state",)
        self._unsettled = LabelledGauge(
            "kuntavayla_relay_unsettled_items",
            "Items of information in a state that is not their last.",
            names,
            registry=registry,
        )
        self._overdue = LabelledGauge(
            "kuntavayla_relay_overdue_items",
            "Items whose time to be delivered has passed.",
            names,
            registry=registry,
        )
        self._oldest = Gauge(
            "kuntavayla_relay_oldest_unsettled_seconds",
            "Age of the oldest item that is not settled; 0 where there is none.",
            registry=registry,
        )
        self._overdue_requests = Gauge(
            "kuntavayla_relay_overdue_requests",
            "Questions of TE offices that are open and whose time has passed.",
            registry=registry,
        )
        self._receivers = ReceiverGauges(registry)
        self._comparing = ComparingGauges(registry)
        self._service = ServiceGauges(registry)
        self._read_at = Gauge(
            "kuntavayla_relay_figures_read_timestamp_seconds",
            "When the figures were last read.",
            registry=registry,
        )

    def show(
        self, figures: operating.Figures, standings: Sequence[RecipientStanding], *, now: datetime
    ) -> None:
        """Show figures as they stand, and that they were read now."""
        self._read_at.set_to_current_time()
        self._service.show(figures.service, standings, now=now)
        self._unsettled.show({(one.state,): one.count for one in figures.unsettled})
        self._overdue.show({(one.state,): one.overdue for one in figures.unsettled})
        self._oldest.set(figures.oldest_unsettled_s)
        self._comparing.show(figures)
        self._overdue_requests.set(figures.overdue_requests)
        self._receivers.show(figures, now=now)


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
