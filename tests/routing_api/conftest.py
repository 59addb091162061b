"""A running routing-api for each test: real database, real tokens, HTTP against the app."""

from collections.abc import AsyncIterator

import pytest

from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.routing_api.service import Routing, running_routing


@pytest.fixture
async def database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with databases.database("routing_api", role="routing_api") as database:
        yield database


@pytest.fixture
async def routing(database: TestDatabase) -> AsyncIterator[Routing]:
    async with running_routing(database) as routing:
        yield routing


@pytest.fixture(scope="module")
async def refusing(databases: DatabaseServer) -> AsyncIterator[Routing]:
    """One service for all calls of a module that store nothing."""
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(database) as routing,
    ):
        yield routing
