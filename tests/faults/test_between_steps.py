"""Processes are killed while they stand at a chosen step, inside their transaction."""

import asyncio
import itertools
from typing import Any

import httpx
import msgspec
import pytest

from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.builders import another_person, ndjson
from tests.faults.postgres import ROUTING
from tests.faults.stack import Stack, decode
from tests.faults.waiting import until

DRAINED_S_MAX = 30
JSON = {"Content-Type": "application/json"}
REGISTER_STEPS = [
    ("idempotency_keys", "BEFORE INSERT"),
    ("clients", "BEFORE INSERT"),
    ("registrations", "BEFORE INSERT"),
    ("decisions", "BEFORE INSERT"),
    ("clienthoods", "BEFORE INSERT"),
    ("transfers", "BEFORE INSERT"),
    ("audit", "BEFORE INSERT"),
    ("outbox_head", "BEFORE UPDATE"),
    ("outbox", "BEFORE INSERT"),
]
CASE_SYSTEM_STEPS = [
    ("clients", "BEFORE INSERT"),
    ("inbox_positions", "BEFORE UPDATE"),
    ("clients", "COMMIT"),
    ("persons", "BEFORE INSERT"),
    ("persons", "COMMIT"),
]
TRACES = {
    "registrations": "source_registration_id = $1",
    "decisions": "registration_id IN (SELECT registration_id FROM registrations"
    " WHERE source_registration_id = $1)",
    "clienthoods": "client_id IN (SELECT client_id FROM registrations"
    " WHERE source_registration_id = $1)",
    "transfers": "client_id IN (SELECT client_id FROM registrations"
    " WHERE source_registration_id = $1)",
    "clients": "client_id IN (SELECT client_id FROM registrations"
    " WHERE source_registration_id = $1)",
    "audit": "action = 'registration.decided' AND resource_id IN (SELECT registration_id"
    " FROM registrations WHERE source_registration_id = $1)",
}
"""Where one registration leaves one row each."""
EVENTS = """
SELECT convert_from(body, 'UTF8')::json ->> 'type' AS type FROM outbox
WHERE subject IN (SELECT client_id FROM registrations WHERE source_registration_id = $1)
"""
HELD = "SELECT state, revision, fetched_revision FROM clients WHERE client_id = $1"
DISCLOSED = "SELECT count(*) FROM audit WHERE action = 'person.fetch' AND client_id = $1"
GAPS = "SELECT max(position) - count(*) FROM outbox"
EVENTS_OF_A_LIFE = [
    "fi.kuntavayla.client.transferred.v1",
    "fi.kuntavayla.responsibility.changed.v1",
    "fi.kuntavayla.transfer.acknowledged.v1",
]
_keys = itertools.count(1)


def names_of(steps: list[tuple[str, str]]) -> list[str]:
    return [f"{event.lower()} {table}" for table, event in steps]


async def post(stack: Stack, registration: dict[str, Any], key: str) -> httpx.Response:
    async with stack.client() as client:
        return await client.post(
            "/registrations",
            content=msgspec.json.encode(registration),
            headers={**JSON, "Idempotency-Key": key},
        )


async def post_killed(
    stack: Stack, registration: dict[str, Any], key: str, *, at: tuple[str, str]
) -> None:
    """Send a registration and kill the service while it stands at the step."""
    table, event = at
    async with stack.postgres.gate(ROUTING, table, event=event):
        call = asyncio.create_task(post(stack, registration, key))
        await stack.postgres.somebody_waits(ROUTING)
        stack.routing.kill()
        with pytest.raises(httpx.TransportError):
            await call
    await stack.routing.ready()


async def assert_stored_once(stack: Stack, registration: dict[str, Any]) -> None:
    """Assert one of everything in the service, and one effect in the case system."""
    source = registration["source"]["registration_id"]
    await stack.drained(within_s=DRAINED_S_MAX)
    rows = {
        table: await stack.postgres.count(
            ROUTING,
            f"SELECT count(*) FROM {table} WHERE {which}",  # noqa: S608 - named above
            source,
        )
        for table, which in TRACES.items()
    }
    assert rows == dict.fromkeys(TRACES, 1)
    types = [row["type"] for row in await stack.postgres.fetch(ROUTING, EVENTS, source)]
    assert sorted(types) == EVENTS_OF_A_LIFE
    held = await stack.postgres.fetch(CASE_SYSTEMS, HELD, await client_of(stack, registration))
    assert [tuple(row) for row in held] == [("acknowledged", 1, 1)]
    assert await stack.postgres.count(ROUTING, GAPS) == 0


async def client_of(stack: Stack, registration: dict[str, Any]) -> str:
    [row] = await stack.postgres.fetch(
        ROUTING,
        "SELECT client_id::text FROM registrations WHERE source_registration_id = $1",
        registration["source"]["registration_id"],
    )
    client_id: str = row["client_id"]
    return client_id


@pytest.mark.parametrize("step", REGISTER_STEPS, ids=names_of(REGISTER_STEPS))
async def test_a_registration_killed_at_a_step_leaves_nothing_and_its_repeat_everything_once(
    stack: Stack, step: tuple[str, str]
) -> None:
    registration, key = another_person(), f"step-{next(_keys)}"

    await post_killed(stack, registration, key, at=step)
    first, second = await post(stack, registration, key), await post(stack, registration, key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert decode(first) == decode(second)
    await assert_stored_once(stack, registration)


async def test_a_commit_whose_answer_is_lost_is_answered_to_the_repeat(stack: Stack) -> None:
    registration, key = another_person(), f"step-{next(_keys)}"

    await post_killed(stack, registration, key, at=("outbox", "COMMIT"))
    answer = await post(stack, registration, key)

    assert answer.status_code == 201
    assert answer.headers["Idempotent-Replayed"] == "true"
    await assert_stored_once(stack, registration)


@pytest.mark.faults
async def test_a_bulk_call_killed_between_its_chunks_is_completed_by_its_repeat(
    stack: Stack,
) -> None:
    registrations = [another_person() for _ in range(510)]
    body, headers = ndjson(*registrations), {"Content-Type": "application/x-ndjson"}
    stored = "SELECT count(*) FROM registrations WHERE source_registration_id = ANY($1::text[])"
    sources = [each["source"]["registration_id"] for each in registrations]

    async def send() -> httpx.Response:
        async with stack.client() as client:
            return await client.post("/registrations:bulk", content=body, headers=headers)

    only = f"NEW.source_registration_id = '{sources[505]}'"
    async with stack.postgres.gate(ROUTING, "registrations", event="BEFORE INSERT", only=only):
        call = asyncio.create_task(send())
        await stack.postgres.somebody_waits(ROUTING)
        before = await stack.postgres.count(ROUTING, stored, sources)
        stack.routing.kill()
        with pytest.raises(httpx.TransportError):
            await call
    await stack.routing.ready()
    *lines, last = msgspec.json.Decoder().decode_lines((await send()).content)

    assert before == 500
    assert last["summary"] == {"lines": 510, "created": 10, "replayed": 500, "failed": 0}
    assert [line["status"] for line in lines] == [201] * 510
    assert await stack.postgres.count(ROUTING, stored, sources) == 510
    await assert_stored_once(stack, registrations[0])
    await assert_stored_once(stack, registrations[505])


@pytest.mark.parametrize("step", CASE_SYSTEM_STEPS, ids=names_of(CASE_SYSTEM_STEPS))
async def test_a_case_system_killed_at_a_step_has_every_effect_once(
    stack: Stack, step: tuple[str, str]
) -> None:
    registration, (table, event) = another_person(), step

    async with stack.postgres.gate(CASE_SYSTEMS, table, event=event):
        assert (await post(stack, registration, f"step-{next(_keys)}")).status_code == 201
        await stack.postgres.somebody_waits(CASE_SYSTEMS)
        stack.case_systems.kill()
    await stack.case_systems.ready()

    await assert_stored_once(stack, registration)
    disclosed = await stack.postgres.count(ROUTING, DISCLOSED, await client_of(stack, registration))
    assert disclosed == (2 if step == ("persons", "BEFORE INSERT") else 1)


async def test_a_case_system_whose_row_another_session_holds_too_long_goes_on(
    stack: Stack,
) -> None:
    registration, ended = another_person(), stack.case_systems.ended_by_itself
    limit = "ALTER ROLE case_systems SET lock_timeout = '{}'"

    await stack.postgres.execute("postgres", limit.format("100ms"))
    stack.case_systems.kill()
    await stack.case_systems.ready()
    async with stack.postgres.session(CASE_SYSTEMS) as other:
        await other.execute("BEGIN")
        await other.execute("SELECT FROM inbox_positions FOR UPDATE")
        assert (await post(stack, registration, f"step-{next(_keys)}")).status_code == 201
        await until(lambda: has_given_up(stack), within_s=DRAINED_S_MAX)
    await stack.postgres.execute("postgres", limit.format("5s"))

    await assert_stored_once(stack, registration)
    assert stack.case_systems.ended_by_itself == ended


async def has_given_up(stack: Stack) -> bool:
    """Say whether a case system has waited for a lock in vain."""
    return "LockNotAvailableError" in stack.case_systems.log_tail()


@pytest.mark.parametrize("killed", ["routing", "case_systems"])
async def test_an_acknowledgement_killed_on_its_way_is_repeated_and_told_once(
    stack: Stack, killed: str
) -> None:
    registration = another_person()

    async with stack.postgres.gate(ROUTING, "transfers", event="BEFORE UPDATE"):
        assert (await post(stack, registration, f"step-{next(_keys)}")).status_code == 201
        await stack.postgres.somebody_waits(ROUTING)
        (stack.routing if killed == "routing" else stack.case_systems).kill()
    await stack.routing.ready()
    await stack.case_systems.ready()

    await assert_stored_once(stack, registration)
