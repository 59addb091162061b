import re

from kuntavayla.database import Connection, open_pool, transaction
from routing_api.store import clients, figures, registrations, transfers
from tests.builders import another_person
from tests.routing_api.service import Routing

LOOK_UPS = {
    "clients by look-up": (clients.LOCK_BY_LOOKUP, "bytea[]", "'{}'"),
    "clients with their new state": (clients.UPDATE, "json", "'[]'"),
    "registrations by source": (registrations.FIND_BY_SOURCE, "json", "'[]'"),
}

NIL = "'00000000-0000-0000-0000-000000000000'"
NOW = "'2021-03-20T06:00:00Z'"
LISTED = "uuid, text, text, text, bool, int8"
WATCHED = {
    "counts of what waits": (
        figures.WAITING,
        "timestamptz, date",
        f"{NOW}, '2021-03-20'",
        {"ix_transfers_offered_due", "ix_transfers_without_notice", "ix_reviews_one_open"},
    ),
    "overdue transfers": (
        transfers.LIST_OVERDUE,
        f"{LISTED}, timestamptz",
        f"{NIL}, NULL, NULL, NULL, true, 100, {NOW}",
        {"ix_transfers_offered_due"},
    ),
    "transfers without notice": (
        transfers.LIST_WITHOUT_NOTICE,
        LISTED,
        f"{NIL}, NULL, 'te-kainuu', NULL, true, 100",
        {"ix_transfers_without_notice"},
    ),
}
SETTLE_MOST = """
UPDATE transfers SET state = 'acknowledged', notice_id = gen_random_uuid(), notified_at = now()
WHERE transfer_id IN (SELECT transfer_id FROM transfers ORDER BY transfer_id OFFSET 20)
"""


async def test_a_plan_made_for_empty_tables_still_uses_the_index_when_they_have_grown(
    routing: Routing,
) -> None:
    pool = await open_pool(routing.database.url, connections_max=1)
    async with transaction(pool) as connection:
        for number, (sql, types, nothing) in enumerate(LOOK_UPS.values()):
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE look_up_{number} ({types}) AS {sql}")
            await connection.execute(f"EXECUTE look_up_{number} ({nothing})")
    await routing.national.register_many(*[another_person() for _ in range(2_000)])

    async with transaction(pool) as connection:
        plans = [
            await plan_of(connection, number, nothing)
            for number, (_, _, nothing) in enumerate(LOOK_UPS.values())
        ]
    await pool.close()

    assert [plan for plan in plans if re.search("Seq Scan|Hash|Merge", plan)] == []


async def plan_of(connection: Connection, number: int, nothing: str) -> str:
    rows = await connection.fetch(f"EXPLAIN EXECUTE look_up_{number} ({nothing})")
    return "\n".join(row[0] for row in rows)


async def test_what_waits_is_found_by_its_own_index_however_much_there_ever_was(
    routing: Routing,
) -> None:
    await routing.national.register_many(*[another_person() for _ in range(2_000)])
    await routing.fetch(SETTLE_MOST)
    await routing.fetch("VACUUM ANALYZE transfers, reviews")  # As autovacuum leaves them by and by.

    pool = await open_pool(routing.database.url, connections_max=1)
    read = {}
    async with transaction(pool) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for number, (name, (sql, types, arguments, _)) in enumerate(WATCHED.items()):
            await connection.execute(f"PREPARE watched_{number} ({types}) AS {sql}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE watched_{number} ({arguments})")
            plan = "\n".join(row[0] for row in rows)
            read[name] = set(re.findall(r"(?:Scan using|Scan on) (ix_\w+|pk_\w+)", plan))
    await pool.close()

    assert read == {name: indexes for name, (_, _, _, indexes) in WATCHED.items()}
