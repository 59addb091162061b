"""The publisher of a service's events, where they travel by a broker."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry

from kuntavayla.database import Pool
from kuntavayla.outbox import Publication, Publisher, PublisherMetrics
from kuntavayla.settings import KafkaConnection


def publisher_of(
    pool: Pool,
    broker: KafkaConnection,
    *,
    service: str,
    url: str,
    clock: Callable[[], datetime],
    registry: CollectorRegistry,
) -> Publisher:
    """Return what stands for election to publish a service's events."""
    publication = Publication(service=service, database_url=url, broker=broker, clock=clock)
    return Publisher(pool, publication, metrics=PublisherMetrics(registry))
