"""How events travel in a local stack: by the feed, or over a broker of its own or a given one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from kuntavayla.outbox import TopicsNotMade, inbound_topic_of, list_topics, make_topics, topic_of
from kuntavayla.register import Organisation, OrganisationKind
from kuntavayla.settings import KafkaConnection, Transport
from kuntavayla_sandbox import quota_service, relay_service, routing_service
from kuntavayla_sandbox.broker import Broker
from kuntavayla_sandbox.state import StateDirectory, StateFault, write_private

BROKER = "kafka"
"""The broker's name among the processes of a stack, and its folder."""
INTERNAL = "internal"
"""The recipient of what services tell each other."""


class Backbone(Struct, frozen=True, kw_only=True):
    """Which way common events travel; `kafka` is a given broker's `host:port`."""

    transport: Transport = Transport.FEED
    kafka: str | None = None


class OtherBackbone(StateFault):
    """The directory's events began on another way, and go on on it."""

    def __init__(self, begun: Backbone) -> None:
        place = f" over {begun.kafka}" if begun.kafka else ""
        super().__init__(
            f"The events of this directory travel by {begun.transport}{place}; start it so, or"
            " give another --state."
        )


class TopicsInUse(StateFault):
    """The given broker has topics of another stack."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The broker already has {name}, of another stack; give another broker, or delete its"
            " topics kv.*."
        )


class BrokerRefuses(StateFault):
    """The given broker cannot be used."""

    def __init__(self, fault: TopicsNotMade) -> None:
        super().__init__(f"Kafka cannot be used: {fault}")


def keep_to_backbone(state: StateDirectory, backbone: Backbone) -> bool:
    """Note the way that a directory's events travel; return whether it has just begun.

    Raises OtherBackbone: a reader that changed its way would meet every event again.
    """
    file = state.path / "backbone.json"
    begun = _find_begun(file, state=state)
    if begun is None:
        write_private(file, msgspec.json.encode(backbone))
    elif begun != backbone:
        raise OtherBackbone(begun)
    return begun is None


def _find_begun(file: Path, *, state: StateDirectory) -> Backbone | None:
    """Return how the directory began, or None; one from before there was a choice has the feed."""
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Backbone)
    return Backbone() if state.clock_file.exists() else None


@asynccontextmanager
async def running_backbone(
    backbone: Backbone, state: StateDirectory, *, tell: Callable[[str], None]
) -> AsyncIterator[tuple[KafkaConnection | None, int | None]]:
    """Give how to reach the broker, and its process id where it is the stack's own.

    Raises BrokerUnavailable or BrokerFailed where the stack's own does not start.
    """
    if backbone.transport is Transport.FEED:
        yield None, None
        return
    if backbone.kafka is not None:
        yield KafkaConnection(bootstrap=backbone.kafka), None
        return
    tell("Starting Kafka; the first time Maven collects its jars")
    broker = Broker(state.path / BROKER)
    await asyncio.to_thread(broker.start)
    try:
        yield KafkaConnection(bootstrap=broker.bootstrap), broker.pid
    finally:
        await asyncio.to_thread(broker.stop)


async def prepare_topics(
    connection: KafkaConnection, organisations: Iterable[Organisation], *, is_new: object
) -> None:
    """Make a topic for each recipient, and one for each case system to write.

    A stack that has just begun takes no topics of another: it would read events that are not its
    own. Raises TopicsInUse or BrokerRefuses.
    """
    kinds = {each.organisation_id: each.kind for each in organisations}
    systems = [name for name, kind in kinds.items() if kind is OrganisationKind.CASE_SYSTEM]
    offices = [name for name, kind in kinds.items() if kind is OrganisationKind.TE_OFFICE]
    services = (routing_service.NAME, relay_service.NAME)
    centres = [name for name, kind in kinds.items() if kind is OrganisationKind.ELY]
    readers = (*systems, *offices, INTERNAL)
    out = [topic_of(service, name) for service in services for name in readers]
    out += [topic_of(quota_service.NAME, name) for name in (*readers, *centres)]
    inbound = [inbound_topic_of(service, name) for service in services for name in systems]
    try:
        if is_new:
            for name in {*out, *inbound} & {*await list_topics(connection)}:
                raise TopicsInUse(name)
        await make_topics(connection, out=out, inbound=inbound)
    except TopicsNotMade as fault:
        raise BrokerRefuses(fault) from fault
