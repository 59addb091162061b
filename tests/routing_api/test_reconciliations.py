from typing import Any
from uuid import UUID

import pytest

from tests.builders import another_person, ndjson
from tests.routing_api.service import CASE_SYSTEM_SCOPES, Caller, Routing
from tests.served import Json

NDJSON = {"Content-Type": "application/x-ndjson"}
NOBODY = str(UUID(int=7))
DAY = "2021-03-01"
LINE = {"client_id": NOBODY, "clienthood_version": 1}
KINDS = ("missing", "unknown", "ended", "version_differs")


async def reconciled(caller: Caller, held: dict[str, int], **query: Json) -> Json:
    """Send a list of clients with their versions and return the result."""
    lines = [{"client_id": each, "clienthood_version": held[each]} for each in held]
    answer = await send(caller, ndjson(*lines), count=len(lines), **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(caller: Caller, body: bytes, *, headers: Json = NDJSON, **query: Json) -> Json:
    return await caller.post("/reconciliations", body, headers=headers, params=query)


async def clients(routing: Routing, count: int, **changes: Json) -> list[str]:
    """Register people of Sotkamo and return their client ids."""
    people = [another_person(**changes) for _ in range(count)]
    return [(await routing.office().registered(person))["client_id"] for person in people]


async def moved_away(routing: Routing) -> str:
    """Register somebody in Sotkamo who then moves to Kajaani, and return the client id."""
    person = another_person()
    await routing.office().registered(person)
    person["source"]["registration_id"] += "-moved"
    person["person"]["home_municipality_code"] = "205"
    routing.clock.tick()
    decision = await routing.office().registered(person)
    client_id: str = decision["client_id"]
    return client_id


def counts(result: Json) -> dict[str, int]:
    return {kind: result[kind] for kind in KINDS if result[kind]}


async def test_equal_lists_are_told_to_be_equal(routing: Routing) -> None:
    held = dict.fromkeys(await clients(routing, 3), 1)

    result = await reconciled(routing.case_system(), held)

    assert (result["organisation"], result["day"], result["is_equal"]) == ("cs-sotkamo", DAY, True)
    assert (result["your_count"], result["our_count"], result["matched"]) == (3, 3, 3)
    assert (counts(result), result["differences"]) == ({}, [])


async def test_each_difference_is_named_with_what_repairs_it(routing: Routing) -> None:
    known, missing, older = await clients(routing, 3)
    ended = await moved_away(routing)
    [stranger] = await clients(routing, 1, person__home_municipality_code="205")

    result = await reconciled(
        routing.case_system(), {known: 1, older: 9, ended: 1, stranger: 1, NOBODY: 1}
    )

    events = await routing.case_system().events()
    ids: dict[str, list[str]] = {}
    for event in events:
        ids.setdefault(event["subject"], []).append(event["id"])
    assert counts(result) == {"missing": 1, "unknown": 2, "ended": 1, "version_differs": 1}
    assert (result["your_count"], result["our_count"], result["matched"]) == (5, 3, 1)
    assert not result["is_equal"]
    redelivery, by_them = "POST /redeliveries", "case_system"
    told = {each["client_id"]: each for each in result["differences"]}
    assert told[missing] == {
        "kind": "missing",
        "client_id": missing,
        "our_version": 1,
        "repaired_by": redelivery,
        "event_ids": ids[missing],
    }
    assert (told[older]["your_version"], told[older]["our_version"]) == (9, 1)
    assert (told[ended]["repaired_by"], told[ended]["event_ids"]) == (redelivery, ids[ended])
    assert len(ids[ended]) == 2
    for each in (stranger, NOBODY):
        assert told[each] == {
            "kind": "unknown",
            "client_id": each,
            "your_version": 1,
            "repaired_by": by_them,
        }


async def test_what_the_case_system_has_still_to_read_is_on_the_way_and_no_difference(
    routing: Routing,
) -> None:
    case_system = routing.case_system()
    [read] = await clients(routing, 1)
    feeds = [
        (await case_system.get(path, params={"after": "earliest"})).headers["next-cursor"]
        for path in ("/events", "/events/restricted")
    ]
    await clients(routing, 2)

    cursors = {"feed_cursor": feeds[0], "restricted_feed_cursor": feeds[1]}
    with_cursors = await reconciled(case_system, {read: 1}, **cursors)
    without = await reconciled(case_system, {read: 1})

    assert (with_cursors["is_equal"], with_cursors["on_the_way"]) == (True, 2)
    assert (with_cursors["our_count"], with_cursors["missing"]) == (3, 0)
    assert (without["is_equal"], without["missing"]) == (False, 2)


async def test_clients_with_a_security_ban_are_compared_only_with_the_restricted_scope(
    routing: Routing,
) -> None:
    [banned] = await clients(routing, 1, person__has_security_ban=True)
    scopes = [scope for scope in CASE_SYSTEM_SCOPES if scope != "events.restricted"]
    narrow, wide = routing.caller("cs-sotkamo", *scopes), routing.case_system()

    without = await reconciled(narrow, {})
    guessed = await reconciled(narrow, {banned: 1})
    missing = await reconciled(wide, {})
    told = [
        (await caller.get(f"/reconciliations/{DAY}")).json()["items"][0]["differences"]
        for caller in (narrow, wide)
    ]

    assert without["is_equal"]
    assert [each["kind"] for each in guessed["differences"]] == ["unknown"]
    assert [each["client_id"] for each in missing["differences"]] == [banned]
    assert len(missing["differences"][0]["event_ids"]) == 1
    assert told == [[], missing["differences"]]


async def test_the_result_of_a_day_is_kept_and_a_repeat_takes_its_place(routing: Routing) -> None:
    held = dict.fromkeys(await clients(routing, 2), 1)
    case_system, other = routing.case_system(), routing.case_system("cs-kajaani")
    await reconciled(case_system, {})
    result = await reconciled(case_system, held)
    await reconciled(other, {NOBODY: 1})

    own = (await case_system.get(f"/reconciliations/{DAY}")).json()
    forged = await other.get(f"/reconciliations/{DAY}", params={"organisation": "cs-sotkamo"})
    listed = (await routing.operator.get(f"/reconciliations/{DAY}")).json()["items"]
    query = {"organisation": "cs-kajaani"}
    one = (await routing.operator.get(f"/reconciliations/{DAY}", params=query)).json()["items"]
    empty = (await case_system.get("/reconciliations/2021-03-02")).json()

    assert own == {"items": [result], "next_cursor": None}
    assert [each["organisation"] for each in forged.json()["items"]] == ["cs-kajaani"]
    assert [(each["organisation"], each["is_equal"]) for each in listed] == [
        ("cs-kajaani", False),
        ("cs-sotkamo", True),
    ]
    assert all("differences" not in each for each in listed)
    assert [each["client_id"] for each in one[0]["differences"]] == [NOBODY]
    assert empty["items"] == []


async def test_every_reconciliation_and_every_reading_of_one_is_on_record(
    routing: Routing,
) -> None:
    await reconciled(routing.case_system(), {})
    await reconciled(routing.case_system(), {NOBODY: 1})
    await routing.operator.get(f"/reconciliations/{DAY}")

    lines = await routing.fetch("SELECT organisation, action, outcome FROM audit ORDER BY audit_id")

    assert [tuple(line) for line in lines] == [
        ("cs-sotkamo", "reconciliation.made", "equal"),
        ("cs-sotkamo", "reconciliation.made", "differing"),
        ("operator", "reconciliation.listed", "disclosed"),
    ]


@pytest.mark.parametrize(
    ("body", "count", "faults"),
    [
        pytest.param(ndjson(LINE), 2, [("/query/count", "count_differs")], id="cut short"),
        pytest.param(b"", 1, [("/query/count", "count_differs")], id="nothing"),
        pytest.param(
            ndjson(LINE, LINE), 2, [("/lines/2/client_id", "client_repeated")], id="twice"
        ),
        pytest.param(
            ndjson({**LINE, "clienthood_version": 0}),
            1,
            [("/lines/1/clienthood_version", "too_small")],
            id="no version",
        ),
        pytest.param(
            ndjson(LINE, {**LINE, "client_id": "240587-921N"}),
            2,
            [("/lines/2/client_id", "id_malformed")],
            id="an identity code",
        ),
        pytest.param(
            ndjson({**LINE, "name": "Aino"}), 1, [("/lines/1/name", "unknown_field")], id="more"
        ),
        pytest.param(b'{"client_id"\n', 1, [("/lines/1", "json_malformed")], id="no JSON"),
        pytest.param(b'"\\u0000"\n', 1, None, id="NUL"),
        pytest.param(b"x" * 1_025 + b"\n", 1, [("/lines/1", "line_too_large")], id="long line"),
    ],
)
async def test_a_list_with_a_fault_is_refused_as_a_whole(
    refusing: Routing, *, body: bytes, count: int, faults: list[tuple[str, str]] | None
) -> None:
    answer = await send(refusing.case_system(), body, count=count)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_content")
    assert faults is None or [(f["pointer"], f["code"]) for f in problem["errors"]] == faults
    assert "240587" not in answer.text
    assert await refusing.count("reconciliations") == 0


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        pytest.param({}, NDJSON, 422, "invalid_content", id="no count"),
        pytest.param({"count": -1}, NDJSON, 422, "invalid_content", id="count below 0"),
        pytest.param({"count": 100_001}, NDJSON, 422, "invalid_content", id="count above all"),
        pytest.param(
            {"count": 0, "feed_cursor": "x"}, NDJSON, 400, "cursor_malformed", id="no cursor"
        ),
        pytest.param(
            {"count": 0, "feed_cursor": "MDAwMDAyLjAwMDAwMDAwMDAwMDAwMDAwMA=="},
            NDJSON,
            410,
            "cursor_expired",
            id="a cursor of another epoch",
        ),
        pytest.param(
            {"count": 0, "restricted_feed_cursor": "x"},
            NDJSON,
            400,
            "cursor_malformed",
            id="no cursor of the other feed",
        ),
        pytest.param({"count": 0}, {}, 415, "media_type_refused", id="not NDJSON"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(
    refusing: Routing, *, query: dict[str, Any], headers: Json, status: int, code: str
) -> None:
    answer = await send(refusing.case_system(), b"", headers=headers, **query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_more_lines_than_the_call_takes_are_refused(refusing: Routing) -> None:
    answer = await send(refusing.case_system(), b"\n" * 100_001, count=0)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_lines")


async def test_no_more_than_a_hundred_faults_are_listed(refusing: Routing) -> None:
    answer = await send(refusing.case_system(), b"\n" * 150, count=150)

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100


async def test_only_a_case_system_has_a_list_and_only_operators_see_others(
    refusing: Routing,
) -> None:
    office = refusing.caller("te-kainuu", "reconciliations.write", "reconciliations.read")

    answers = [
        await send(office, b"", count=0),
        await office.get(f"/reconciliations/{DAY}"),
        await refusing.case_system().get("/reconciliations/today"),
        await refusing.operator.get(f"/reconciliations/{DAY}", params={"organisation": "a\0b"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "caller_kind_refused"),
        (403, "caller_kind_refused"),
        (404, "path_not_found"),
        (422, "invalid_content"),
    ]
