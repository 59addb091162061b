import asyncio
import base64
from typing import Any

import pytest

from tests.builders import another_person
from tests.routing_api.inbound import (
    CONSUMER,
    ITEM,
    OPERATOR,
    REASON,
    Topic,
    answers_to,
    read,
    repair,
)
from tests.routing_api.service import Routing
from tests.served import Json

CODE = "240587-921N"
AUDIT = """
SELECT action, outcome, official_id, client_id::text, resource_id::text FROM audit
WHERE action LIKE 'parked-message.%' OR action LIKE 'consumer.%' ORDER BY audit_id
"""


async def offered(routing: Routing) -> tuple[str, str]:
    """Return transfer and client of a new client of Sotkamo's."""
    routing.clock.tick()
    decision = await routing.office().registered(another_person())
    return decision["transfer"]["transfer_id"], decision["client_id"]


async def listed(routing: Routing, **query: Any) -> list[Json]:  # noqa: ANN401 - any parameter
    answer = await routing.operator.get("/parked-messages", params=query, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def a_parked_client(routing: Routing, topic: Topic) -> tuple[str, str]:
    """Return transfer and client of a bad record with a good one behind it."""
    transfer_id, client_id = await offered(routing)
    topic.write({"transfer_id": transfer_id, "caseworker": {"official_id": CODE}}, key=client_id)
    topic.write({"transfer_id": transfer_id, **ITEM}, key=client_id)
    await read(routing, topic)
    return transfer_id, client_id


async def states(routing: Routing) -> list[str]:
    rows = await routing.fetch("SELECT state FROM transfers ORDER BY transfer_id")
    return [row["state"] for row in rows]


async def test_a_parked_message_is_shown_with_its_bytes_and_what_waits_behind_it(
    routing: Routing,
) -> None:
    transfer_id, client_id = await a_parked_client(routing, Topic())

    first, second = await listed(routing)
    path = f"/parked-messages/{first['parked_id']}"
    shown = (await routing.operator.get(path, headers=OPERATOR)).json()

    assert (first["consumer"], first["key"], first["state"]) == (CONSUMER, client_id, "parked")
    assert (first["reason"], first["speaker"]) == ("invalid_content", "outside")
    assert (second["state"], second["reason"]) == ("queued", None)
    assert shown["message"] == first
    assert shown["body"]["encoding"] == "text"
    assert transfer_id in shown["body"]["content"]
    assert CODE in shown["body"]["content"]
    assert {"name": "ce_source", "value": {"encoding": "text", "content": "/sotkamo"}} in shown[
        "headers"
    ]
    assert (shown["waiting"], shown["behind"], shown["is_edited"]) == (2, [second], False)
    lines = [tuple(line) for line in await routing.fetch(AUDIT)]
    assert lines == [
        ("parked-message.listed", "disclosed", "operator:u-1", None, None),
        ("parked-message.read", "disclosed", "operator:u-1", client_id, first["parked_id"]),
    ]


async def test_bytes_that_are_no_text_are_shown_in_base64(routing: Routing) -> None:
    topic = Topic()
    topic.write(b"\xff\x00")
    await read(routing, topic)
    [message] = await listed(routing)

    path = f"/parked-messages/{message['parked_id']}"
    shown = (await routing.operator.get(path, headers=OPERATOR)).json()

    assert shown["body"] == {
        "encoding": "base64",
        "content": base64.b64encode(b"\xff\x00").decode(),
    }


async def test_messages_are_listed_by_filter_and_page(routing: Routing) -> None:
    topic = Topic()
    for _ in range(3):
        await a_parked_client(routing, topic)

    answer = await routing.operator.get("/parked-messages?limit=4", headers=OPERATOR)
    page = answer.json()
    rest = await listed(routing, after=page["next_cursor"])

    assert len(page["items"]) == 4
    assert len(rest) == 2
    assert len(await listed(routing, state="queued")) == 3
    assert len(await listed(routing, key=page["items"][0]["key"])) == 2
    assert len(await listed(routing, reason="invalid_content", consumer=CONSUMER)) == 3
    assert await listed(routing, consumer="another") == []
    assert await listed(routing, reason="thing_refused") == []


async def test_a_retry_of_what_is_still_bad_answers_that_it_is_parked_again(
    routing: Routing,
) -> None:
    await a_parked_client(routing, Topic())
    [first, _] = await listed(routing)

    answer = await repair(routing.operator, f"/parked-messages/{first['parked_id']}:retry", REASON)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["matched"], told["handled"], told["parked"], told["waiting"]) == (1, 0, 1, 2)
    [first, _] = await listed(routing)
    assert (first["state"], first["attempts"], first["repair_id"]) == (
        "parked",
        2,
        told["repair_id"],
    )
    assert len(await answers_to(routing)) == 1


async def test_an_edit_takes_effect_with_what_waited_behind_and_the_first_bytes_stay(
    routing: Routing,
) -> None:
    transfer_id, client_id = await a_parked_client(routing, Topic())
    [first, _] = await listed(routing)
    path = f"/parked-messages/{first['parked_id']}"
    good = f'{{"transfer_id":"{transfer_id}","taken_over_at":"2021-03-01T06:00:00Z"}}'

    answer = await repair(routing.operator, f"{path}:edit", {**REASON, "body": good})

    assert (answer.json()["handled"], answer.json()["waiting"]) == (2, 0)
    assert await states(routing) == ["acknowledged"]
    [event] = await routing.office().events()
    assert event["data"]["taken_over_at"] == "2021-03-01T06:00:00Z"
    shown = (await routing.operator.get(path, headers=OPERATOR)).json()
    assert (shown["is_edited"], shown["body"]["content"]) == (True, good)
    [row] = await routing.fetch(
        "SELECT content, edited_content FROM inbox_parked WHERE edited_content IS NOT NULL"
    )
    assert good.encode() not in row["edited_content"]
    assert row["content"] != row["edited_content"]
    lines = [tuple(line) for line in await routing.fetch(AUDIT)]
    assert ("parked-message.edit", "done", "operator:u-1", client_id, first["parked_id"]) in lines


async def test_an_edit_may_mend_the_headers_of_what_was_no_event(routing: Routing) -> None:
    transfer_id, client_id = await offered(routing)
    topic = Topic()
    topic.write({"transfer_id": transfer_id, **ITEM}, key=client_id, headers={"ce_type": ""})
    await read(routing, topic)
    [message] = await listed(routing)
    headers = [
        {"name": "ce_id", "value": "x"},
        {"name": "ce_type", "value": "fi.kuntavayla.transfer.taken-over.v1"},
    ]
    body = f'{{"transfer_id":"{transfer_id}","taken_over_at":"2021-03-01T06:00:00Z"}}'

    answer = await repair(
        routing.operator,
        f"/parked-messages/{message['parked_id']}:edit",
        {**REASON, "body": body, "headers": headers},
    )

    assert answer.json()["handled"] == 1
    assert await states(routing) == ["acknowledged"]


async def test_a_skip_leaves_the_message_without_effect_and_lets_the_next_have_theirs(
    routing: Routing,
) -> None:
    await a_parked_client(routing, Topic())
    [first, _] = await listed(routing)

    answer = await repair(routing.operator, f"/parked-messages/{first['parked_id']}:skip", REASON)

    assert (answer.json()["skipped"], answer.json()["handled"]) == (1, 1)
    assert await states(routing) == ["acknowledged"]
    assert [message["state"] for message in await listed(routing)] == ["skipped", "done"]
    [row] = await routing.fetch("SELECT reason, official_id FROM inbox_repairs")
    assert tuple(row) == (REASON["reason"], "operator:u-1")


async def test_a_repeated_repair_answers_as_the_first_and_does_nothing(routing: Routing) -> None:
    await a_parked_client(routing, Topic())
    [first, _] = await listed(routing)
    path = f"/parked-messages/{first['parked_id']}:skip"

    answers = [await repair(routing.operator, path, REASON) for _ in range(2)]
    other = await repair(routing.operator, path, {"reason": "another one"})
    late = await repair(routing.operator, path, REASON, key="k-2")

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (late.status_code, late.json()["code"]) == (409, "message_not_parked")
    assert await routing.count("inbox_repairs") == 1


async def test_many_operators_at_once_repair_a_message_once(routing: Routing) -> None:
    await a_parked_client(routing, Topic())
    [first, _] = await listed(routing)
    path = f"/parked-messages/{first['parked_id']}:skip"

    answers = await asyncio.gather(
        *(repair(routing.operator, path, REASON, key=f"k-{n}") for n in range(6))
    )

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]
    assert len(await routing.office().events()) == 1


@pytest.mark.parametrize("action", ["retry", "skip"])
async def test_many_are_repaired_after_a_count_and_with_a_wrong_one_nothing_is_done(
    routing: Routing, action: str
) -> None:
    topic = Topic()
    for _ in range(3):
        await a_parked_client(routing, topic)
    selection = {"filter": {"consumer": CONSUMER, "reason": "invalid_content"}}
    counted = await repair(routing.operator, "/parked-messages:preview", selection, key=None)
    count = counted.json()["count"]

    wrong = await repair(
        routing.operator,
        f"/parked-messages:{action}",
        {**REASON, **selection, "expected_count": count + 1},
    )
    done = await repair(
        routing.operator,
        f"/parked-messages:{action}",
        {**REASON, **selection, "expected_count": count},
    )

    assert count == 3
    assert (wrong.status_code, wrong.json()["code"]) == (409, "count_differs")
    assert wrong.json()["facts"] == {"expected": 4, "parked": 3}
    told = done.json()
    assert (told["matched"], told["parked_id"]) == (3, None)
    if action == "skip":
        assert (told["skipped"], told["handled"], told["waiting"]) == (3, 3, 0)
        assert await states(routing) == ["acknowledged"] * 3
    else:
        assert (told["handled"], told["parked"], told["waiting"]) == (0, 3, 6)
    lines = [tuple(line)[:2] for line in await routing.fetch(AUDIT)]
    assert lines.count((f"parked-message.{action}", "done")) == 3
    assert lines.count((f"parked-message.{action}", "count_differs")) == 1


async def test_the_status_and_the_metrics_tell_what_is_parked_and_a_stop_and_a_start_ends_it(
    routing: Routing,
) -> None:
    topic = Topic()
    await a_parked_client(routing, topic)
    before = (await routing.operator.get("/status")).json()
    await routing.fetch(
        "INSERT INTO inbox_consumers VALUES ($1, 'stopped', 'parked_share', now())", CONSUMER
    )
    stopped = (await routing.operator.get("/status")).json()["consumers"]
    path = f"/consumers/{CONSUMER}:start"

    started = await repair(routing.operator, path, REASON)
    again = await repair(routing.operator, path, REASON)
    late = await repair(routing.operator, path, REASON, key="k-2")

    assert (before["parked_keys"], before["queued_messages"]) == (1, 1)
    assert [one["state"] for one in before["consumers"]] == ["running"]
    assert [(one["state"], one["reason"]) for one in stopped] == [("stopped", "parked_share")]
    assert started.json()["state"] == "running"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (late.status_code, late.json()["code"]) == (409, "consumer_not_stopped")
    lines = [tuple(line)[:3] for line in await routing.fetch(AUDIT)]
    assert lines == [
        ("consumer.started", "done", "operator:u-1"),
        ("consumer.started", "consumer_not_stopped", "operator:u-1"),
    ]
