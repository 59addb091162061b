"""Topics of a service, made where nobody else makes them: local stacks and tests.

In production an operator makes them, with copies and rights: deploy/kafka. What is agreed with
readers stands here for both: names, partitions, how long records are kept.
"""

from collections.abc import Collection, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from kuntavayla.outbox.broker import PARTITIONS
from kuntavayla.settings import KafkaConnection

DAY_MS = 86_400_000
OUT_DAYS, IN_DAYS = 30, 7
COPIES = 1
"""Enough for a broker on one's own machine; in production there are three."""


class TopicsNotMade(Exception):
    """The broker cannot be reached, or does not make the topics; the text says which and why."""


def inbound_topic_of(service: str, case_system: str) -> str:
    """Return the topic that a case system alone writes, for a service alone."""
    return f"kv.{service}.in.{case_system}.v1"


async def list_topics(connection: KafkaConnection) -> Collection[str]:
    """Return the names of the topics that the broker has; raises TopicsNotMade."""
    async with _Administrator(connection) as client:
        names: Collection[str] = await client.list_topics()
        return names


async def make_topics(
    connection: KafkaConnection, *, out: Sequence[str] = (), inbound: Sequence[str] = ()
) -> None:
    """Make the topics that are not there yet; raises TopicsNotMade."""
    topics = [
        NewTopic(
            name,
            PARTITIONS,
            COPIES,
            topic_configs={"retention.ms": str(days * DAY_MS), "cleanup.policy": "delete"},
        )
        for days, names in ((OUT_DAYS, out), (IN_DAYS, inbound))
        for name in names
    ]
    async with _Administrator(connection) as client:
        answer = await client.create_topics(topics)
    faults = {
        name: for_code(code)
        for name, code, *_ in answer.topic_errors
        if code not in (0, TopicAlreadyExistsError.errno)
    }
    if faults:
        told = ", ".join(f"{name}: {fault.__name__}" for name, fault in faults.items())
        raise TopicsNotMade(told)


class _Administrator:
    """A client that may ask for topics, for the length of a block."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._client = AIOKafkaAdminClient(**connection.client_options())

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await self._client.start()
        except (KafkaError, OSError) as error:
            await self._client.close()
            raise TopicsNotMade(f"{self._connection!r}: {type(error).__name__}") from error
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
