"""A consumer as a process that may be killed: `python -m tests.shared.consumer_process`.

What it reads comes in the first line of its input; it ends when its input closes. It can be told to
end by itself, at once, between the effects of a batch and their commit.
"""

import asyncio
import os
import signal
from collections.abc import Sequence

from msgspec import Struct

from kuntavayla.database import Connection, open_pool
from kuntavayla.inbox import Inbox, IncomingEvent, KafkaSource
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.serving import end_with_parent, read_configuration
from tests.shared.inbox_example import keep


class Start(Struct, frozen=True, kw_only=True):
    """What is read from where; it dies in the batch after so many events, if told to."""

    database_url: str
    bootstrap: str
    topic: str
    consumer: str
    dies_after: int | None = None


async def consume(start: Start) -> None:
    """Consume until the process ends."""
    handled = 0

    async def handle(connection: Connection, events: Sequence[IncomingEvent]) -> None:
        nonlocal handled
        await keep(connection, events)
        handled += len(events)
        if start.dies_after is not None and handled > start.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    pool = await open_pool(start.database_url)
    connection = KafkaConnection(bootstrap=start.bootstrap)
    source = KafkaSource(connection, topics=[start.topic], group=f"{start.consumer}.inbox")
    await Inbox(pool, source, consumer=start.consumer).run(handle)


def main() -> None:
    configure_logging(service="consumer", version="1")
    start = read_configuration(Start)
    end_with_parent()
    asyncio.run(consume(start))


if __name__ == "__main__":
    main()
