from typing import Any

from tests.builders import a_registration, another_person, ndjson
from tests.routing_api.service import Caller, Routing
from tests.served import Json, kind_of

OFFICER = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}
CASEWORKER = {"official_id": "sotkamo:u-1042", "contact_point": "sotkamo-tyollisyyspalvelut"}


async def acknowledge(caller: Caller, *items: dict[str, Any]) -> list[Json]:
    filled = [{"taken_over_at": "2021-03-01T08:01:00+02:00", **item} for item in items]
    answer = await caller.post("/transfers:acknowledge", {"items": filled})
    assert answer.status_code == 200, answer.text
    items_: list[Json] = answer.json()["items"]
    return items_


async def give_notice(caller: Caller, *items: dict[str, Any]) -> list[Json]:
    notice = {
        "channel": "e_service",
        "language_code": "fi",
        "notified_at": "2021-03-01T08:05:00.100+02:00",
        "template": "transfer-first-entry/3",
    }
    body = {"acting_official": OFFICER, "items": [{**notice, **item} for item in items]}
    answer = await caller.post("/transfers:notice", body)
    assert answer.status_code == 200, answer.text
    items_: list[Json] = answer.json()["items"]
    return items_


async def offered(routing: Routing, **changes: object) -> str:
    routing.clock.tick()
    decision = await routing.office().registered(another_person(**changes))
    transfer_id: str = decision["transfer"]["transfer_id"]
    return transfer_id


async def test_instants_that_no_calendar_holds_are_refused(refusing: Routing) -> None:
    id_ = "0177f6f0-9d20-76b5-8a23-d5962217bead"
    acknowledged = await refusing.case_system().post(
        "/transfers:acknowledge",
        {"items": [{"transfer_id": id_, "taken_over_at": "0001-01-01T00:00:00+14:00"}]},
    )
    noticed = await refusing.office().post(
        "/transfers:notice",
        {
            "acting_official": OFFICER,
            "items": [
                {
                    "transfer_id": id_,
                    "channel": "letter",
                    "language_code": "fi",
                    "notified_at": "9999-12-31T23:59:59-14:00",
                }
            ],
        },
    )

    told = [
        (answer.status_code, answer.json()["errors"][0]["pointer"])
        for answer in (acknowledged, noticed)
    ]
    assert told == [(422, "/items/0/taken_over_at"), (422, "/items/0/notified_at")]


async def test_an_identity_code_is_no_contact_point(routing: Routing) -> None:
    transfer_id = await offered(routing)

    answer = await routing.case_system().post(
        "/transfers:acknowledge",
        {
            "items": [
                {
                    "transfer_id": transfer_id,
                    "taken_over_at": "2021-03-02T09:10:00+02:00",
                    "caseworker": {"contact_point": "240587-921N"},
                }
            ]
        },
    )

    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, "/items/0/caseworker/contact_point")
    assert "240587" not in answer.text
    assert await routing.office().events() == []


async def test_an_acknowledgement_is_told_to_the_office_once_and_repeats_answer_as_before(
    routing: Routing,
) -> None:
    transfer_id = await offered(routing)
    item = {"transfer_id": transfer_id, "caseworker": CASEWORKER}

    first = await acknowledge(routing.case_system(), item, item)
    again = await acknowledge(routing.case_system(), item)
    [other] = await acknowledge(routing.case_system(), {"transfer_id": transfer_id})

    [event] = await routing.office().events()
    assert first == [{"transfer_id": transfer_id, "result": "done", "state": "acknowledged"}] * 2
    assert again == first[:1]
    assert (other["result"], other["problem"]["code"]) == ("refused", "already_acknowledged")
    lines = await routing.fetch(
        "SELECT official_id FROM audit WHERE action = 'transfer.acknowledged' AND outcome = 'done'"
    )
    assert [line["official_id"] for line in lines] == ["sotkamo:u-1042"]
    assert kind_of(event) == "transfer.acknowledged"
    assert event["data"] == {
        "transfer_id": transfer_id,
        "client_id": event["subject"],
        "clienthood_version": 1,
        "municipality_code": "765",
        "taken_over_at": "2021-03-01T06:01:00Z",
        "contact_point": "sotkamo-tyollisyyspalvelut",
    }
    [listed] = (await routing.case_system().get("/transfers")).json()["items"]
    assert (listed["state"], listed["caseworker_id"]) == ("acknowledged", "sotkamo:u-1042")


async def test_a_notice_is_told_to_the_case_system_once_and_another_one_is_refused(
    routing: Routing,
) -> None:
    transfer_id, office = await offered(routing), routing.office()
    item = {"transfer_id": transfer_id}

    first = await give_notice(office, item, item)
    [again] = await give_notice(office, {**item, "notified_at": "2021-03-01T06:05:00.100Z"})
    others = await give_notice(
        office, {**item, "channel": "letter"}, {**item, "language_code": "sv"}
    )

    _, event = await routing.case_system().events()
    assert [line["result"] for line in (*first, again)] == ["done"] * 3
    assert {line["problem"]["code"] for line in others} == {"notice_already_given"}
    assert kind_of(event) == "client.notified"
    assert event["causationid"] == transfer_id
    data = event["data"]
    assert (data["channel"], data["language_code"]) == ("e_service", "fi")
    assert data["notified_at"] == "2021-03-01T06:05:00.100000Z"


async def test_two_notices_of_one_call_that_differ_are_one_notice(routing: Routing) -> None:
    item = {"transfer_id": await offered(routing)}

    first, other = await give_notice(routing.office(), item, {**item, "channel": "phone"})

    assert (first["result"], other["problem"]["code"]) == ("done", "notice_already_given")
    assert len(await routing.case_system().events()) == 2


async def test_a_withdrawn_transfer_is_refused_and_its_neighbours_taken(routing: Routing) -> None:
    first = await routing.office().registered(a_registration())
    gone, kept = first["transfer"]["transfer_id"], await offered(routing)
    await routing.office().registered(
        a_registration(source__registration_id="R-2", person__home_municipality_code="205")
    )

    acknowledged = await acknowledge(
        routing.case_system(), {"transfer_id": gone}, {"transfer_id": kept}
    )
    noticed = await give_notice(routing.office(), {"transfer_id": gone}, {"transfer_id": kept})

    for refused, done in (acknowledged, noticed):
        problem = refused["problem"]
        assert (problem["status"], problem["code"]) == (409, "transfer_withdrawn")
        assert done["result"] == "done"


async def test_transfers_are_listed_by_state_and_flag_as_the_days_pass(routing: Routing) -> None:
    early = await offered(routing, effective_on="2021-03-02")
    initial = await offered(routing)
    told = await offered(routing)
    await give_notice(routing.office(), {"transfer_id": told})
    await acknowledge(routing.case_system(), {"transfer_id": told})

    async def listed(**query: str) -> list[str]:
        answer = await routing.case_system().get("/transfers", params=query)
        return [item["transfer_id"] for item in answer.json()["items"]]

    assert await listed() == [early, initial, told]
    assert await listed(state="offered") == [early, initial]
    assert await listed(state="acknowledged") == [told]
    assert await listed(flag="without_notice") == [early, initial]
    assert await listed(flag="overdue") == []
    routing.clock.pass_days(3)
    assert await listed(flag="overdue") == [early]
    routing.clock.pass_days(14)
    assert await listed(flag="overdue") == [early, initial]
    assert await listed(flag="overdue", state="acknowledged") == []
    [item, *_] = (await routing.operator.get("/transfers")).json()["items"]
    assert item["flags"] == ["overdue", "without_notice"]
    status = (await routing.operator.get("/status")).json()
    assert (status["offered_transfers"], status["overdue_transfers"]) == (2, 2)
    assert (status["transfers_without_notice"], status["head_position"]) == (2, 8)


async def test_a_list_is_paged_by_its_cursor_and_takes_no_other(routing: Routing) -> None:
    answer = await routing.office().bulk(ndjson(*(another_person() for _ in range(7))))
    assert answer.status_code == 200

    pages: list[list[str]] = []
    after = None
    while after is not None or not pages:
        query = {"limit": 3, "after": after} if after else {"limit": 3}
        page = (await routing.case_system().get("/transfers", params=query)).json()
        pages.append([item["transfer_id"] for item in page["items"]])
        after = page["next_cursor"]

    ids = [transfer_id for page in pages for transfer_id in page]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert ids == sorted(set(ids))
    for wrong in ("x", "MTIz", "äö"):
        refused = await routing.case_system().get("/transfers", params={"after": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor_malformed")


async def test_an_acknowledgement_repeated_with_a_later_time_answers_as_before(
    routing: Routing,
) -> None:
    registered = await routing.office().register(another_person())
    transfer_id = registered.json()["transfer"]["transfer_id"]
    items = [
        {"items": [{"transfer_id": transfer_id, "taken_over_at": f"2021-03-01T06:{minute}:00Z"}]}
        for minute in ("01", "02")
    ]

    answers = [await routing.case_system().post("/transfers:acknowledge", item) for item in items]

    assert [answer.json()["items"][0]["result"] for answer in answers] == ["done", "done"]
    told = await routing.office().events()
    assert [event["data"]["taken_over_at"] for event in told] == ["2021-03-01T06:01:00Z"]
