"""The audit after a campaign: every line sealed once, whatever was killed, and the chain intact.

The one check that shares code with the services: their own verifier computes what was sealed anew.
That it sees damage is tried on the same rows, by damages that are rolled back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from kuntavayla.audit import BlockSpan, SealKey, SealKeys, verify
from routing_api.events import SOURCE
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.waiting import until

KEY_ID, SECRET = "s1", bytes(range(3, 35))
SEALED_S_MAX = 30
UNSEALED = """
SELECT count(*) FROM audit a WHERE NOT EXISTS (
    SELECT FROM audit_blocks b WHERE a.audit_id <@ b.members
)
"""


async def load_seal(
    postgres: Postgres,
    *,
    database: str = ROUTING,
    source: str = SOURCE,
    damage: str | None = None,
) -> list[str]:
    """Return what a verifier says of a service's whole audit, and the lines that stay unsealed.

    A damage is a statement that is done before and undone behind.
    """

    async def is_sealed() -> bool:
        return await postgres.count(database, UNSEALED) == 0

    try:
        await until(is_sealed, within_s=SEALED_S_MAX, poll_s=0.2)
    except TimeoutError:
        return [f"{await postgres.count(database, UNSEALED)} lines of the audit are not sealed"]
    key = SealKey(KEY_ID, SECRET)
    keys, found, first = SealKeys({KEY_ID: key.public_bytes}), list[str](), 1
    connection: Any = await asyncpg.connect(postgres.server.url(database))
    async with _undone(connection):
        if damage is not None:
            await connection.execute(damage)
        while first:
            page = await verify(connection, keys, BlockSpan(first), source=source)
            found += [f"block {one.block}: {one.kind}" for one in page.differences]
            first = page.next_block or 0
    return found


@asynccontextmanager
async def _undone(connection: Any) -> AsyncIterator[None]:  # noqa: ANN401 - asyncpg's, or its pool's
    """Undo what was done inside the block, and close the connection."""
    doing = connection.transaction()
    await doing.start()
    try:
        yield
    finally:
        await doing.rollback()
        await connection.close()
