"""A running statement-relay for each test: real database, real tokens, HTTP against the app."""

from collections.abc import AsyncIterator

import pytest

from kuntavayla.testing import DatabaseServer, TestDatabase
from statement_relay.rules.endpoints import Endpoint
from tests.statement_relay.deliveries import RECEIVER, Post, open_post
from tests.statement_relay.misbehaving import Server, receiving, running
from tests.statement_relay.service import Relay, running_relay


@pytest.fixture
async def relay_database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with databases.database("statement_relay", role="statement_relay") as database:
        yield database


@pytest.fixture
async def relay(relay_database: TestDatabase) -> AsyncIterator[Relay]:
    async with running_relay(relay_database) as relay:
        yield relay


@pytest.fixture
async def post(relay_database: TestDatabase) -> AsyncIterator[Post]:
    async with open_post(relay_database) as post:
        yield post


@pytest.fixture
async def receiver(post: Post) -> AsyncIterator[Server]:
    """A receiver that keeps the contract until a test tells it otherwise."""
    async with running(receiving) as server:
        post.endpoints[RECEIVER] = Endpoint(url=server.url)
        yield server


@pytest.fixture(scope="module")
async def refusing(databases: DatabaseServer) -> AsyncIterator[Relay]:
    """One service for all calls of a module that store nothing."""
    async with (
        databases.database("statement_relay", role="statement_relay") as database,
        running_relay(database) as relay,
    ):
        yield relay
