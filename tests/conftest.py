"""Fixtures for all tests: one server per run, and an event loop for the session."""

import functools
import gc
import re
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from kuntavayla.testing import DatabaseServer
from kuntavayla.testing.databases import running_server
from kuntavayla_sandbox.broker import Broker, BrokerPlan, Listener, missing_tool

ROOT = Path(__file__).parent.parent
BROKER_USERS = {"admin": "admin-of-the-tests", "routing-api": "routing-api-of-the-tests"}
SHARES_BROKER = re.compile(r"\bbroker: Broker\b|\bTopics\b|\bshared\.publishers\b")
LONGEST = ("broker", "faults", "tests/sandbox/")
"""The groups that begin first, so that the workers end about together."""

# No property is judged by the speed of the machine.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", UNHURRIED, derandomize=True)
settings.register_profile("explore", UNHURRIED, max_examples=3_000, print_blob=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database: uses PostgreSQL; marked by its fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "server_url" in _fixtures_of(item):
            item.add_marker(pytest.mark.database)
    items.sort(key=_rank)


class SharingScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """One worker has all files of a group, and makes once what they share."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return _group(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return SharingScheduling(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_finish() -> None:
    # All that was imported stays to the end: no collection of garbage need look through it again.
    gc.freeze()


def _fixtures_of(item: pytest.Item) -> Collection[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()


@functools.cache
def _group(path: str) -> str:
    """Return the group of a file: the broker's, that of the stack that is killed, or its own."""
    if path.startswith("tests/faults/"):
        return "faults"
    return "broker" if SHARES_BROKER.search((ROOT / path).read_text()) else path


def _rank(item: pytest.Item) -> int:
    group = _group(item.nodeid.partition("::")[0])
    return next((rank for rank, name in enumerate(LONGEST) if group.startswith(name)), len(LONGEST))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
async def databases(server_url: str) -> AsyncIterator[DatabaseServer]:
    server = DatabaseServer(server_url)
    yield server
    await server.close()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker with every kind of listener; tests share it and use topics of their own."""
    missing = missing_tool()
    if missing is not None:
        pytest.skip(f"NOT POSSIBLE HERE, nothing on Kafka is tested: {missing}")
    plan = BrokerPlan(listeners=frozenset(Listener), users=BROKER_USERS)
    with Broker(tmp_path_factory.mktemp("broker"), plan) as broker:
        yield broker
