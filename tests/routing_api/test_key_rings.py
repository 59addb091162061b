"""Keys that are replaced: processes with other orders of the ring know the same people."""

import asyncio
import base64
import sys

import pytest
from pydantic import ValidationError

from kuntavayla.testing import TestDatabase
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing, environment_of, running_routing, settings_of
from tests.routing_api.test_reviews import NOT_ENTITLED, UNKNOWN, resolve
from tests.served import Json

OLD, OLD_B, OLD_PRINT = (base64.b64encode(bytes(range(n, n + 32))).decode() for n in (0, 1, 2))
NEW = base64.b64encode(bytes(range(100, 132))).decode()
KNOWS_NEW = f"0:{OLD},a2:{NEW}"
USES_NEW = f"a2:{NEW},0:{OLD}"
COMMAND = (sys.executable, "-m", "routing_api.cli", "rotate-lookup-keys", "--official", "o:u-1")


async def test_processes_on_both_sides_of_a_rotation_make_one_client_of_a_person(
    database: TestDatabase,
) -> None:
    async with (
        running_routing(database, lookup_key_a=KNOWS_NEW) as before,
        running_routing(database, lookup_key_a=USES_NEW) as after,
    ):
        people = [another_person() for _ in range(20)]
        answers = await asyncio.gather(
            *(
                routing.national.registered(on(person, name))
                for person in people
                for name, routing in (("b", before), ("a", after))
            )
        )

        clients = [answer["client_id"] for answer in answers]
        assert clients[::2] == clients[1::2]
        assert await before.count("clients") == len(people)
        for routing in (before, after):
            assert await looked_up(routing, people) == clients[::2]


async def test_a_refused_registration_names_the_client_that_an_older_key_knows(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as routing:
        decision = await routing.office().registered(a_registration(effective_on="2021-03-10"))
    async with running_routing(database, lookup_key_a=USES_NEW) as routing:
        early = on(a_registration(), "2")
        await routing.office().register(early)
        await routing.office().post("/registrations:preview", early)
        await routing.office("te-uusimaa").register_many(early)

        lines = await routing.fetch("SELECT client_id::text FROM audit ORDER BY audit_id")
        assert [line["client_id"] for line in lines] == [decision["client_id"]] * 4


async def test_what_was_stored_under_an_older_fingerprint_key_is_recognised(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as routing:
        first = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
        review_id = first.json()["review"]["review_id"]
        resolved = await resolve(routing.office(), review_id, key="k-2", facts=NOT_ENTITLED)
    ring = f"f2:{NEW},0:{OLD_PRINT}"
    async with running_routing(database, fingerprint_key=ring) as routing:
        again = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
        [line, _] = await routing.office().register_many(a_registration(**UNKNOWN))
        other = await routing.office().register(a_registration(), key="k-1")
        once_more = await resolve(routing.office(), review_id, key="k-2", facts=NOT_ENTITLED)

        assert (again.content, line["replayed"]) == (first.content, True)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert once_more.content == resolved.content


def test_only_one_look_up_key_is_replaced_at_a_time() -> None:
    database = TestDatabase("postgresql://a/b", "postgresql://a/b", "b")

    with pytest.raises(ValidationError, match="one look-up key after the other"):
        settings_of(database, lookup_key_a=USES_NEW, lookup_key_b=f"b2:{NEW},0:{OLD_B}")


async def test_a_rotation_without_the_keys_that_were_in_use_changes_nothing(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as routing:
        await routing.office().registered(a_registration())
        before = await routing.fetch("SELECT lookup_a, lookup_b FROM clients")

        code, told = await rotate(database, lookup_key_a=NEW, lookup_key_b=NEW)

        assert code == 1
        assert told == (
            "lookup_a: 1 made by no key of the ring; add it behind the first\n"
            "lookup_b: 1 made by no key of the ring; add it behind the first\n"
        )
        assert await routing.fetch("SELECT lookup_a, lookup_b FROM clients") == before


async def test_the_second_look_up_is_brought_under_a_new_key_alike(database: TestDatabase) -> None:
    async with running_routing(database) as routing:
        decision = await routing.office().registered(a_registration())
        [before] = await routing.fetch("SELECT lookup_a, lookup_b FROM clients")

        code, told = await rotate(database, lookup_key_b=f"b2:{NEW},0:{OLD_B}")

        [after] = await routing.fetch("SELECT lookup_a, lookup_b FROM clients")
        assert (code, told) == (0, "complete: 1 clients under the keys in use\n")
        assert after["lookup_a"] == before["lookup_a"]
        assert after["lookup_b"] != before["lookup_b"]
    async with running_routing(database, lookup_key_b=NEW) as routing:
        updated = await routing.office().registered(on(a_registration(), "2"))
        assert updated["client_id"] == decision["client_id"]


def on(person: Json, suffix: str) -> Json:
    """Return another registration of the same person."""
    source = person["source"]
    registration_id = f"{source['registration_id']}-{suffix}"
    return {**person, "source": {**source, "registration_id": registration_id}}


async def looked_up(routing: Routing, people: list[Json]) -> list[str]:
    official = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}
    answers = [
        await routing.office().post(
            "/clients:lookup",
            {
                "identity_code": person["person"]["identity_code"],
                "acting_official": official,
            },
        )
        for person in people
    ]
    return [answer.json()["client_id"] for answer in answers]


async def rotate(database: TestDatabase, **changes: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdout=asyncio.subprocess.PIPE, env=environment_of(database, **changes)
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
