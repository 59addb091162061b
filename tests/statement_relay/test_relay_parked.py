from typing import Any

import pytest

from tests.statement_relay.following import CHANGED, Told, read
from tests.statement_relay.items import CLIENT, OTHER_CLIENT
from tests.statement_relay.service import Relay

OPERATOR = {"Acting-Official": "operator:u-1; role=operator"}
REASON = {"reason": "routing-api was mended"}
LATER = {**CHANGED, "clienthood_version": 2, "valid_from": "2021-03-24"}


@pytest.fixture
async def stuck(relay: Relay) -> Relay:
    """A relay that was told something unfit about one client, then more of it and another."""
    told = Told()
    told.tell({"client_id": CLIENT})
    told.tell(LATER)
    told.tell({**CHANGED, "client_id": OTHER_CLIENT}, client_id=OTHER_CLIENT)
    await read(relay, told)
    return relay


async def parked(relay: Relay) -> list[Any]:
    answer = await relay.operator.get("/parked-messages", headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


async def repaired(relay: Relay, action: str, **body: object) -> Any:  # noqa: ANN401 - an answer
    [first, *_] = await parked(relay)
    return await relay.operator.post(
        f"/parked-messages/{first['parked_id']}:{action}",
        {**REASON, **body},
        headers={**OPERATOR, "Idempotency-Key": f"key-{action}"},
    )


async def versions(relay: Relay) -> list[tuple[str, int]]:
    rows = await relay.fetch(
        "SELECT client_id::text, clienthood_version FROM responsibilities ORDER BY 1, 2"
    )
    return [(row["client_id"], row["clienthood_version"]) for row in rows]


async def test_what_can_not_be_read_parks_and_only_its_client_waits(stuck: Relay) -> None:
    listed = await parked(stuck)
    status = (await stuck.operator.get("/status")).json()

    assert [(one["key"], one["state"], one["reason"]) for one in listed] == [
        (CLIENT, "parked", "invalid_content"),
        (CLIENT, "queued", None),
    ]
    assert await versions(stuck) == [(OTHER_CLIENT, 1)]
    assert (status["parked_keys"], status["queued_messages"]) == (1, 1)
    assert [one["consumer"] for one in status["consumers"]] == ["routing.common"]


async def test_an_event_of_ours_is_never_edited(stuck: Relay) -> None:
    answer = await repaired(stuck, "edit", body="{}")

    assert (answer.status_code, answer.json()["code"]) == (409, "message_not_editable")


async def test_a_message_that_is_still_unfit_parks_again_and_that_is_an_answer(
    stuck: Relay,
) -> None:
    answer = await repaired(stuck, "retry")

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("handled", "parked", "waiting")} == {
        "handled": 0,
        "parked": 1,
        "waiting": 2,
    }


async def test_a_skipped_message_lets_what_waited_behind_it_have_its_effect(
    stuck: Relay,
) -> None:
    answer = await repaired(stuck, "skip")

    told = answer.json()
    assert (told["skipped"], told["handled"], told["waiting"]) == (1, 1, 0)
    assert await versions(stuck) == [(CLIENT, 2), (OTHER_CLIENT, 1)]
    assert [one["state"] for one in await parked(stuck)] == ["skipped", "done"]


async def test_a_parked_message_is_shown_with_its_bytes_and_what_waits_behind_it(
    stuck: Relay,
) -> None:
    [first, _] = await parked(stuck)

    shown = await stuck.operator.get(f"/parked-messages/{first['parked_id']}", headers=OPERATOR)

    told = shown.json()
    assert told["body"] == {"encoding": "text", "content": f'{{"client_id":"{CLIENT}"}}'}
    assert (told["waiting"], len(told["behind"])) == (2, 1)
    [line] = await stuck.fetch(
        "SELECT client_id::text FROM audit WHERE action = 'parked-message.read'"
    )
    assert line["client_id"] == CLIENT
