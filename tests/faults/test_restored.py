"""The epoch is raised, as after a restore: real case systems begin anew from the snapshot."""

import os
import signal

import msgspec

from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.builders import another_person
from tests.faults.postgres import ROUTING
from tests.faults.stack import Stack, decode
from tests.faults.waiting import until

DRAINED_S_MAX = 30
# What a restored database no longer knows: that the client was taken over.
FORGET = """
UPDATE transfers SET state = 'offered', acknowledged_at = NULL, taken_over_at = NULL,
       caseworker_id = NULL, contact_point = NULL
WHERE transfer_id = $1
"""
RAISE_EPOCH = "UPDATE outbox_head SET epoch = epoch + 1, kept_from = position"
HELD = "SELECT transfer_id::text, state, channel FROM clients ORDER BY transfer_id"
WAITING = "SELECT count(*) FROM transfers WHERE state = 'offered'"


async def registered(stack: Stack, **changes: object) -> str:
    registration = another_person(**changes)
    key = registration["source"]["registration_id"]
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    async with stack.client() as client:
        content = msgspec.json.encode(registration)
        answer = await client.post("/registrations", content=content, headers=headers)
    transfer_id: str = decode(answer)["transfer"]["transfer_id"]
    return transfer_id


async def test_after_a_restore_case_systems_resync_by_themselves(stack: Stack) -> None:
    first = await registered(stack)
    await stack.drained(within_s=DRAINED_S_MAX)

    # Their polls break with the service that answered them, so nobody reads what comes next.
    os.kill(stack.case_systems.pid, signal.SIGSTOP)
    stack.routing.kill()
    await stack.routing.ready()
    unread = await registered(stack)
    hidden = await registered(stack, person__has_security_ban=True)
    await stack.postgres.fetch(ROUTING, FORGET, first)
    await stack.postgres.fetch(ROUTING, RAISE_EPOCH)
    os.kill(stack.case_systems.pid, signal.SIGCONT)

    async def is_taken_over() -> bool:
        return await stack.postgres.count(ROUTING, WAITING) == 0

    await until(is_taken_over, within_s=DRAINED_S_MAX)
    later = await registered(stack)
    await until(is_taken_over, within_s=DRAINED_S_MAX)

    held = [tuple(row) for row in await stack.postgres.fetch(CASE_SYSTEMS, HELD)]
    assert [row[0] for row in held] == sorted([first, unread, hidden, later])
    assert {row[0]: row[2] for row in held}[hidden] == "restricted"
