"""Fixtures for all tests: one server per run, and an event loop for the session."""

from collections.abc import AsyncIterator, Collection, Iterator

import pytest
from hypothesis import HealthCheck, settings

from kuntavayla.testing import DatabaseServer
from kuntavayla.testing.databases import running_server
from kuntavayla_sandbox.broker import Broker, BrokerPlan, Listener, missing_tool

BROKER_USERS = {"admin": "admin-of-the-tests", "routing-api": "routing-api-of-the-tests"}
LONGEST = ("tests/faults", "tests/sandbox")

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
    # The longest files begin first, so that the workers end about together.
    brokers = {item.path for item in items if "broker" in _fixtures_of(item)}
    items.sort(key=lambda item: _rank(item, has_broker=item.path in brokers))


def _fixtures_of(item: pytest.Item) -> Collection[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()


def _rank(item: pytest.Item, *, has_broker: bool) -> int:
    if has_broker:
        return -1
    return next(
        (rank for rank, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST)
    )


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
