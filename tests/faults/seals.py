"""The audit after a campaign: every line sealed once, whatever was killed, and the chain intact."""

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


async def check_seal(postgres: Postgres) -> list[str]:
    """Return what a verifier says of the whole audit, and the lines that stay unsealed."""

    async def is_sealed() -> bool:
        return await postgres.count(ROUTING, UNSEALED) == 0

    try:
        await until(is_sealed, within_s=SEALED_S_MAX, poll_s=0.2)
    except TimeoutError:
        return [f"{await postgres.count(ROUTING, UNSEALED)} lines of the audit are not sealed"]
    key = SealKey(KEY_ID, SECRET)
    keys, found, first = SealKeys({KEY_ID: key.public_bytes}), list[str](), 1
    connection: Any = await asyncpg.connect(postgres.server.url(ROUTING))
    while first:
        page = await verify(connection, keys, BlockSpan(first), source=SOURCE)
        found += [f"block {one.block}: {one.kind}" for one in page.differences]
        first = page.next_block or 0
    await connection.close()
    return found
