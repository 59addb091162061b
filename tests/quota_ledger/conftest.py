"""A running quota-ledger for each test: real database, real tokens, HTTP against the app."""

from collections.abc import AsyncIterator

import pytest

from kuntavayla.testing import DatabaseServer, TestDatabase
from tests.quota_ledger.service import Ledger, running_ledger


@pytest.fixture
async def ledger_database(databases: DatabaseServer) -> AsyncIterator[TestDatabase]:
    async with databases.database("quota_ledger", role="quota_ledger") as database:
        yield database


@pytest.fixture
async def ledger(ledger_database: TestDatabase) -> AsyncIterator[Ledger]:
    async with running_ledger(ledger_database) as ledger:
        yield ledger


@pytest.fixture(scope="module")
async def refusing(databases: DatabaseServer) -> AsyncIterator[Ledger]:
    """One service for all calls of a module that store nothing."""
    async with (
        databases.database("quota_ledger", role="quota_ledger") as database,
        running_ledger(database) as ledger,
    ):
        yield ledger
