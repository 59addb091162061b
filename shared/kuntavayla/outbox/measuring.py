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
        self._hole_behind: int | None = None
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

    @property
    def has_hole(self) -> bool:
        """Say whether this process has found a hole that it knows nobody to have passed."""
        return self._hole_behind is not None

    def show_hole(self, *, behind: int) -> None:
        """Show that the next position is missing, until the publisher has passed it."""
        self._hole_behind = behind
        self._hole.set(1)

    def pass_by(self, position: int) -> None:
        """Show that everything up to a position is published, by whichever process."""
        if self._hole_behind is not None and position > self._hole_behind:
            self._hole_behind = None
            self._hole.set(0)

    def observe(self, events: int) -> None:
        """Count a batch."""
        self._batches.observe(events)

    def count_failure(self, reason: str) -> None:
        """Count an attempt that failed, by the name of the failure."""
        self._failures.labels(reason).inc()
