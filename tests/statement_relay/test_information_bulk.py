import asyncio
import gzip
from typing import Any

import httpx
import msgspec

from tests.builders import ndjson
from tests.statement_relay.items import CLIENT, OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import Caller, Relay

NDJSON = {"Content-Type": "application/x-ndjson"}


async def bulk(caller: Caller, body: bytes, **headers: str) -> list[Any]:
    answer = await caller.post("/information:bulk", body, headers=NDJSON | headers)
    assert answer.status_code == httpx.codes.OK, answer.text
    return msgspec.json.Decoder().decode_lines(answer.content)


async def test_each_line_is_answered_in_order_and_the_last_line_counts(relay: Relay) -> None:
    await relay.learn(responsible())
    first = another_item()
    lines = [
        msgspec.json.encode(first),
        b"no JSON",
        msgspec.json.encode(another_item(facts__result_code="99999")),
        msgspec.json.encode(another_item(municipality_code="091")),
        msgspec.json.encode(first),
        msgspec.json.encode(another_item(municipal_id_of_another="x")),
    ]

    *answered, end = await bulk(relay.case_system(), b"\n".join(lines) + b"\n")

    assert [(line["line"], line["status"]) for line in answered] == [
        (1, 201),
        (2, 400),
        (3, 422),
        (4, 403),
        (5, 201),
        (6, 422),
    ]
    assert answered[0]["key"] == first["municipal_id"]
    assert (answered[4]["replayed"], answered[4]["result"]) == (True, answered[0]["result"])
    assert end == {"summary": {"lines": 6, "created": 1, "replayed": 1, "failed": 4}}
    assert await relay.count("information") == 1


async def test_items_of_one_call_are_listed_in_the_order_of_their_lines(relay: Relay) -> None:
    await relay.learn(responsible())
    items = [another_item() for _ in range(50)]
    sotkamo = relay.case_system()

    await bulk(sotkamo, ndjson(*items))
    listed = (await sotkamo.get("/information", params={"client_id": CLIENT})).json()

    assert [one["municipal_id"] for one in listed["items"]] == [
        item["municipal_id"] for item in items
    ]


async def test_a_thousand_items_keep_the_order_of_their_lines(relay: Relay) -> None:
    await relay.learn(responsible(), responsible(OTHER_CLIENT))
    items = [
        another_item(client_id=CLIENT if number % 2 else OTHER_CLIENT) for number in range(1_100)
    ]
    body = gzip.compress(ndjson(*items))

    *answered, end = await bulk(relay.case_system(), body, **{"Content-Encoding": "gzip"})

    assert end["summary"]["created"] == 1_100
    rows = await relay.fetch(
        "SELECT municipal_id, number FROM information WHERE client_id = $1 ORDER BY number", CLIENT
    )
    sent = [item["municipal_id"] for item in items if item["client_id"] == CLIENT]
    assert [(row["municipal_id"], row["number"]) for row in rows] == [
        (municipal_id, number) for number, municipal_id in enumerate(sent, 1)
    ]
    behind = [line["result"]["waiting_behind"] for line in answered]
    ids = [line["result"]["information_id"] for line in answered]
    assert behind == [None, None, *ids[:-2]]
    assert await relay.count("outbox") == 1_100
    again = await bulk(relay.case_system(), body, **{"Content-Encoding": "gzip"})
    assert again[-1]["summary"] == {"lines": 1_100, "created": 0, "replayed": 1_100, "failed": 0}


async def test_many_senders_at_once_leave_no_gap_and_no_double(relay: Relay) -> None:
    await relay.learn(responsible())
    sotkamo = relay.case_system()
    shared = [another_item() for _ in range(30)]

    await asyncio.gather(
        *(bulk(sotkamo, ndjson(*shared)) for _ in range(4)),
        *(sotkamo.sent(another_item()) for _ in range(30)),
    )

    rows = await relay.fetch("SELECT number, waiting_behind FROM information ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, 61))
    assert [row["waiting_behind"] for row in rows].count(None) == 1
    [queue] = await relay.fetch("SELECT last_number FROM client_queues")
    assert queue["last_number"] == 60


async def test_a_culprit_in_a_batch_is_refused_alone(relay: Relay) -> None:
    await relay.learn(responsible())
    wrong = another_item(client_id="ffffffff-ffff-ffff-ffff-ffffffffffff", municipality_code="091")

    *answered, _ = await bulk(relay.case_system(), ndjson(another_item(), wrong, another_item()))

    assert [line["status"] for line in answered] == [201, 403, 201]


async def test_only_a_case_system_sends_many(relay: Relay) -> None:
    answer = await relay.caller("te-kainuu", "information.write").post(
        "/information:bulk", ndjson(another_item()), headers=NDJSON
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")
