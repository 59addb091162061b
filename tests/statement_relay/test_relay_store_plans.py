import re

from kuntavayla.database import Connection, open_pool, transaction
from kuntavayla.responsibilities import storing
from statement_relay.store import information, queues, stories
from tests.builders import ndjson
from tests.statement_relay.items import another_item, responsible
from tests.statement_relay.service import Relay

NDJSON = {"Content-Type": "application/x-ndjson"}
NIL = "'00000000-0000-0000-0000-000000000000'"
LISTED = "text, bool, text, text, uuid, int8"
PAGE = f"NULL, NULL, {NIL}, 100"
LOOK_UPS = {
    "municipal ids": (
        information.FIND_BY_MUNICIPAL_ID,
        "json",
        "'[]'",
        {"uq_information_organisation_municipal_id"},
    ),
    "what waits for clients": (
        information.LOCK_WAITING_FOR_CLIENT,
        "uuid[]",
        "'{}'",
        {
            "ix_information_waiting_for_client",
            "ix_delivery_notes_information_id",
            "ix_information_replaces",
            "ix_information_successor",
        },
    ),
    "the last open item of queues": (
        queues.LAST_OPEN,
        "json",
        "'[]'",
        {"ix_information_queue"},
    ),
    "queues": (queues.LOCK, "json", "'[]'", {"pk_client_queues"}),
    "who is responsible": (
        storing.LIST,
        "uuid[]",
        "'{}'",
        {"pk_responsibilities"},
    ),
    "a case system's items": (
        stories.LIST_OWN,
        LISTED,
        f"'cs-sotkamo', true, {PAGE}",
        {"ix_information_organisation"},
    ),
    "a client's items": (
        stories.LIST_OF_CLIENT,
        f"{LISTED}, uuid",
        f"'cs-sotkamo', true, {PAGE}, {NIL}",
        {"ix_information_client_id"},
    ),
    "an item by its sender's id": (
        stories.LIST_OF_MUNICIPAL_ID,
        f"{LISTED}, text, uuid",
        f"'cs-sotkamo', true, {PAGE}, 'SOT-1', NULL",
        {"uq_information_organisation_municipal_id"},
    ),
    "all items": (stories.LIST_ALL, LISTED, f"NULL, true, {PAGE}", {"pk_information"}),
}
"""Statement, types of its arguments, arguments, and the indexes by which it reads."""
SETTLE_MOST = """
UPDATE information SET state = 'rejected', settled_at = now(),
       organisation = 'cs-' || ordinal % 30
WHERE information_id IN (SELECT information_id FROM information ORDER BY information_id OFFSET 20)
"""


async def test_a_plan_made_for_empty_tables_reads_by_its_index_when_they_have_grown(
    relay: Relay,
) -> None:
    pool = await open_pool(relay.database.url, connections_max=1)
    async with transaction(pool) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for number, (sql, types, arguments, _) in enumerate(LOOK_UPS.values()):
            await connection.execute(f"PREPARE look_up_{number} ({types}) AS {sql}")
            await connection.execute(f"EXECUTE look_up_{number} ({arguments})")
    await _fill(relay)

    async with transaction(pool) as connection:
        plans = {
            name: await plan_of(connection, number, arguments)
            for number, (name, (_, _, arguments, _)) in enumerate(LOOK_UPS.items())
        }
    await pool.close()

    read = {
        name: set(re.findall(r"(?:using|Scan on) ((?:ix|pk|uq)_\w+)", plan))
        for name, plan in plans.items()
    }
    assert [plan for plan in plans.values() if re.search("Seq Scan|Hash|Merge", plan)] == []
    assert read == {name: indexes for name, (_, _, _, indexes) in LOOK_UPS.items()}


async def _fill(relay: Relay) -> None:
    clients = [f"0177ec61-3ab9-7893-923f-{number:012d}" for number in range(200)]
    await relay.learn(*map(responsible, clients))
    items = [another_item(client_id=clients[number % 200]) for number in range(2_000)]
    answer = await relay.case_system().post("/information:bulk", ndjson(*items), headers=NDJSON)
    assert b'"created":2000' in answer.content
    await relay.fetch(SETTLE_MOST)
    await relay.fetch("VACUUM ANALYZE information, client_queues, delivery_attempts")


async def plan_of(connection: Connection, number: int, arguments: str) -> str:
    rows = await connection.fetch(f"EXPLAIN EXECUTE look_up_{number} ({arguments})")
    return "\n".join(row[0] for row in rows)
