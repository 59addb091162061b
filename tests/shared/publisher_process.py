"""A publisher as a process that may be killed: `python -m tests.shared.publisher_process`.

What it publishes comes in the first line of its input; it ends when its input closes.
"""

import asyncio
from datetime import UTC, datetime

from msgspec import Struct
from prometheus_client import CollectorRegistry

from kuntavayla.database import open_pool
from kuntavayla.outbox import Publication, Publisher, PublisherMetrics
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.serving import end_with_parent, read_configuration


class Start(Struct, frozen=True):
    """Which service's outbox goes from which database to which broker."""

    service: str
    database_url: str
    bootstrap: str


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a process of its own reads the clock


async def publish(start: Start) -> None:
    """Publish until the process ends."""
    publication = Publication(
        service=start.service,
        database_url=start.database_url,
        broker=KafkaConnection(bootstrap=start.bootstrap),
        clock=clock,
    )
    pool = await open_pool(start.database_url)
    await Publisher(pool, publication, metrics=PublisherMetrics(CollectorRegistry())).run()


def main() -> None:
    configure_logging(service="publisher", version="1")
    start = read_configuration(Start)
    end_with_parent()
    asyncio.run(publish(start))


if __name__ == "__main__":
    main()
