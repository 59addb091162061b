"""A broker behind a link of its own, and all that may happen to both."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest

from kuntavayla.register import OrganisationKind, load_register
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.backbone import prepare_topics
from kuntavayla_sandbox.broker import Broker, BrokerPlan, missing_tool
from kuntavayla_sandbox.identities import organisations_ahead
from tests.faults.link import Link
from tests.faults.site import SYSTEMS


class FaultyBroker:
    """The broker, reached by everybody through its link."""

    def __init__(self, broker: Broker, link: Link) -> None:
        self._broker = broker
        self.link = link
        self.connection = KafkaConnection(bootstrap=link.address)

    async def kill(self) -> None:
        """Kill the broker without any warning, and start it again on the same data."""
        await asyncio.to_thread(self._broker.kill)
        await asyncio.to_thread(self._broker.start)

    async def pause(self, for_s: float) -> None:
        """Let the broker stand still for a while; its connections stay open."""
        pid = self._broker.pid
        assert pid is not None, "only a running broker is paused"
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def running_broker(directory: Path, *, on: date) -> AsyncIterator[FaultyBroker]:
    """Run a fresh broker; skip where there can be none.

    It has the topics of the case systems that run and of the TE offices: a broker that was killed
    looks through every partition.
    """
    missing = missing_tool()
    if missing is not None:
        pytest.skip(f"NOT POSSIBLE HERE, no fault of a broker is tried: {missing}")
    async with Link() as link:
        advertised = {"advertised.listeners": f"PLAINTEXT://{link.address}"}
        broker = Broker(directory, BrokerPlan(extra=advertised))
        link.target = broker.bootstrap
        await asyncio.to_thread(broker.start)
        try:
            faulty = FaultyBroker(broker, link)
            organisations = [
                each
                for each in organisations_ahead(load_register(), on=on)
                if each.organisation_id in SYSTEMS or each.kind is OrganisationKind.TE_OFFICE
            ]
            await prepare_topics(faulty.connection, organisations, is_new=True)
            yield faulty
        finally:
            await asyncio.to_thread(broker.stop)
