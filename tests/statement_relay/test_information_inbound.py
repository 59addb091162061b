from collections.abc import Mapping
from typing import Any

import pytest

from kuntavayla.inbox import ConsumerStopped
from tests.inbound_topics import InboundTopic
from tests.statement_relay.items import CLIENT, OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import Relay

CODE = "240587-921N"
BEFORE = "2020-03-22T23:59:59+02:00"
SENT = "fi.kuntavayla.information.sent.v1"
OPERATOR = {"Acting-Official": "operator:u-1; role=operator"}
Told = list[tuple[str, Mapping[str, Any]]]


def topic_of(case_system_id: str = "cs-sotkamo") -> InboundTopic:
    return InboundTopic(
        f"kv.statement-relay.in.{case_system_id}.v1",
        consumer=f"information.{case_system_id}",
        type_name=SENT,
    )


async def read(relay: Relay, topic: InboundTopic) -> None:
    await topic.read_by(relay.desk)


async def refusals(relay: Relay, recipient: str = "cs-sotkamo") -> Told:
    """Return the refusals that a case system was told of, each with its feed."""
    return [
        (channel, data)
        for channel, kind, data in await relay.outbox(recipient)
        if kind == "information.refused"
    ]


async def test_an_item_by_the_topic_is_the_same_act_as_over_http(relay: Relay) -> None:
    await relay.learn(responsible())
    topic, item = topic_of(), another_item()
    topic.write(item, key=CLIENT)
    topic.write(item, key=CLIENT)

    await read(relay, topic)

    over_http = await relay.case_system().send(item)
    assert over_http.headers["Idempotent-Replayed"] == "true"
    assert over_http.json()["state"] == "accepted"
    [row] = await relay.fetch("SELECT state, number, organisation FROM information")
    assert (row["state"], row["number"], row["organisation"]) == ("waiting", 1, "cs-sotkamo")
    assert [kind for _, kind, _ in await relay.outbox()] == ["information.accepted"]
    assert await relay.count("inbox_parked") == 0


async def test_whose_record_it_is_is_told_by_the_topic_alone(relay: Relay) -> None:
    await relay.learn(responsible())
    topic = topic_of("cs-kajaani")
    topic.write(another_item(), key=CLIENT, headers={"ce_source": "/cs-sotkamo"})

    await read(relay, topic)

    [(channel, data)] = await refusals(relay, "cs-kajaani")
    assert (channel, data["codes"]) == ("common", ["municipality_not_served"])
    assert (data["topic"], data["partition"], data["offset"], data["is_parked"]) == (
        "kv.statement-relay.in.cs-kajaani.v1",
        0,
        0,
        False,
    )
    assert await relay.count("information") == 0


async def test_what_the_state_refuses_is_answered_beside_what_it_takes(relay: Relay) -> None:
    await relay.learn(
        responsible(), responsible(OTHER_CLIENT, municipality_code="091", sequence="000001.2")
    )
    topic, known = topic_of(), another_item()
    await relay.case_system().sent(known)
    changed = {**known, "facts": {**known["facts"], "result_code": "07"}}
    topic.write(another_item(client_id=OTHER_CLIENT), key=OTHER_CLIENT)
    topic.write(changed, key=CLIENT)
    topic.write(another_item(), key=CLIENT)

    await read(relay, topic)

    told = [(data["client_id"], data["codes"]) for _, data in await refusals(relay)]
    assert told == [(OTHER_CLIENT, ["responsible_other"]), (CLIENT, ["municipal_id_reused"])]
    assert await relay.count("information") == 2


async def test_restricted_clients_are_told_of_over_http_only(relay: Relay) -> None:
    await relay.learn(responsible(is_restricted=True))
    topic = topic_of()
    topic.write(another_item(), key=CLIENT)

    await read(relay, topic)

    [(channel, data)] = await refusals(relay)
    assert (channel, data["codes"], data["client_id"]) == ("restricted", ["only_by_rest"], CLIENT)
    assert await relay.count("information") == 0
    assert (await relay.case_system().send(another_item())).status_code == 201


async def test_an_item_about_an_unknown_client_waits_as_over_http(relay: Relay) -> None:
    topic = topic_of()
    topic.write(another_item(), key=CLIENT)

    await read(relay, topic)
    await relay.learn(responsible())

    [row] = await relay.fetch("SELECT state, accepted_state FROM information")
    assert (row["state"], row["accepted_state"]) == ("waiting", "waiting_for_client")


BAD: dict[str, tuple[object, str, list[str] | None]] = {
    "no JSON": (b"no JSON", SENT, ["json_malformed"]),
    "another type": (another_item(), "fi.kuntavayla.other.v1", ["event_type_not_taken"]),
    "before the pilot": (another_item(occurred_at=BEFORE), SENT, ["before_pilot"]),
    "facts of no kind": (another_item(facts={"job_offer_id": CODE}), SENT, None),
}
"""Value, type, and the codes of which its sender is told; None where there are many."""


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_record_is_parked_told_and_holds_its_client_alone(
    relay: Relay, case: str
) -> None:
    value, type_name, codes = BAD[case]
    await relay.learn(responsible(), responsible(OTHER_CLIENT, sequence="000001.2"))
    topic = topic_of()
    topic.write(value, key=CLIENT, headers={"ce_type": type_name})
    topic.write(another_item(), key=CLIENT)
    topic.write(another_item(client_id=OTHER_CLIENT), key=OTHER_CLIENT)

    await read(relay, topic)

    rows = await relay.fetch("SELECT client_id::text FROM information")
    assert [row["client_id"] for row in rows] == [OTHER_CLIENT]
    [(_, data)] = await refusals(relay)
    assert (data["is_parked"], data["offset"]) == (True, 0)
    assert codes is None or data["codes"] == codes
    parked = await relay.fetch("SELECT state, content, key FROM inbox_parked ORDER BY number")
    assert [row["state"] for row in parked] == ["parked", "queued"]
    assert {row["key"] for row in parked} == {CLIENT}
    assert CODE.encode() not in parked[0]["content"]
    assert CODE not in str(data)


async def test_a_parked_record_is_mended_and_what_waits_behind_it_follows(relay: Relay) -> None:
    await relay.learn(responsible())
    topic = topic_of()
    topic.write(another_item(facts={}), key=CLIENT)
    topic.write(another_item(), key=CLIENT)
    await read(relay, topic)
    listed = await relay.operator.get("/parked-messages", headers=OPERATOR)
    [parked] = [one for one in listed.json()["items"] if one["state"] == "parked"]

    answer = await relay.operator.post(
        f"/parked-messages/{parked['parked_id']}:skip",
        {"reason": "The case system sends it anew."},
        headers={"Idempotency-Key": "k-1"} | OPERATOR,
    )

    assert answer.status_code in {200, 201}, answer.text
    [row] = await relay.fetch("SELECT state, number FROM information")
    assert (row["state"], row["number"]) == ("waiting", 1)


async def test_a_topic_full_of_bad_records_stops_its_consumer(relay: Relay) -> None:
    topic = topic_of()
    for number in range(150):
        topic.write(b"no JSON", key=f"0177f6f1-1c00-7a51-9c0e-{number:012d}")

    with pytest.raises(ConsumerStopped):
        await read(relay, topic)

    status = (await relay.operator.get("/status")).json()
    assert status["consumers"][0]["state"] == "stopped"


async def test_an_item_by_the_topic_about_a_client_that_turns_out_restricted_is_refused(
    relay: Relay,
) -> None:
    topic, over_http = topic_of(), another_item(client_id=OTHER_CLIENT)
    topic.write(another_item(), key=CLIENT)
    await read(relay, topic)
    await relay.case_system().sent(over_http)

    await relay.learn(
        responsible(is_restricted=True), responsible(OTHER_CLIENT, is_restricted=True)
    )

    [(channel, data)] = await refusals(relay)
    assert (channel, data["codes"], data["client_id"]) == ("restricted", ["only_by_rest"], CLIENT)
    rows = await relay.fetch("SELECT state, state_reason, body FROM information ORDER BY ordinal")
    assert [(row["state"], row["state_reason"]) for row in rows] == [
        ("refused", "only_by_rest"),
        ("waiting", None),
    ]
    assert rows[0]["body"] is None
