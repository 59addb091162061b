"""A security ban that is being set while something else is done about its client."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from kuntavayla.service.moments import Call
from kuntavayla.values.responsibilities import Responsibility
from statement_relay.operations.projecting import project
from tests.statement_relay.service import TRACE, Relay

DEADLINE_S = 30.0
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
Answer = TypeVar("Answer")


async def beside_a_ban(
    relay: Relay, banned: Responsibility, act: Coroutine[Any, Any, Answer]
) -> Answer:
    """Do something while a ban is written and not committed; return what came of it.

    The ban commits as soon as the act waits for it, or has ended without.
    """
    desk = relay.desk
    moment = desk.moment()
    call = Call(organisation="statement-relay", request_id=moment.new_id(), traceparent=TRACE)
    async with desk.transaction() as connection:
        await project(connection, [banned], call=call, law=desk.law, moment=moment)
        task = asyncio.create_task(act)
        await until_it_waits(relay, task)
    return await task


async def until_it_waits(relay: Relay, task: asyncio.Task[Answer]) -> None:
    """Wait until somebody waits for a lock, or the task has ended."""
    async with asyncio.timeout(DEADLINE_S):
        while not task.done():
            [row] = await relay.fetch(BLOCKED)
            if row[0]:
                return
