"""A day of an office and a case system over a real broker, told from outside."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from aiokafka.structs import TopicPartition
from jsonschema import Draft202012Validator

from kuntavayla_sandbox.broker import Broker
from tests.builders import a_registration, another_person
from tests.routing_api.inbound import ITEM, OPERATOR, REASON, TYPE, repair
from tests.routing_api.service import Routing
from tests.served import Json
from tests.shared.published import Record, Topics
from tests.topics import send

OURS, OFFICE = "cs-sotkamo", "te-kainuu"
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0177f6f0-9d20-76b5-8a23-d5962217bead"),
    ("ce_source", b"/cs-sotkamo"),
    ("ce_type", TYPE.encode()),
    ("content-type", b"application/json"),
]


class Sotkamo:
    """The case system of Sotkamo: hears and answers by topics, fetches over HTTP."""

    def __init__(self, broker: Broker, topics: Topics, *, inbound: str, routing: Routing) -> None:
        self._broker = broker
        self._topics = topics
        self._inbound = TopicPartition(inbound, 0)
        self.http = routing.case_system()

    async def hears(self, kind: str, *, count: int = 1) -> list[Record]:
        return await hears(self._topics, OURS, kind, count=count)

    async def says(self, client_id: str, value: bytes) -> None:
        await send(self._broker, self._inbound, [(client_id.encode(), value, HEADERS)])


async def hears(topics: Topics, who: str, kind: str, *, count: int = 1) -> list[Record]:
    """Return the records of a kind in a recipient's topic, when there are so many."""
    wanted = f"fi.kuntavayla.{kind}.v1"

    def of_kind(records: Any) -> list[Record]:  # noqa: ANN401 - records, in any sequence
        return [record for record in records if record.headers["ce_type"] == wanted]

    return of_kind(await topics.until(who, satisfied=lambda found: len(of_kind(found)) == count))


def data_of(record: Record) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(record.value)
    return data


def taken_over(transfer_id: str) -> bytes:
    return msgspec.json.encode({"transfer_id": transfer_id, **ITEM})


async def assert_as_described(record: Record, *, routing: Routing) -> None:
    """Hold a record against the document that the service itself publishes."""
    document = (await routing.client.get("/asyncapi.json")).json()
    kind = record.headers["ce_type"].removeprefix("fi.kuntavayla.").removesuffix(".v1")
    told: Mapping[str, Any] = document["components"]["messages"][f"{kind}.record"]
    parts = {"components": document["components"]}
    Draft202012Validator({**told["headers"], **parts}).validate(record.headers)
    Draft202012Validator({**told["payload"], **parts}).validate(data_of(record))


@pytest.mark.journey
async def test_a_day_over_the_broker(  # noqa: PLR0917 - fixtures
    broker: Broker, topics: Topics, inbound: str, routing: Routing
) -> None:
    sotkamo = Sotkamo(broker, topics, inbound=inbound, routing=routing)

    # The office registers a person over HTTP, and Sotkamo hears of its new client by its topic.
    decision = await routing.office().registered(another_person())
    client_id, transfer_id = decision["client_id"], decision["transfer"]["transfer_id"]
    [record] = await sotkamo.hears("client.transferred")
    assert (record.key.decode(), data_of(record)["transfer_id"]) == (client_id, transfer_id)
    await assert_as_described(record, routing=routing)

    # It fetches the person over HTTP, says by its topic that it has taken over, the office hears.
    [person] = await sotkamo.http.fetched(transfer_id)
    assert person["result"] == "disclosed"
    await sotkamo.says(client_id, taken_over(transfer_id))
    [told] = await hears(topics, OFFICE, "transfer.acknowledged")
    assert data_of(told)["transfer_id"] == transfer_id
    await assert_as_described(told, routing=routing)

    await a_client_with_a_ban_goes_over_http_alone(sotkamo, topics, routing=routing)
    await garbage_waits_for_the_operator_and_is_mended(sotkamo, topics, routing=routing)


async def a_client_with_a_ban_goes_over_http_alone(
    sotkamo: Sotkamo, topics: Topics, *, routing: Routing
) -> None:
    banned = await routing.office().registered(a_registration(person__has_security_ban=True))
    transfer_id = banned["transfer"]["transfer_id"]
    [event] = await sotkamo.http.events(channel="restricted")
    assert event["data"]["transfer_id"] == transfer_id
    [person] = await sotkamo.http.fetched(transfer_id)
    assert person["result"] == "disclosed"
    items = [{"transfer_id": transfer_id, **ITEM}]
    answer = await sotkamo.http.post("/transfers:acknowledge", {"items": items})
    assert answer.json()["items"][0]["result"] == "done"
    [told] = await routing.office().events(channel="restricted")
    assert told["data"]["transfer_id"] == transfer_id

    # What was registered later is in the topic, so whatever was to come before it is there too.
    await routing.office().registered(another_person())
    await sotkamo.hears("client.transferred", count=2)
    everything = await topics.read(OURS, OFFICE, "internal")
    assert banned["client_id"] not in {record.key.decode() for record in everything}
    assert all(transfer_id.encode() not in record.value for record in everything)


async def garbage_waits_for_the_operator_and_is_mended(
    sotkamo: Sotkamo, topics: Topics, *, routing: Routing
) -> None:
    [_, record] = sorted(
        await sotkamo.hears("client.transferred", count=2), key=lambda each: each.sequence
    )
    client_id, transfer_id = record.key.decode(), data_of(record)["transfer_id"]
    await sotkamo.says(client_id, b'{"transfer_id":')
    [refused] = await sotkamo.hears("acknowledgement.refused")
    answer = data_of(refused)
    assert (answer["codes"], answer["is_parked"]) == (["json_malformed"], True)

    # Another client's record flows by meanwhile; the operator mends what waits.
    other = await routing.office().registered(another_person())
    await sotkamo.says(other["client_id"], taken_over(other["transfer"]["transfer_id"]))
    await hears(topics, OFFICE, "transfer.acknowledged", count=2)
    [parked] = await parked_messages(routing)
    mended = {**REASON, "body": taken_over(transfer_id).decode()}
    done = await repair(routing.operator, f"/parked-messages/{parked['parked_id']}:edit", mended)
    assert done.json()["handled"] == 1
    told = await hears(topics, OFFICE, "transfer.acknowledged", count=3)
    assert {data_of(each)["transfer_id"] for each in told} >= {transfer_id}
    assert await parked_messages(routing) == []


async def parked_messages(routing: Routing) -> list[Json]:
    answer = await routing.operator.get("/parked-messages?state=parked", headers=OPERATOR)
    items: list[Json] = answer.json()["items"]
    return items
