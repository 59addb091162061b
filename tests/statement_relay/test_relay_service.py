import asyncpg
import pytest

from statement_relay.tables import APPEND_ONLY, CHANGING, MUTABLE, Row
from tests.statement_relay.service import Relay

PRIVILEGES = """
SELECT has_table_privilege('statement_relay', $1, 'UPDATE') AS may_update,
       has_table_privilege('statement_relay', $1, 'DELETE') AS may_delete
"""
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = 'information'
  AND has_column_privilege('statement_relay', 'information', column_name, 'UPDATE')
"""


async def test_the_service_starts_and_says_that_it_is_ready(relay: Relay) -> None:
    ready = await relay.client.get("/readyz")
    version = await relay.client.get("/relay/v1/version")

    assert (ready.status_code, ready.json()["parts"]) == (200, ["database"])
    assert version.json()["service"] == "statement-relay"


async def test_every_table_is_changed_or_only_added_to(relay: Relay) -> None:
    rights = {}
    for table in Row.metadata.tables:
        [row] = await relay.fetch(PRIVILEGES, table)
        rights[table] = row["may_update"], row["may_delete"]

    kept = {
        "inbox_parked": (True, False),
        "information": (False, False),
        "information_requests": (False, False),
    }
    assert rights == {
        **dict.fromkeys(MUTABLE, (True, True)),
        **dict.fromkeys(APPEND_ONLY, (False, False)),
        **kept,
    }


async def test_of_an_item_only_its_way_may_change(relay: Relay) -> None:
    rows = await relay.fetch(COLUMNS)

    connection = await asyncpg.connect(relay.database.url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE information SET municipal_id = 'other'")
    finally:
        await connection.close()
    assert {row["column_name"] for row in rows} == set(CHANGING)
