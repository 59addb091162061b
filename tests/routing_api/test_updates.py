from typing import Any

import pytest

from tests.builders import a_registration
from tests.routing_api.service import Routing
from tests.served import kind_of

CHANGES = [
    pytest.param({"person__family_name": "Uusi"}, ["identity"], id="name"),
    pytest.param({"person__contact": {"phone": "+358 40 1"}}, ["contact"], id="contact"),
    pytest.param({"person__has_interpreter_need": True}, ["service_language"], id="interpreter"),
    pytest.param({"situation__service_line_code": "01"}, ["service"], id="service line"),
    pytest.param({"plans": []}, ["plans"], id="plans"),
    pytest.param(
        {"open_matters": [{"kind": "hearing", "reference": "H-1"}]}, ["open_matters"], id="matters"
    ),
    pytest.param(
        {"source__client_number": "URA-C-2"}, ["source_client_number"], id="client number"
    ),
    pytest.param(
        {"person__family_name": "Uusi", "plans": []}, ["identity", "plans"], id="two groups"
    ),
    pytest.param({"person__mother_tongue_code": "ru"}, [], id="what no case system is told"),
    pytest.param({"person__citizenship_codes": ["643"]}, [], id="citizenship"),
    pytest.param({"registered_at": "2021-03-01T09:00:00+02:00"}, [], id="nothing"),
]
ENTITLED: dict[str, Any] = {"situation__earnings_related_entitlement": "entitled"}


def again(number: int = 2, **changes: object) -> dict[str, Any]:
    return a_registration(source__registration_id=f"URA-R-{number}", **changes)


async def test_a_registration_before_the_newest_decision_is_refused(routing: Routing) -> None:
    await routing.office().registered(a_registration(effective_on="2021-03-10"))

    refused = await routing.office().register(again(effective_on="2021-03-09"))

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "effective_on_before_newest_decision")
    assert await routing.count("registrations") == 1
    assert len(await routing.case_system().events()) == 1


@pytest.mark.parametrize(("changes", "groups"), CHANGES)
async def test_an_update_names_the_groups_that_changed_and_nothing_else(
    routing: Routing, *, changes: dict[str, Any], groups: list[str]
) -> None:
    first = await routing.office().registered(a_registration())

    second = await routing.office().registered(again(**changes))

    updates = [e for e in await routing.case_system().events() if kind_of(e) == "client.updated"]
    told = {
        "transfer_id": first["transfer"]["transfer_id"],
        "client_id": first["client_id"],
        "clienthood_version": 1,
        "changed_groups": groups,
    }
    assert second["client_id"] == first["client_id"]
    assert second["cause"] == "update"
    assert "transfer" not in second
    assert [event["data"] for event in updates] == ([told] if groups else [])


async def test_a_client_stays_when_the_grounds_are_gone(routing: Routing) -> None:
    first = await routing.office().registered(a_registration())

    second = await routing.office().registered(
        again(
            **ENTITLED,
            situation__employment_code="01",
            person__contact={},
            effective_on="2021-03-02",
        )
    )

    [item] = await routing.case_system().fetched(first["transfer"]["transfer_id"])
    assert (second["decided_by"], second["outcome"]) == ("R5", "municipality")
    assert second["responsible"] == first["responsible"]
    assert item["service"]["employment_code"] == "01"
    assert item["person"]["contact"] == {"email": None, "phone": None, "address": None}


async def test_a_move_withdraws_here_and_transfers_there_with_the_same_client(
    routing: Routing,
) -> None:
    first = await routing.office().registered(a_registration())

    moved = await routing.national.registered(
        again(person__home_municipality_code="091", effective_on="2021-03-15", **ENTITLED)
    )

    client_id, old_id = first["client_id"], first["transfer"]["transfer_id"]
    _, withdrawn = await routing.case_system().events()
    [transferred] = await routing.case_system("cs-helsinki").events()
    assert (moved["client_id"], moved["cause"], moved["decided_by"]) == (client_id, "move", "R5")
    assert moved["responsible"]["case_system_id"] == "cs-helsinki"
    assert withdrawn["data"] == {
        "transfer_id": old_id,
        "client_id": client_id,
        "clienthood_version": 1,
        "municipality_code": "765",
        "ends_on": "2021-03-14",
        "next_authority": "municipality",
    }
    assert transferred["data"]["clienthood_version"] == 2
    assert transferred["data"]["previous_authority"] == "municipality"
    assert transferred["data"]["cause"] == "move"
    assert transferred["data"]["te_office_code"] == "te-uusimaa"
    assert withdrawn["sequence"] < transferred["sequence"]
    told = [data for _, kind, data in await routing.outbox("internal")]
    assert [(d["clienthood_version"], d["municipality_code"], d["valid_from"]) for d in told] == [
        (1, "765", "2021-03-01"),
        (2, "091", "2021-03-15"),
    ]
    assert (told[0]["source_system"], told[0]["source_client_number"]) == ("ura", "URA-C-0088123")
    [old] = await routing.case_system().fetched(old_id)
    assert old["result"] == "disclosed", "responsible until the last day"
    routing.clock.pass_days(14)
    [old] = await routing.case_system().fetched(old_id)
    assert old["problem"]["code"] == "transfer_not_found"


async def rights_of(routing: Routing, transfer_id: str, *, path: str) -> list[object]:
    old, office = routing.case_system(), routing.office()
    acknowledged = await old.post(
        "/transfers:acknowledge",
        {"items": [{"transfer_id": transfer_id, "taken_over_at": "2021-03-01T06:01:00Z"}]},
    )
    noticed = await office.post(
        "/transfers:notice",
        {
            "acting_official": {"official_id": "te:u-1", "role": "caseworker"},
            "items": [
                {
                    "transfer_id": transfer_id,
                    "channel": "letter",
                    "language_code": "fi",
                    "notified_at": "2021-03-01T06:01:00Z",
                }
            ],
        },
    )
    [fetched] = await old.fetched(transfer_id)
    reads = [
        (await old.get(path, headers=_official("765"))).status_code,
        (await office.get(path, headers=_official(None))).status_code,
    ]
    items = (await old.get("/clienthoods")).json()["items"]
    results = [answer.json()["items"][0]["result"] for answer in (acknowledged, noticed)]
    return [*results, fetched["result"], *reads, [item["transfer_id"] for item in items]]


async def test_who_is_responsible_until_a_move_keeps_every_right_until_the_last_day(
    routing: Routing,
) -> None:
    first = await routing.office().registered(a_registration())
    transfer_id, path = first["transfer"]["transfer_id"], f"/clients/{first['client_id']}"
    await routing.national.registered(
        again(person__home_municipality_code="091", effective_on="2021-04-20")
    )
    new = routing.case_system("cs-helsinki")

    all_of_them = ["done", "done", "disclosed", 200, 200, [transfer_id]]
    assert await rights_of(routing, transfer_id, path=path) == all_of_them
    assert (await new.get(path, headers=_official("091"))).status_code == 200
    routing.clock.pass_days(49)
    assert await rights_of(routing, transfer_id, path=path) == all_of_them
    routing.clock.pass_days(1)
    assert await rights_of(routing, transfer_id, path=path) == [
        "refused",
        "refused",
        "refused",
        404,
        404,
        [],
    ]


def _official(municipality_code: str | None) -> dict[str, str]:
    place = f"; municipality={municipality_code}" if municipality_code else ""
    return {"Acting-Official": f"sotkamo:u-1; role=caseworker{place}"}


async def test_a_page_of_the_snapshot_ends_with_all_versions_of_its_last_client(
    routing: Routing,
) -> None:
    await routing.office().registered(a_registration())
    await routing.office().registered(
        again(person__home_municipality_code="205", effective_on="2021-03-15")
    )

    page = (await routing.case_system().get("/clienthoods", params={"limit": 1})).json()

    assert [item["clienthood_version"] for item in page["items"]] in ([1, 2], [1])
    assert page["next_cursor"] is not None


async def test_a_new_client_number_is_told_without_moving_the_beginning(routing: Routing) -> None:
    await routing.office().registered(a_registration())

    await routing.office().registered(
        again(source__client_number="URA-C-2", effective_on="2021-03-10")
    )

    *_, (_, kind, data) = await routing.outbox("internal")
    assert kind == "responsibility.changed"
    assert (data["source_client_number"], data["clienthood_version"]) == ("URA-C-2", 1)
    assert data["valid_from"] == "2021-03-01"


async def test_who_is_registered_anew_for_the_same_first_day_is_judged_anew(
    routing: Routing,
) -> None:
    await routing.office().registered(a_registration(effective_on="2021-03-20"))

    anew = await routing.office().registered(again(**ENTITLED, effective_on="2021-03-20"))
    back = await routing.office().registered(again(3, effective_on="2021-03-25"))
    [row] = await routing.fetch("SELECT client_since_on::text FROM clients")

    assert (anew["decided_by"], anew["outcome"]) == ("R9", "te_office")
    assert (back["decided_by"], back["cause"]) == ("R7a", "first_entry")
    assert row["client_since_on"] == "2021-03-25"


async def test_several_changes_of_one_batch_leave_one_of_each_that_stands(
    routing: Routing,
) -> None:
    unknown = {"situation__earnings_related_entitlement": "unknown"}
    lines = await routing.national.register_many(
        a_registration(**unknown),
        again(2, **{**unknown, "person__mother_tongue_code": "sv"}),
        again(3),
        again(4, person__home_municipality_code="091"),
        again(5, effective_on="2021-03-02"),
    )

    states = await routing.fetch("SELECT state FROM transfers ORDER BY transfer_id")
    reviews = await routing.fetch("SELECT state FROM reviews")
    assert lines[-1]["summary"]["created"] == 5
    assert sorted(row["state"] for row in states) == ["offered", "withdrawn", "withdrawn"]
    assert [row["state"] for row in reviews] == ["superseded", "superseded"]
    assert await routing.fetch("SELECT 1 FROM clienthoods WHERE valid_to IS NULL") != []


async def test_a_move_out_of_the_areas_gives_the_client_back_and_a_return_is_one(
    routing: Routing,
) -> None:
    national = routing.national
    first = await national.registered(a_registration())

    left = await national.registered(
        again(2, person__home_municipality_code="291", effective_on="2021-03-15")
    )
    back = await national.registered(again(3, effective_on="2021-03-29", **ENTITLED))

    _, withdrawn, transferred = await routing.case_system().events()
    assert (left["decided_by"], left["outcome"], left["cause"]) == ("R3", "te_office", "move")
    assert left["responsible"] == {"authority": "te_office", "te_office_code": "te-pirkanmaa"}
    assert withdrawn["data"]["next_authority"] == "te_office"
    assert (back["client_id"], back["cause"], back["decided_by"]) == (
        first["client_id"],
        "return",
        "R5",
    )
    assert transferred["data"]["cause"] == "return"
    assert transferred["data"]["previous_authority"] == "te_office"
    authorities = [data["authority"] for _, _, data in await routing.outbox("internal")]
    assert authorities == ["municipality", "te_office", "municipality"]
    history = (
        await national.get(
            f"/clients/{first['client_id']}",
            headers={"Acting-Official": "te:u-1; role=caseworker; office=te-kainuu"},
        )
    ).json()
    assert [(h["version"], h["valid_from"], h.get("valid_to")) for h in history["clienthoods"]] == [
        (1, "2021-03-01", "2021-03-14"),
        (2, "2021-03-15", "2021-03-28"),
        (3, "2021-03-29", None),
    ]


async def test_two_changes_on_one_day_leave_a_version_that_never_counted(routing: Routing) -> None:
    national = routing.national
    await national.registered(a_registration())

    await national.registered(again(2, person__home_municipality_code="205"))
    await national.registered(again(3, person__home_municipality_code="765"))

    rows = await routing.fetch(
        "SELECT version, municipality_code, valid_from::text, valid_to::text FROM clienthoods"
        " ORDER BY version"
    )
    assert [tuple(row) for row in rows] == [
        (1, "765", "2021-03-01", "2021-02-28"),
        (2, "205", "2021-03-01", "2021-02-28"),
        (3, "765", "2021-03-01", None),
    ]


async def test_where_the_te_office_stays_responsible_no_contact_is_stored(routing: Routing) -> None:
    await routing.office().registered(a_registration(**ENTITLED))

    [row] = await routing.fetch("SELECT profile_ciphertext, profile_key_id FROM registrations")
    assert tuple(row) == (None, None)
    assert await routing.count("outbox") == 0


async def test_an_open_question_that_a_newer_registration_answers_leaves_no_contact(
    routing: Routing,
) -> None:
    unknown = {"situation__earnings_related_entitlement": "unknown"}
    await routing.office().registered(a_registration(**unknown))

    await routing.office().registered(again(**ENTITLED))

    rows = await routing.fetch("SELECT profile_ciphertext FROM registrations")
    assert [row["profile_ciphertext"] for row in rows] == [None, None]


async def test_a_te_client_who_gets_a_ground_enters_for_the_first_time(routing: Routing) -> None:
    first = await routing.office().registered(a_registration(**ENTITLED))

    entered = await routing.office().registered(again(effective_on="2021-03-08"))

    [event] = await routing.case_system().events()
    assert (entered["client_id"], entered["cause"]) == (first["client_id"], "first_entry")
    assert event["data"]["clienthood_version"] == 2
    assert event["data"]["acknowledge_due_at"] == "2021-03-09T14:00:00Z"
