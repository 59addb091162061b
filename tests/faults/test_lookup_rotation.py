"""A look-up key is replaced while people register: nobody is lost and nobody doubled."""

import asyncio
import base64
import os
import signal
import sys
from typing import Any

import msgspec
import pytest

from tests.builders import another_person, ndjson
from tests.faults.postgres import ROUTING
from tests.faults.stack import Stack

pytestmark = pytest.mark.faults
PERSONS = 60
STEP_S_MAX = 30
NEW = base64.b64encode(bytes(range(100, 132))).decode()
COMMAND = (sys.executable, "-m", "routing_api.cli", "rotate-lookup-keys")
LOOKUPS = "SELECT lookup_a FROM clients ORDER BY client_id"
CHANGED = "SELECT count(*) FROM clients WHERE lookup_a <> ALL($1::bytea[])"
MIDDLE = "SELECT client_id FROM clients ORDER BY client_id OFFSET $1 LIMIT 1"


async def test_a_look_up_key_is_replaced_while_the_service_runs_and_a_killed_run_goes_on(
    stack: Stack,
) -> None:
    people = [another_person() for _ in range(PERSONS)]
    clients = await registered(stack, people)
    old = str(stack.settings["lookup_key_a"])
    before = [row["lookup_a"] for row in await stack.postgres.fetch(ROUTING, LOOKUPS)]

    await stack.reconfigure(lookup_key_a=f"a2:{NEW},0:{old}")
    await killed_at(PERSONS // 2, stack=stack)
    changed = await stack.postgres.count(ROUTING, CHANGED, before)
    # Half of the people are stored under one key, half under the other, and all are known.
    assert await registered(stack, again(people, 2)) == clients
    newcomers = [another_person() for _ in range(10)]
    clients_of_newcomers = await registered(stack, newcomers)
    (code, told), meanwhile = await asyncio.gather(
        rotated(stack), registered(stack, again(people, 3))
    )

    assert 0 < changed < PERSONS
    assert (code, told) == (0, f"complete: {PERSONS + 10} clients under the keys in use\n")
    assert meanwhile == clients
    await stack.reconfigure(lookup_key_a=f"a2:{NEW}")
    assert await registered(stack, again(people, 4)) == clients
    assert await registered(stack, again(newcomers, 2)) == clients_of_newcomers
    assert await stack.postgres.count(ROUTING, "SELECT count(*) FROM clients") == PERSONS + 10
    lines = "SELECT count(*) FROM audit WHERE action = 'lookup_keys.rotated'"
    assert await stack.postgres.count(ROUTING, lines) == 2


def again(people: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """Return other registrations of the same people."""
    return [
        {
            **person,
            "source": {
                **person["source"],
                "registration_id": f"{person['source']['registration_id']}-{number}",
            },
        }
        for person in people
    ]


async def registered(stack: Stack, people: list[dict[str, Any]]) -> list[str]:
    """Register all by one bulk call and return their clients, in order."""
    async with stack.client() as client:
        answer = await client.post(
            "/registrations:bulk",
            content=ndjson(*people),
            headers={"Content-Type": "application/x-ndjson"},
        )
    *lines, end = msgspec.json.Decoder().decode_lines(answer.content)
    assert end["summary"]["failed"] == 0, lines
    return [line["result"]["client_id"] for line in lines]


async def spawn(stack: Stack) -> asyncio.subprocess.Process:
    settings = {f"ROUTING_{name.upper()}": str(value) for name, value in stack.settings.items()}
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        "--official",
        "operator:u-1",
        "--batch",
        "5",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **settings},
    )


async def rotated(stack: Stack) -> tuple[int | None, str]:
    process = await spawn(stack)
    output, _ = await asyncio.wait_for(process.communicate(), STEP_S_MAX)
    return process.returncode, output.decode()


async def killed_at(place: int, *, stack: Stack) -> None:
    """Kill the command inside a batch, in the middle of all of them."""
    [row] = await stack.postgres.fetch(ROUTING, MIDDLE, place)
    only = f"OLD.client_id = '{row['client_id']}'"
    async with stack.postgres.gate(ROUTING, "clients", event="BEFORE UPDATE", only=only):
        process = await spawn(stack)
        try:
            await stack.postgres.somebody_waits(ROUTING)
        finally:
            process.kill()
            code = await process.wait()
    assert code == -signal.SIGKILL
