import pytest

from kuntavayla import audit, feed, idempotency, outbox, responsibilities
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla.values.responsibilities import Responsibility
from quota_ledger import store
from quota_ledger.tables import APPEND_ONLY, KEPT, MUTABLE, Row
from tests.quota_ledger.responsibles import responsible
from tests.quota_ledger.service import Ledger
from tests.schemas import (
    QUESTIONS,
    answer_of,
    faults_of,
    make_from_classes,
    modules_of,
    statements_of,
)

PRIVILEGES = """
SELECT has_table_privilege('quota_ledger', $1, 'UPDATE') AS may_update,
       has_table_privilege('quota_ledger', $1, 'DELETE') AS may_delete
"""
STATEMENTS = [
    statement
    for module in (
        *modules_of(store),
        *modules_of(audit),
        *modules_of(outbox),
        *modules_of(responsibilities),
        feed,
        idempotency,
    )
    for statement in statements_of(module)
]


async def test_the_service_starts_and_says_that_it_is_ready(ledger: Ledger) -> None:
    ready = await ledger.client.get("/readyz")
    version = await ledger.client.get("/quota/v1/version")
    status = await ledger.operator.get("/status")

    assert (ready.status_code, ready.json()["parts"]) == (200, ["database"])
    assert version.json()["service"] == "quota-ledger"
    assert (status.status_code, status.json()["parked_keys"]) == (200, 0)


async def test_every_table_is_changed_or_only_added_to(ledger: Ledger) -> None:
    rights = {}
    for table in Row.metadata.tables:
        [row] = await ledger.fetch(PRIVILEGES, table)
        rights[table] = row["may_update"], row["may_delete"]

    assert rights == {
        **dict.fromkeys(MUTABLE, (True, True)),
        **dict.fromkeys(APPEND_ONLY, (False, False)),
        **dict.fromkeys(KEPT, (True, False)),
    }


async def test_every_statement_can_be_prepared_by_the_services_own_role(ledger: Ledger) -> None:
    assert STATEMENTS
    assert await faults_of(ledger.database.url, STATEMENTS) == {}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_the_migrations_make_exactly_the_tables_that_the_classes_declare(
    databases: DatabaseServer, ledger_database: TestDatabase, question: str
) -> None:
    async with databases.database("quota_ledger", role="quota_ledger") as other:
        migrated = await answer_of(ledger_database.owner_url, question)
        await make_from_classes(other.owner_url, Row.metadata)
        declared = await answer_of(other.owner_url, question)

    assert migrated
    assert migrated == declared


async def test_who_is_responsible_is_kept_as_it_was_told_last(ledger: Ledger) -> None:
    later = "000001.000000000000000009"

    await ledger.learn(responsible(), responsible(is_restricted=True, sequence=later))
    await ledger.learn(responsible())

    [row] = await ledger.fetch("SELECT is_restricted, sequence FROM responsibilities")
    assert (row["is_restricted"], row["sequence"]) == (True, later)


async def test_the_ledger_reads_the_internal_events_of_routing(ledger: Ledger) -> None:
    assert ledger.desk.consumptions("routing.common") is not None
    assert ledger.desk.consumptions("routing.restricted") is not None
    assert ledger.desk.consumptions("information.cs-sotkamo") is None
    assert isinstance(responsible(), Responsibility)
