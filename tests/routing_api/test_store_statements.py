"""The statements and the tables, held against the schema that the migrations make."""

import pytest

from kuntavayla import audit, feed, idempotency, outbox
from kuntavayla.testing import DatabaseServer, TestDatabase
from routing_api import store
from routing_api.tables import Row
from tests.routing_api.service import Routing
from tests.schemas import (
    QUESTIONS,
    answer_of,
    faults_of,
    make_from_classes,
    modules_of,
    statements_of,
)

STORE = modules_of(store)
STATEMENTS = [
    statement
    for module in (*STORE, *modules_of(audit), *modules_of(outbox), feed, idempotency)
    for statement in statements_of(module)
]


async def test_every_statement_can_be_prepared_by_the_services_own_role(routing: Routing) -> None:
    assert len(STATEMENTS) > len(STORE)
    assert await faults_of(routing.database.url, STATEMENTS) == {}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_the_migrations_make_exactly_the_tables_that_the_classes_declare(
    databases: DatabaseServer, database: TestDatabase, question: str
) -> None:
    async with databases.database("routing_api", role="routing_api") as other:
        migrated = await answer_of(database.owner_url, question)
        await make_from_classes(other.owner_url, Row.metadata)
        declared = await answer_of(other.owner_url, question)

    assert migrated
    assert migrated == declared
