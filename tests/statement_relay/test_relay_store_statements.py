"""The statements and the tables, held against the schema that the migrations make."""

import pytest

from kuntavayla import audit, feed, idempotency, outbox, responsibilities
from kuntavayla.testing import DatabaseServer, TestDatabase
from statement_relay import store
from statement_relay.tables import Row
from tests.schemas import (
    QUESTIONS,
    answer_of,
    faults_of,
    make_from_classes,
    modules_of,
    statements_of,
)
from tests.statement_relay.service import Relay

STORE = modules_of(store)
STATEMENTS = [
    statement
    for module in (
        *STORE,
        *modules_of(audit),
        *modules_of(outbox),
        *modules_of(responsibilities),
        feed,
        idempotency,
    )
    for statement in statements_of(module)
]


async def test_every_statement_can_be_prepared_by_the_services_own_role(relay: Relay) -> None:
    assert len(STATEMENTS) > len(STORE)
    assert await faults_of(relay.database.url, STATEMENTS) == {}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_the_migrations_make_exactly_the_tables_that_the_classes_declare(
    databases: DatabaseServer, relay_database: TestDatabase, question: str
) -> None:
    async with databases.database("statement_relay", role="statement_relay") as other:
        migrated = await answer_of(relay_database.owner_url, question)
        await make_from_classes(other.owner_url, Row.metadata)
        declared = await answer_of(other.owner_url, question)

    assert migrated
    assert migrated == declared
