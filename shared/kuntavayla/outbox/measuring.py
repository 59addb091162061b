"""What a publisher tells about itself, as metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_BUCKETS = (1, 4, 16, 64, 256, 1_024, 5_000)


class PublisherMetrics:
    """Whether this process publishes, how large its batches are, and what it could not send."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._is_leader = Gauge(
            "kuntavayla_outbox_is_publisher",
            "1 in the process that publishes, 0 in those that stand by.",
            registry=registry,
        )
        self._hole = Gauge(
            "kuntavayla_outbox_hole",
            "1 where a position is missing and the publisher has stopped in front of it.",
            registry=registry,
        )
        self._batches = Histogram(
            "kuntavayla_outbox_batch_events",
            "Events of one batch, sent and acknowledged.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "kuntavayla_outbox_send_failures",
            "Attempts that the broker did not acknowledge; each is made again.",
            ("reason",),
            registry=registry,
        )

    def lead(self) -> None:
        """Show that this process publishes."""
        self._is_leader.set(1)

    def step_down(self) -> None:
        """Show that this process publishes no longer."""
        self._is_leader.set(0)

    def show_hole(self) -> None:
        """Show that a position is missing."""
        self._hole.set(1)

    def observe(self, events: int) -> None:
        """Count a batch; where one passes, there is no hole in front of it."""
        self._batches.observe(events)
        self._hole.set(0)

    def count_failure(self, reason: str) -> None:
        """Count an attempt that failed, by the name of the failure."""
        self._failures.labels(reason).inc()
