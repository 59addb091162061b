import msgspec
import pytest

from kuntavayla.inbox import ConsumerStopped
from tests.builders import another_person
from tests.routing_api.inbound import ITEM, Topic, answers_to, read
from tests.routing_api.service import Routing
from tests.served import Json

UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"
CODE = "240587-921N"


async def offered(routing: Routing, **changes: object) -> tuple[str, str]:
    """Return transfer and client of a new client of Sotkamo's."""
    routing.clock.tick()
    decision = await routing.office().registered(another_person(**changes))
    return decision["transfer"]["transfer_id"], decision["client_id"]


async def states(routing: Routing) -> list[str]:
    rows = await routing.fetch("SELECT state FROM transfers ORDER BY transfer_id")
    return [row["state"] for row in rows]


async def test_an_acknowledgement_by_the_topic_is_the_same_act_as_over_http(
    routing: Routing,
) -> None:
    transfer_id, client_id = await offered(routing)
    topic = Topic()
    item = {
        "transfer_id": transfer_id,
        "caseworker": {"official_id": "sotkamo:u-1", "contact_point": "desk"},
        **ITEM,
    }
    topic.write(item, key=client_id)
    topic.write(item, key=client_id)

    await read(routing, topic)
    over_http = await routing.case_system().post("/transfers:acknowledge", {"items": [item]})

    [event] = await routing.office().events()
    assert event["data"] == {
        "transfer_id": transfer_id,
        "client_id": client_id,
        "clienthood_version": 1,
        "municipality_code": "765",
        "taken_over_at": "2021-03-01T06:01:00Z",
        "contact_point": "desk",
    }
    assert over_http.json()["items"][0]["result"] == "done"
    assert await answers_to(routing) == []
    [line] = await routing.fetch("SELECT * FROM audit WHERE action = 'transfer.acknowledged'")
    assert (line["organisation"], line["official_id"]) == ("cs-sotkamo", "sotkamo:u-1")


async def test_whose_record_it_is_is_told_by_the_topic_and_by_nothing_in_it(
    routing: Routing,
) -> None:
    transfer_id, _ = await offered(routing)
    topic = Topic("cs-kajaani")
    headers = {"ce_source": "/cs-sotkamo", "ce_organisation": "cs-sotkamo"}
    topic.write({"transfer_id": transfer_id, **ITEM}, headers=headers)

    await read(routing, topic)

    assert await states(routing) == ["offered"]
    [answer] = await answers_to(routing, "cs-kajaani")
    assert answer == {
        "transfer_id": transfer_id,
        "codes": ["transfer_not_found"],
        "topic": "kv.routing-api.in.cs-kajaani.v1",
        "partition": 0,
        "offset": 0,
        "is_parked": False,
    }
    assert await answers_to(routing) == []


async def test_what_the_state_refuses_is_answered_and_not_parked(routing: Routing) -> None:
    taken, client_id = await offered(routing)
    person = another_person()
    routing.clock.tick()
    gone = (await routing.office().registered(person))["transfer"]["transfer_id"]
    person["source"]["registration_id"] += "-2"
    person["person"]["home_municipality_code"] = "205"
    await routing.office().registered(person)
    topic = Topic()
    topic.write({"transfer_id": taken, **ITEM}, key=client_id)
    topic.write({"transfer_id": taken, "caseworker": {"contact_point": "other"}, **ITEM})
    topic.write({"transfer_id": gone, **ITEM})
    topic.write({"transfer_id": UNKNOWN, **ITEM})

    await read(routing, topic)

    told = [
        (answer["offset"], answer["codes"], answer["is_parked"])
        for answer in await answers_to(routing)
    ]
    assert told == [
        (1, ["already_acknowledged"], False),
        (2, ["transfer_withdrawn"], False),
        (3, ["transfer_not_found"], False),
    ]
    assert await routing.count("inbox_parked") == 0


async def test_a_restricted_client_is_not_acknowledged_by_a_topic(routing: Routing) -> None:
    transfer_id, client_id = await offered(routing, person__has_security_ban=True)
    topic = Topic()
    topic.write({"transfer_id": transfer_id, **ITEM})

    await read(routing, topic)

    assert await states(routing) == ["offered"]
    [(channel, _, data)] = [
        event
        for event in await routing.outbox("cs-sotkamo")
        if event[1] == "acknowledgement.refused"
    ]
    assert (channel, data["codes"]) == ("common", ["transfer_not_found"])
    assert client_id not in str(data)


# Sealed bytes are random: two given ones stand among two hundred in one run of 300, eight never.
TOO_LONG_FOR_CHANCE = 8

BAD: list[tuple[str, Json, dict[str, str], list[str]]] = [
    ("no JSON", b"\x00\xff" * 8, {}, ["json_malformed"]),
    ("empty", b"", {}, ["json_malformed"]),
    ("a list", [], {}, ["not_an_object"]),
    ("a member too many", {"transfer_id": UNKNOWN, "x": 1, **ITEM}, {}, ["unknown_field"]),
    ("a member too few", {"transfer_id": UNKNOWN}, {}, ["required_field_missing"]),
    ("no id", {"transfer_id": CODE, **ITEM}, {}, ["id_malformed"]),
    (
        "an identity code",
        {"transfer_id": UNKNOWN, "caseworker": {"contact_point": CODE}, **ITEM},
        {},
        ["reference_holds_identity_code"],
    ),
    (
        "a NUL",
        b'{"transfer_id":"' + UNKNOWN.encode() + b'","taken_over_at":"\\u0000"}',
        {},
        ["character_refused"],
    ),
    ("twice", b'{"transfer_id":"x","transfer_id":"y"}', {}, ["member_repeated"]),
    ("deep", b"[" * 1_000, {}, ["json_malformed"]),
    ("large", b'"' + b"a" * 70_000 + b'"', {}, ["line_too_large"]),
    ("another type", {}, {"ce_type": "fi.kuntavayla.thing.done.v1"}, ["event_type_not_taken"]),
    ("no id of its own", {}, {"ce_id": ""}, ["attribute_missing"]),
    ("an attribute of control characters", {}, {"ce_id": "a\x00"}, ["attribute_malformed"]),
    (
        "an instant of no day",
        {"transfer_id": UNKNOWN, "taken_over_at": "0001-01-01T00:00:00+14:00"},
        {},
        ["instant_out_of_calendar"],
    ),
]


@pytest.mark.parametrize(
    ("value", "headers", "codes"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
async def test_a_bad_record_is_answered_and_parked_sealed_and_its_neighbours_are_taken(
    routing: Routing, value: Json, *, headers: dict[str, str], codes: list[str]
) -> None:
    transfer_id, client_id = await offered(routing)
    topic = Topic()
    topic.write(value, headers=headers)
    topic.write({"transfer_id": transfer_id, **ITEM}, key=client_id)

    await read(routing, topic)

    [answer] = await answers_to(routing)
    assert answer["is_parked"]
    assert set(codes) <= set(answer["codes"])
    assert await states(routing) == ["acknowledged"]
    [row] = await routing.fetch("SELECT *, p::text AS whole FROM inbox_parked p")
    assert row["state"] == "parked"
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    assert len(body) < TOO_LONG_FOR_CHANCE or body not in row["content"]
    outbox = await routing.fetch("SELECT convert_from(body, 'UTF8') AS text FROM outbox")
    assert not [text for text in (row["whole"], str(outbox)) if CODE in text]


async def test_an_identity_code_as_key_id_or_header_is_nowhere_in_the_clear(
    routing: Routing,
) -> None:
    topic = Topic()
    topic.write(
        {"transfer_id": CODE},
        key=CODE,
        headers={"ce_id": CODE, "ce_subject": CODE, "ce_type": CODE, "x": CODE, CODE: CODE},
    )

    await read(routing, topic)

    for table in ("inbox_parked", "inbox_keys", "outbox", "audit"):
        rows = await routing.fetch(f'SELECT t.*, t::text AS whole FROM "{table}" t')  # noqa: S608 - constants
        for row in rows:
            held = [value for value in row.values() if isinstance(value, bytes)]
            assert CODE not in row["whole"], table
            assert not [value for value in held if CODE.encode() in value], table
    [answer] = await answers_to(routing)
    assert answer["transfer_id"] is None


async def test_records_of_one_client_wait_behind_a_bad_one_and_other_clients_do_not(
    routing: Routing,
) -> None:
    first, client_id = await offered(routing)
    other, other_client = await offered(routing)
    topic = Topic()
    topic.write({"transfer_id": first}, key=client_id)
    topic.write({"transfer_id": first, **ITEM}, key=client_id)
    topic.write({"transfer_id": other, **ITEM}, key=other_client)

    await read(routing, topic)

    assert await states(routing) == ["offered", "acknowledged"]
    rows = await routing.fetch("SELECT key, state FROM inbox_parked ORDER BY number")
    assert [tuple(row) for row in rows] == [(client_id, "parked"), (client_id, "queued")]
    assert len(await answers_to(routing)) == 1


async def test_a_case_system_that_floods_its_topic_with_garbage_stops_its_own_consumer_alone(
    routing: Routing,
) -> None:
    transfer_id, client_id = await offered(routing)
    flooded, quiet = Topic("cs-kajaani"), Topic()
    for _ in range(100):
        flooded.write(b"garbage")
    quiet.write({"transfer_id": transfer_id, **ITEM}, key=client_id)

    with pytest.raises(ConsumerStopped, match="parked_share"):
        await read(routing, flooded)
    await read(routing, quiet)

    assert await states(routing) == ["acknowledged"]
    assert await routing.count("inbox_parked") == 11
    assert len(await answers_to(routing, "cs-kajaani")) == 11
