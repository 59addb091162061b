"""One service on a real broker for each journey, with the topics that its recipients read."""

from collections.abc import AsyncIterator

import pytest

from kuntavayla.outbox import inbound_topic_of
from kuntavayla.testing import DatabaseServer
from kuntavayla_sandbox.broker import Broker
from routing_api.events import SERVICE
from tests.routing_api.service import Routing, running_routing
from tests.shared.published import Topics
from tests.topics import a_topic

RECIPIENTS = ("cs-sotkamo", "te-kainuu", "internal")


@pytest.fixture
async def topics(broker: Broker) -> AsyncIterator[Topics]:
    topics = Topics(broker.bootstrap, service=SERVICE)
    await topics.make(*RECIPIENTS)
    yield topics
    await topics.remove(*RECIPIENTS)


@pytest.fixture
async def inbound(broker: Broker) -> AsyncIterator[str]:
    async with a_topic(broker, inbound_topic_of(SERVICE, "cs-sotkamo")) as topic:
        yield topic


@pytest.fixture
async def routing(
    databases: DatabaseServer,
    topics: Topics,
    inbound: str,  # noqa: ARG001 - the topic must be there before the service
) -> AsyncIterator[Routing]:
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(
            database,
            transport="kafka",
            kafka_bootstrap=topics.bootstrap,
            kafka_security="plaintext",
            # Samples tell the machine's time, and the legal clock of the tests stands in 2021.
            report_ahead_s_max=316_224_000,
        ) as routing,
    ):
        yield routing
