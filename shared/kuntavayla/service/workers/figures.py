"""Where a service stands, as gauges."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.inbox import ConsumerFigures
from kuntavayla.service.operations.recipients import RecipientStanding
from kuntavayla.service.operations.standing import ServiceFigures

FRESH_INTERVAL_S = 10.0
"""Seconds between two looks at register and figures."""
WAITING_MAX = 1_000
"""Events of a stream that a look counts: it is made by every process, also on a busy day."""


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

    def show(self, figures: ServiceFigures) -> None:
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

    def show(self, figures: ServiceFigures) -> None:
        """Show the newest block, and what no block has."""
        self._newest_block.set(figures.seal.newest_block or 0)
        self._oldest_unsealed.set(figures.oldest_unsealed_s)


class LabelledGauge:
    """A gauge whose series are those of the last look, and no others.

    A series that goes on is never taken away in between: a look at the metrics in that moment would
    end an alarm.
    """

    def __init__(
        self, name: str, text: str, names: tuple[str, ...], *, registry: CollectorRegistry
    ) -> None:
        self._gauge = Gauge(name, text, names, registry=registry)
        self._shown: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Show these values by their labels."""
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        for labels in self._shown - values.keys():
            self._gauge.remove(*labels)
        self._shown = set(values)


class RecipientGauges:
    """What waits for each recipient, and who is held back."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("recipient", "channel")
        self._waiting = LabelledGauge(
            "kuntavayla_outbox_waiting_events",
            "Events that a recipient is not known to have, at most 1,000.",
            names,
            registry=registry,
        )
        self._oldest = LabelledGauge(
            "kuntavayla_outbox_oldest_waiting_seconds",
            "Age of the oldest event that a recipient is not known to have.",
            names,
            registry=registry,
        )
        self._held = LabelledGauge(
            "kuntavayla_outbox_recipient_held",
            "1 for a recipient that is paused, or is being sent what it is owed.",
            names[:1],
            registry=registry,
        )

    def show(self, standings: Sequence[RecipientStanding], *, now: datetime) -> None:
        """Show both streams of each recipient of which it is known how far it has come."""
        streams = {
            (stream.recipient, stream.channel): stream
            for one in standings
            for stream in (one.common, one.restricted)
            if stream.newest is not None and stream.waiting is not None
        }
        self._waiting.show({labels: stream.waiting or 0 for labels, stream in streams.items()})
        self._oldest.show(
            {labels: _age_s(stream.oldest_waiting_at, now) for labels, stream in streams.items()}
        )
        self._held.show({(one.recipient,): 1 for one in standings if one.state != "open"})


def _age_s(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


class ConsumerGauges:
    """What is parked for each consumer of ours, and which have stopped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("consumer",)
        self._parked = LabelledGauge(
            "kuntavayla_inbox_parked_keys",
            "Keys of which a message is parked.",
            names,
            registry=registry,
        )
        self._queued = LabelledGauge(
            "kuntavayla_inbox_queued_messages",
            "Messages that wait behind parked ones.",
            names,
            registry=registry,
        )
        self._stopped = LabelledGauge(
            "kuntavayla_inbox_consumer_stopped",
            "1 where a consumer has stopped because so much parked.",
            names,
            registry=registry,
        )

    def show(self, consumers: Sequence[ConsumerFigures]) -> None:
        """Show the consumers that have parked something or have stopped."""
        self._parked.show({(one.consumer,): one.parked for one in consumers})
        self._queued.show({(one.consumer,): one.queued for one in consumers})
        self._stopped.show({(one.consumer,): one.state == "stopped" for one in consumers})


class ServiceGauges:
    """What every service shows of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outbox = OutboxGauges(registry)
        self._recipients = RecipientGauges(registry)
        self._consumers = ConsumerGauges(registry)
        self._seal = SealGauges(registry)

    def show(
        self, figures: ServiceFigures, standings: Sequence[RecipientStanding], *, now: datetime
    ) -> None:
        """Show figures as they stand."""
        self._outbox.show(figures)
        self._recipients.show(standings, now=now)
        self._consumers.show(figures.consumers)
        self._seal.show(figures)
