import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kuntavayla.database import LostRace
from kuntavayla.http import Remedy
from kuntavayla.idempotency import KeyUse, claim_free
from kuntavayla.service.running import remedy_of
from kuntavayla.testing import TestDatabase
from tests.builders import a_registration, an_identity_code, another_person
from tests.routing_api.service import Routing, running_routing

PERSONS = 30
HOMES = ("765", "205", "091", "578")
VERSIONS = """
SELECT client_id, array_agg(version ORDER BY version) AS versions,
       count(*) FILTER (WHERE valid_to IS NULL) AS open
FROM clienthoods GROUP BY client_id
"""
DOUBLY_OFFERED = """
SELECT client_id FROM transfers WHERE state = 'offered' GROUP BY client_id HAVING count(*) > 1
"""
CURRENT = """
SELECT count(*) AS n FROM clients c JOIN clienthoods h USING (client_id, version)
WHERE h.valid_to IS NULL AND (h.authority, h.municipality_code) IS NOT DISTINCT FROM
      (c.authority, c.municipality_code)
"""


def a_wave(number: int) -> list[dict[str, Any]]:
    """Everybody once, in an order of the wave's own, with a home that differs from wave to wave."""
    return [
        a_registration(
            person__identity_code=an_identity_code(500 + (place * 7 + number) % PERSONS),
            person__home_municipality_code=HOMES[(number + place) % len(HOMES)],
            source__registration_id=f"W{number}-{place}",
        )
        for place in range(PERSONS)
    ]


async def test_many_callers_on_the_same_persons_leave_nothing_doubled_and_nothing_missing(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as one, running_routing(database) as other:
        singles = [
            routing.national.register(registration)
            for number, routing in enumerate((one, other))
            for registration in a_wave(number)
        ]
        bulks = [
            routing.national.register_many(*a_wave(number))
            for number, routing in enumerate((one, other, one, other), start=2)
        ]

        answers, bulk_answers = await asyncio.gather(
            asyncio.gather(*singles), asyncio.gather(*bulks)
        )

        decisions = [answer.json() for answer in answers]
        lines = [line for bulk in bulk_answers for line in bulk[:-1]]
        statuses = {answer.status_code for answer in answers}
        assert statuses | {line["status"] for line in lines} == {201}
        clients = {item["client_id"] for item in decisions}
        clients |= {line["result"]["client_id"] for line in lines}
        await _adds_up(one, clients)


async def _adds_up(routing: Routing, clients: set[str]) -> None:
    """One client per person, versions without gaps, every transfer announced once, in order."""
    assert len(clients) == await routing.count("clients") == PERSONS
    histories = await routing.fetch(VERSIONS)
    assert all(row["versions"] == list(range(1, len(row["versions"]) + 1)) for row in histories)
    assert [row["open"] for row in histories] == [1] * PERSONS
    assert await routing.fetch(DOUBLY_OFFERED) == []
    [current] = await routing.fetch(CURRENT)
    assert current["n"] == PERSONS
    positions = await routing.fetch("SELECT position FROM outbox ORDER BY position")
    [head] = await routing.fetch("SELECT position FROM outbox_head")
    assert [row["position"] for row in positions] == list(range(1, head["position"] + 1))
    transfers = {
        str(row["transfer_id"]): row["state"]
        for row in await routing.fetch("SELECT transfer_id, state FROM transfers")
    }
    events = [
        event
        for row in await routing.fetch("SELECT DISTINCT case_system_id FROM transfers")
        for event in await routing.case_system(row["case_system_id"]).events()
    ]
    offered = [e["data"]["transfer_id"] for e in events if ".transferred." in e["type"]]
    withdrawn = [e["data"]["transfer_id"] for e in events if ".withdrawn." in e["type"]]
    assert sorted(offered) == sorted(transfers)
    assert sorted(withdrawn) == sorted(t for t, state in transfers.items() if state == "withdrawn")
    responsible = await routing.fetch("SELECT 1 FROM outbox WHERE recipient = 'internal'")
    assert len(responsible) == len(offered)


@contextlib.asynccontextmanager
async def held_key(database: TestDatabase, key: str) -> AsyncIterator[None]:
    """Hold a key as another process does whose call is in flight, and comes to nothing."""
    use = KeyUse(
        organisation="te-kainuu",
        route="registrations",
        key=key,
        fingerprint=b"",
        status=201,
        result_id="0177ec61-3ab8-726b-b2a7-4de452e6b438",
    )
    connection = await asyncpg.connect(database.url)
    try:
        holder = connection.transaction()
        await holder.start()
        await claim_free(connection, [use])
        yield
        await holder.rollback()
    finally:
        await connection.close()


async def test_a_key_that_another_process_holds_keeps_no_neighbour_waiting(
    database: TestDatabase,
) -> None:
    async with running_routing(database, duplicate_wait_s_max=25) as routing:
        async with held_key(database, "k-1"):
            duplicate = asyncio.create_task(routing.office().register(another_person(), key="k-1"))
            neighbours = await asyncio.gather(
                *(routing.office().register(another_person()) for _ in range(3)),
                *(routing.national.register(another_person()) for _ in range(3)),
            )
            was_waiting = not duplicate.done()
        taken = await duplicate

    assert [answer.status_code for answer in neighbours] == [201] * 6
    assert was_waiting
    assert taken.status_code == 201
    assert "idempotent-replayed" not in taken.headers


async def test_a_duplicate_that_another_process_holds_too_long_is_told_to_come_again(
    database: TestDatabase,
) -> None:
    async with running_routing(database, duplicate_wait_s_max=0.2) as routing:
        async with held_key(database, "k-1"):
            refused = await routing.office().register(a_registration(), key="k-1")
        taken = await routing.office().register(a_registration(), key="k-1")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_progress")
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["is_retryable"] is True
    assert taken.status_code == 201


async def test_a_client_that_somebody_else_holds_too_long_is_no_fault_of_ours(
    database: TestDatabase,
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        f"ALTER ROLE routing_api IN DATABASE \"{database.name}\" SET lock_timeout = '200ms'"
    )
    async with running_routing(database) as routing:
        await routing.office().registered(a_registration())
        update = a_registration(source__registration_id="URA-R-2")
        async with owner.transaction():
            await owner.execute("SELECT 1 FROM clients FOR UPDATE")
            refused = await routing.office().register(update)
        taken = await routing.office().register(update)
    await owner.close()

    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert taken.status_code == 201


def a_value_that_asyncpg_cannot_send() -> Exception:
    return asyncpg.exceptions._base.DataError("invalid input")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        pytest.param(LostRace(), Remedy.REPEAT, id="lost race"),
        pytest.param(asyncpg.DeadlockDetectedError(""), Remedy.REPEAT, id="deadlock"),
        pytest.param(a_value_that_asyncpg_cannot_send(), Remedy.SPLIT, id="value not sent"),
        pytest.param(asyncpg.DataError(""), Remedy.SPLIT, id="value refused"),
        pytest.param(asyncpg.CheckViolationError(""), Remedy.SPLIT, id="constraint"),
        pytest.param(ConnectionResetError(), Remedy.NONE, id="connection lost"),
        pytest.param(asyncpg.InterfaceError(""), Remedy.NONE, id="connection closed"),
        pytest.param(TimeoutError(), Remedy.NONE, id="too late"),
    ],
)
def test_a_failed_batch_is_repeated_split_or_given_up_as_its_failure_asks(
    error: Exception, remedy: Remedy
) -> None:
    assert remedy_of(error) is remedy


async def test_acknowledging_while_the_same_clients_are_updated_fails_nobody(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as one, running_routing(database) as other:
        persons = [another_person() for _ in range(60)]
        *lines, _ = await one.office().register_many(*persons)
        ids = [line["result"]["transfer_id"] for line in lines]
        moved = [
            {
                **person,
                "source": {**person["source"], "registration_id": f"M-{number}"},
                "person": {**person["person"], "home_municipality_code": "205"},
            }
            for number, person in enumerate(reversed(persons))
        ]

        acknowledgements = [
            {"transfer_id": transfer_id, "taken_over_at": "2021-03-01T08:01:00+02:00"}
            for transfer_id in ids
        ]
        updated, *answers = await asyncio.gather(
            one.office().register_many(*moved),
            *(
                other.case_system().post("/transfers:acknowledge", {"items": part})
                for part in (acknowledgements, acknowledgements[::-1], acknowledgements[20:])
            ),
        )

        assert updated[-1]["summary"]["created"] == len(persons)
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        results = [item for answer in answers for item in answer.json()["items"]]
        codes = {item["problem"]["code"] for item in results if item["result"] == "refused"}
        assert codes <= {"transfer_withdrawn"}
