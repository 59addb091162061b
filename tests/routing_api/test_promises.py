"""The promises of the README that no single part can keep alone."""

from typing import Any

import asyncpg
import msgspec
import pytest

from routing_api.tables import APPEND_ONLY
from tests.builders import EXAMPLE, a_registration, another_person
from tests.routing_api.service import Routing
from tests.served import OFFICIAL

PERSON = EXAMPLE["person"]
SECRETS = (
    PERSON["identity_code"],
    PERSON["family_name"],
    PERSON["given_names"],
    PERSON["contact"]["email"],
    PERSON["contact"]["address"]["street"],
)
HELSINKI = "helsinki:u-0007; role=caseworker; municipality=091"
KUHMO = "kuhmo:u-1; role=caseworker; municipality=290"


def asking_for(transfer_id: str) -> dict[str, Any]:
    return {"purpose": "client_service", "transfer_ids": [transfer_id]}


async def test_a_case_system_reads_only_its_own_and_every_read_is_on_record(
    routing: Routing,
) -> None:
    decision = (await routing.office().register(a_registration())).json()
    body = asking_for(decision["transfer"]["transfer_id"])
    callers = {"cs-sotkamo": OFFICIAL, "cs-kuhmo": KUHMO, "cs-helsinki": HELSINKI}

    results = {}
    for name, official in callers.items():
        answer = await routing.case_system(name).post(
            "/persons:fetch", body, headers={"Acting-Official": official}
        )
        results[name] = answer.json()["items"][0]["result"]

    lines = await routing.fetch(
        "SELECT organisation, outcome FROM audit WHERE action = 'person.fetch' ORDER BY audit_id"
    )
    assert results == {"cs-sotkamo": "disclosed", "cs-kuhmo": "refused", "cs-helsinki": "refused"}
    assert dict(map(tuple, lines)) == results


async def test_another_areas_transfer_is_answered_like_one_that_does_not_exist(
    routing: Routing,
) -> None:
    decision = (await routing.office().register(a_registration())).json()
    stranger = routing.case_system("cs-helsinki")

    answers = []
    for transfer_id in (decision["transfer"]["transfer_id"], decision["client_id"]):
        answer = await stranger.post(
            "/persons:fetch", asking_for(transfer_id), headers={"Acting-Official": HELSINKI}
        )
        [item] = answer.json()["items"]
        assert item.pop("transfer_id") == transfer_id
        answers.append(item)

    assert answers[0] == answers[1]
    assert (await stranger.events()) == []
    assert (await stranger.get("/clienthoods")).json()["items"] == []
    assert (await stranger.get("/transfers")).json()["items"] == []


async def test_no_table_holds_who_a_person_is_in_the_clear(routing: Routing) -> None:
    office = routing.office()
    decision = (await office.register(a_registration())).json()
    await office.register(a_registration(person__identity_code=an_invalid_code()))
    await office.post(
        "/clients:lookup",
        {"identity_code": PERSON["identity_code"]},
        headers={"Acting-Official": "te-kainuu:u-1; role=caseworker; office=te-kainuu"},
    )
    await routing.case_system().post(
        "/persons:fetch",
        asking_for(decision["transfer"]["transfer_id"]),
        headers={"Acting-Official": OFFICIAL},
    )

    tables = await routing.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    stored = {
        table: await routing.fetch(f'SELECT t.*, t::text AS whole FROM "{table}" t')  # noqa: S608 - names from the catalogue
        for (table,) in tables
    }

    assert stored["outbox"]
    assert stored["audit"]
    for table, rows in stored.items():
        for row in rows:
            text = row["whole"] + repr([value for value in row.values() if type(value) is bytes])
            assert not [secret for secret in SECRETS if secret in text], table


def an_invalid_code() -> str:
    code: str = PERSON["identity_code"]
    return code[:-1] + ("A" if code[-1] != "A" else "B")


async def test_a_decision_is_explained_and_judged_again_from_what_is_stored(
    routing: Routing,
) -> None:
    office = routing.office()
    for registration in (
        a_registration(),
        another_person(situation__earnings_related_entitlement="unknown"),
        another_person(person__home_municipality_code="020"),
    ):
        first = (await office.register(registration)).json()

        again = (await office.get(f"/decisions/{first['decision_id']}?recompute=true")).json()

        assert again.pop("recomputed") == {
            "is_equal": True,
            "outcome": first["outcome"],
            "decided_by": first["decided_by"],
        }
        assert msgspec.json.encode(again) == msgspec.json.encode(first)


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_the_service_itself_can_not_rewrite_what_was_written_once(
    routing: Routing, table: str
) -> None:
    await routing.office().register(a_registration())
    connection = await asyncpg.connect(routing.database.url)
    try:
        [column] = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 2", table
        )
        for statement in (
            f'UPDATE "{table}" SET "{column[0]}" = "{column[0]}"',  # noqa: S608 - constants of ours
            f'DELETE FROM "{table}"',  # noqa: S608 - a constant of ours
            f'TRUNCATE "{table}"',
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
