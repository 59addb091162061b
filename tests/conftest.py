"""Fixtures for all tests: one server per run, and an event loop for the session."""

from collections.abc import AsyncIterator, Iterator

import pytest

from kuntavayla.testing import DatabaseServer
from kuntavayla.testing.databases import running_server


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
async def databases(server_url: str) -> AsyncIterator[DatabaseServer]:
    server = DatabaseServer(server_url)
    yield server
    await server.close()
