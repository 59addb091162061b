import asyncio

from tests.served import Json
from tests.statement_relay.items import an_item, another_item, responsible
from tests.statement_relay.service import Caller, Relay

UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"


async def taken(relay: Relay) -> tuple[Caller, Json]:
    """Return Sotkamo and an item that it has sent, about a client that is known."""
    await relay.learn(responsible())
    sotkamo = relay.case_system()
    return sotkamo, await sotkamo.sent(an_item())


async def attempted(relay: Relay, information_id: str) -> None:
    """Let an item look as if a courier had tried it."""
    await relay.fetch(
        "UPDATE information SET attempts = 1 WHERE information_id = $1", information_id
    )


async def states(relay: Relay) -> list[tuple[str, str, int | None]]:
    rows = await relay.fetch("SELECT action, state, number FROM information ORDER BY ordinal")
    return [(row["action"], row["state"], row["number"]) for row in rows]


async def test_a_correction_follows_its_original_as_an_item_of_its_own(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    corrected = another_item(facts__result_code="07")

    answer = await sotkamo.correct(first["information_id"], corrected)

    told = answer.json()
    assert (answer.status_code, told["state"]) == (201, "waiting")
    assert told["waiting_behind"] == first["information_id"]
    assert await states(relay) == [("new", "waiting", 1), ("correct", "waiting", 2)]
    _, row = await relay.fetch("SELECT * FROM information ORDER BY ordinal")
    assert str(row["root_information_id"]) == first["information_id"]
    assert f'"replaces_information_id":"{first["information_id"]}"'.encode() in row["body"]
    original = await sotkamo.get(f"/information/{first['information_id']}")
    assert original.json()["replaced_by"] == told["information_id"]
    assert original.headers["ETag"] == '"2"'
    assert [kind for _, kind, _ in await relay.outbox()] == ["information.accepted"] * 2


async def test_a_second_successor_is_refused_and_a_stale_version_too(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    await sotkamo.correct(first["information_id"], another_item())

    stale = await sotkamo.correct(first["information_id"], another_item())
    second = await sotkamo.correct(first["information_id"], another_item(), version=2)
    withdrawal = await sotkamo.withdraw(first["information_id"], "SOT-W-1", version=2)
    without = await sotkamo.post(
        f"/information/{first['information_id']}:correct",
        another_item(),
        headers={"Idempotency-Key": "k-1"},
    )

    assert (stale.status_code, stale.json()["code"]) == (412, "version_differs")
    assert (second.status_code, second.json()["code"]) == (409, "already_replaced")
    assert (withdrawal.status_code, withdrawal.json()["code"]) == (409, "already_replaced")
    assert (without.status_code, without.json()["code"]) == (428, "if_match_missing")
    assert len(await states(relay)) == 2


async def test_of_many_corrections_at_once_one_is_taken(relay: Relay) -> None:
    sotkamo, first = await taken(relay)

    answers = await asyncio.gather(
        *(sotkamo.correct(first["information_id"], another_item()) for _ in range(8))
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201, *[412] * 7]
    assert len(await states(relay)) == 2


async def test_a_correction_keeps_kind_and_client(relay: Relay) -> None:
    sotkamo, first = await taken(relay)

    other_client = await sotkamo.correct(first["information_id"], another_item(client_id=UNKNOWN))
    other_item = await sotkamo.correct(first["information_id"], another_item(replaces=UNKNOWN))

    for answer, pointer in ((other_client, "/client_id"), (other_item, "/replaces")):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert len(await states(relay)) == 1


async def test_what_is_another_s_or_unknown_can_not_be_changed(relay: Relay) -> None:
    _, first = await taken(relay)
    helsinki = relay.case_system("cs-helsinki")

    foreign = await helsinki.correct(first["information_id"], another_item(municipality_code="091"))
    unknown = await relay.case_system().correct(UNKNOWN, another_item())

    assert {(one.status_code, one.json()["code"]) for one in (foreign, unknown)} == {
        (404, "information_not_found"),
    }


async def test_an_item_that_nobody_was_sent_is_withdrawn_at_once_with_its_withdrawal(
    relay: Relay,
) -> None:
    sotkamo, first = await taken(relay)

    answer = await sotkamo.withdraw(first["information_id"], "SOT-W-1")

    assert (answer.status_code, answer.json()["state"]) == (201, "withdrawn")
    assert await states(relay) == [("new", "withdrawn", 1), ("withdraw", "withdrawn", None)]
    again = await sotkamo.withdraw(first["information_id"], "SOT-W-1")
    assert (again.status_code, again.json()) == (201, answer.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    ended = await sotkamo.correct(answer.json()["information_id"], another_item())
    assert (ended.status_code, ended.json()["code"]) == (409, "information_ended")


async def test_of_a_withdrawn_item_nothing_is_corrected_nor_withdrawn_again(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    second = await sotkamo.sent(another_item())
    await attempted(relay, second["information_id"])
    at_once = await sotkamo.withdraw(first["information_id"], "SOT-W-1")
    behind = await sotkamo.withdraw(second["information_id"], "SOT-W-2")

    refused = [
        answer
        for item in (first, second)
        for answer in (
            await sotkamo.correct(item["information_id"], another_item(), version=2),
            await sotkamo.withdraw(item["information_id"], "SOT-W-3", version=2),
        )
    ]

    assert (at_once.json()["state"], behind.json()["state"]) == ("withdrawn", "waiting")
    assert [
        (one.status_code, one.json()["code"], one.json()["facts"]["state"]) for one in refused
    ] == [(409, "information_ended", state) for state in ("withdrawn", "waiting") for _ in range(2)]
    assert len(await states(relay)) == 4


async def test_what_was_corrected_names_its_correction(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    corrected = (await sotkamo.correct(first["information_id"], another_item())).json()

    refused = await sotkamo.correct(first["information_id"], another_item(), version=2)

    assert (refused.status_code, refused.json()["code"]) == (409, "already_replaced")
    assert refused.json()["facts"]["information_id"] == corrected["information_id"]


async def test_an_item_that_was_tried_is_withdrawn_by_an_item_behind_it(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    await attempted(relay, first["information_id"])

    answer = await sotkamo.withdraw(first["information_id"], "SOT-W-1")

    told = answer.json()
    assert (told["state"], told["waiting_behind"]) == ("waiting", first["information_id"])
    assert await states(relay) == [("new", "waiting", 1), ("withdraw", "waiting", 2)]
    story = (await sotkamo.get(f"/information/{told['information_id']}")).json()
    assert story["withdrawal"] == {
        "reason_code": "entered_in_error",
        "reason": "Kirjattu väärin.",
    }
    [row] = await relay.fetch("SELECT body FROM information WHERE action = 'withdraw'")
    assert b"TT-5512008" in row["body"]
    assert "väärin".encode() not in row["body"]


async def test_an_item_under_a_lease_is_withdrawn_by_an_item_behind_it(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    await relay.fetch(
        "UPDATE client_queues SET lease_token = gen_random_uuid(),"
        " lease_until = clock_timestamp() + interval '1 minute'"
    )

    answer = await sotkamo.withdraw(first["information_id"], "SOT-W-1")

    assert answer.json()["state"] == "waiting"


async def test_a_corrected_item_s_correction_is_withdrawn_behind_both(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    corrected = (await sotkamo.correct(first["information_id"], another_item())).json()

    answer = await sotkamo.withdraw(corrected["information_id"], "SOT-W-1")

    assert answer.json()["waiting_behind"] == corrected["information_id"]
    assert [number for _, _, number in await states(relay)] == [1, 2, 3]


async def test_successors_of_what_waits_for_its_client_wait_with_it(relay: Relay) -> None:
    sotkamo = relay.case_system()
    first, second = await sotkamo.sent(another_item()), await sotkamo.sent(another_item())
    corrected = await sotkamo.correct(first["information_id"], another_item())
    withdrawn = await sotkamo.withdraw(second["information_id"], "SOT-W-1")

    await relay.learn(responsible())

    assert corrected.json()["state"] == "waiting_for_client"
    assert withdrawn.json()["state"] == "withdrawn"
    assert await states(relay) == [
        ("new", "waiting", 1),
        ("new", "withdrawn", None),
        ("correct", "waiting", 2),
        ("withdraw", "withdrawn", None),
    ]


async def test_what_follows_a_refused_item_is_refused_with_it(relay: Relay) -> None:
    sotkamo = relay.case_system()
    first = await sotkamo.sent(another_item())
    await sotkamo.correct(first["information_id"], another_item())

    await relay.learn(responsible(municipality_code="091", case_system_id="cs-helsinki"))

    rows = await relay.fetch("SELECT state, state_reason FROM information ORDER BY ordinal")
    assert [(row["state"], row["state_reason"]) for row in rows] == [
        ("refused", "responsible_other"),
        ("refused", "original_refused"),
    ]


async def test_a_withdrawal_names_its_official_and_holds_no_identity_code(relay: Relay) -> None:
    sotkamo, first = await taken(relay)
    path = f"/information/{first['information_id']}:withdraw"
    body = {"municipal_id": "SOT-W-1", "reason_code": "other", "reason": "Väärä:\n240587-921N."}
    headers = {"Idempotency-Key": "k-1", "If-Match": '"1"'}
    official = {"Acting-Official": "sotkamo:u-1; role=caseworker; municipality=765"}

    nobody = await sotkamo.post(path, body, headers=headers)
    code = await sotkamo.post(path, body, headers=headers | official)

    assert (nobody.status_code, nobody.json()["code"]) == (400, "acting_official_missing")
    assert (code.status_code, code.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert "240587-921N" not in code.text
