import re

import pytest

from kuntavayla.database import Connection, open_pool, transaction
from quota_ledger.store import stories
from tests.quota_ledger.decided import a_decision, decided, give, know_clients, sender
from tests.quota_ledger.responsibles import CLIENT
from tests.quota_ledger.service import Ledger

NIL = "'00000000-0000-0000-0000-000000000000'"
SEEN = "text[], text[], bool, uuid, int8"
ALL = f"NULL, '{{}}', true, {NIL}, 100"
# One decision becomes many of other clients, nearly all of which are refused.
FILL = """
INSERT INTO decisions
SELECT r.* FROM decisions d CROSS JOIN generate_series(1, 4000) AS n
CROSS JOIN LATERAL jsonb_populate_record(d, jsonb_build_object(
    'decision_id', gen_random_uuid(), 'municipal_id', d.municipal_id || n,
    'client_id', gen_random_uuid(), 'state', CASE WHEN n % 400 = 0 THEN 'ended' ELSE 'refused' END
)) AS r
"""


@pytest.mark.parametrize(
    ("sql", "more", "index"),
    [
        (stories.LIST, {}, "pk_decisions"),
        (stories.LIST_OF_STATE, {"text": "'expired'"}, "ix_decisions_state"),
        (stories.LIST_OF_STATE, {"text": "'ended'"}, "ix_decisions_state"),
        (stories.LIST_OF_CLIENT, {"uuid": f"'{CLIENT}'"}, "ix_decisions_client_id"),
        (
            stories.LIST_OF_CLIENT_IN_STATE,
            {"uuid": f"'{CLIENT}'", "text": "'expired'"},
            "ix_decisions_client_id",
        ),
    ],
)
async def test_a_list_of_decisions_reads_no_more_than_its_filter_asks_for(
    ledger: Ledger, *, sql: str, more: dict[str, str], index: str
) -> None:
    await give(ledger, cents=10_000_000)
    await know_clients(ledger)
    await decided(sender(ledger), a_decision())
    await ledger.fetch(FILL)
    await ledger.fetch("ANALYZE decisions")
    types, arguments = ", ".join((SEEN, *more)), ", ".join((ALL, *more.values()))

    pool = await open_pool(ledger.database.url, connections_max=1)
    async with transaction(pool) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE listed ({types}) AS {sql}")
        plan = await plan_of(connection, f"EXPLAIN EXECUTE listed ({arguments})")
    await pool.close()

    assert re.findall(r"(?:Scan using|Scan on) (\w+)", plan) == [index]


async def plan_of(connection: Connection, sql: str) -> str:
    return "\n".join(row[0] for row in await connection.fetch(sql))


async def test_a_list_by_client_and_state_holds_both(ledger: Ledger) -> None:
    await give(ledger, cents=10_000_000)
    await know_clients(ledger)
    made = await decided(sender(ledger), a_decision())
    case_system = sender(ledger)

    found = [
        (await case_system.get("/decisions", params=params)).json()["items"]
        for params in (
            {"client_id": CLIENT, "state": "reserved"},
            {"client_id": CLIENT, "state": "ended"},
            {"state": "reserved"},
            {"client_id": CLIENT},
        )
    ]

    assert [[one["decision_id"] for one in items] for items in found] == [
        [made["decision_id"]],
        [],
        [made["decision_id"]],
        [made["decision_id"]],
    ]
