import re

import asyncpg

from kuntavayla.database import open_pool, transaction
from routing_api.store import clients, registrations
from tests.builders import another_person
from tests.routing_api.service import Routing

LOOK_UPS = {
    "clients by look-up": (clients.LOCK_BY_LOOKUP, "bytea[]"),
    "registrations by source": (registrations.FIND_BY_SOURCE, "text[], text[], text[]"),
}


async def test_a_plan_made_for_empty_tables_still_uses_the_index_when_they_have_grown(
    routing: Routing,
) -> None:
    pool = await open_pool(routing.database.url, connections_max=1)
    async with transaction(pool) as connection:
        for number, (sql, types) in enumerate(LOOK_UPS.values()):
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE look_up_{number} ({types}) AS {sql}")
            await connection.execute(f"EXECUTE look_up_{number} ({nothing(types)})")
    await routing.national.register_many(*[another_person() for _ in range(2_000)])

    async with transaction(pool) as connection:
        plans = [
            await plan_of(connection, number, types)
            for number, (_, types) in enumerate(LOOK_UPS.values())
        ]
    await pool.close()

    assert [plan for plan in plans if re.search("Seq Scan", plan)] == []


def nothing(types: str) -> str:
    return ", ".join(f"'{{}}'::{kind}" for kind in types.split(", "))


async def plan_of(connection: asyncpg.Connection, number: int, types: str) -> str:
    rows = await connection.fetch(f"EXPLAIN EXECUTE look_up_{number} ({nothing(types)})")
    return "\n".join(row[0] for row in rows)
