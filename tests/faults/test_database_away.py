"""The database is away for ten seconds: every call says so, and then all goes on by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest

from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.builders import another_person, ndjson
from tests.faults.postgres import ROUTING
from tests.faults.stack import Stack, decode
from tests.faults.waiting import until

AWAY_S = 10.0
ANSWER_S_MAX = 15.0
"""Longer than the five seconds that a call waits for a connection, also on a busy machine."""
BACK_S_MAX = 30
WOKEN_S_MAX = 15.0
"""Less than the 25 seconds that a poll waits in vain."""
DRAINED_S_MAX = 30
PROBLEM = "application/problem+json"
Call = Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]


def registering(registration: dict[str, Any]) -> Call:
    key = f"key-{registration['source']['registration_id']}"

    async def call(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(
            "/registrations",
            content=msgspec.json.encode(registration),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )

    return call


def asking(path: str) -> Call:
    async def call(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(path)

    return call


@asynccontextmanager
async def database_away(stack: Stack) -> AsyncIterator[None]:
    await stack.postgres.stop()
    try:
        yield
    finally:
        await stack.postgres.start()


async def ask_while_away(stack: Stack, organisation: str, call: Call, *, until_s: float) -> int:
    """Make the call again and again; return how often it was answered 503 as it should."""
    count = 0
    async with stack.client(organisation) as client:
        while time.monotonic() < until_s:
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await call(client)
            assert answer.status_code == 503, answer.text
            assert answer.headers["Content-Type"] == PROBLEM
            assert int(answer.headers["Retry-After"]) >= 1
            assert decode(answer)["is_retryable"] is True
            count += 1
            await asyncio.sleep(0.1)
    return count


@pytest.mark.faults
async def test_calls_are_answered_503_for_ten_seconds_and_then_as_before(stack: Stack) -> None:
    registration = another_person()
    pids = (stack.routing.pid, stack.case_systems.pid)
    calls = [
        ("te-national", registering(registration)),
        ("te-national", asking("/readyz")),
        ("te-kainuu", asking("/transfers")),
        ("cs-sotkamo", asking("/clienthoods")),
        ("cs-sotkamo", asking("/events")),
    ]

    async with database_away(stack):
        until_s = time.monotonic() + AWAY_S
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(ask_while_away(stack, name, call, until_s=until_s))
                for name, call in calls
            ]
    async with asyncio.timeout(BACK_S_MAX):
        await stack.routing.ready()
    async with stack.client() as client:
        answer = await registering(registration)(client)

    assert min(task.result() for task in asked) >= 3
    assert answer.status_code == 201
    await stack.drained(within_s=DRAINED_S_MAX)
    assert await stack.postgres.count(CASE_SYSTEMS, "SELECT count(*) FROM clients") == 1
    assert (stack.routing.pid, stack.case_systems.pid) == pids


async def test_lines_of_a_bulk_call_are_refused_one_by_one_while_the_database_is_away(
    stack: Stack,
) -> None:
    body, headers = ndjson(another_person()), {"Content-Type": "application/x-ndjson"}

    async with database_away(stack), stack.client() as client:
        answer = await client.post("/registrations:bulk", content=body, headers=headers)
    await stack.routing.ready()
    async with stack.client() as client:
        repeated = await client.post("/registrations:bulk", content=body, headers=headers)

    [line, end] = msgspec.json.Decoder().decode_lines(answer.content)
    assert (line["status"], line["problem"]["is_retryable"]) == (503, True)
    assert end["summary"] == {"lines": 1, "created": 0, "replayed": 0, "failed": 1}
    [_, end] = msgspec.json.Decoder().decode_lines(repeated.content)
    assert end["summary"] == {"lines": 1, "created": 1, "replayed": 0, "failed": 0}


async def test_long_polls_are_woken_again_when_the_database_has_come_back(stack: Stack) -> None:
    async with stack.client("cs-sotkamo") as reader, stack.client() as sender:
        start = await reader.get("/events", params={"after": "now"})
        reading = asyncio.create_task(read_next(reader, start.headers["Next-Cursor"]))

        async with database_away(stack):
            pass
        await stack.routing.ready()
        await listening(stack)
        assert (await registering(another_person())(sender)).status_code == 201
        async with asyncio.timeout(WOKEN_S_MAX):
            [event] = await reading

    assert event["type"] == "fi.kuntavayla.client.transferred.v1"


async def read_next(reader: httpx.AsyncClient, after: str) -> list[dict[str, Any]]:
    """Return the next events by polls that wait far longer than the test has patience."""
    while True:
        answer = await reader.get("/events", params={"after": after, "wait": "25"}, timeout=30)
        if answer.status_code == 200 and decode(answer):
            return cast("list[dict[str, Any]]", decode(answer))
        await asyncio.sleep(0.1)


async def listening(stack: Stack) -> None:
    """Wait until the service listens for what is announced."""
    listeners = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'
    """

    async def does_listen() -> bool:
        return await stack.postgres.count("postgres", listeners, ROUTING) > 0

    await until(does_listen, within_s=BACK_S_MAX)


async def test_processes_that_start_while_the_database_is_away_wait_for_it(stack: Stack) -> None:
    registration = another_person()
    ended = (stack.routing.ended_by_itself, stack.case_systems.ended_by_itself)

    async with database_away(stack), stack.client() as client:
        stack.routing.kill()
        stack.case_systems.kill()
        await until(lambda: is_live(client), within_s=DRAINED_S_MAX)
        answer = await client.get("/readyz")
        refused = await registering(registration)(client)
    await stack.routing.ready()
    async with stack.client() as client:
        taken = await registering(registration)(client)

    assert (answer.status_code, refused.status_code, taken.status_code) == (503, 503, 201)
    await stack.drained(within_s=DRAINED_S_MAX)
    assert (stack.routing.ended_by_itself, stack.case_systems.ended_by_itself) == ended


async def is_live(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/livez")).status_code == 200
    except httpx.TransportError:
        return False
