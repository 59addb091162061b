import hashlib
from base64 import b64encode
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from tests.served import OFFICIAL
from tests.statement_relay.items import (
    CLIENT,
    OTHER_CLIENT,
    STARTED,
    an_item,
    another_item,
    responsible,
)
from tests.statement_relay.service import Relay

UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"


async def known(relay: Relay, *clients: str) -> None:
    await relay.learn(*(responsible(client) for client in clients or (CLIENT,)))


async def test_an_item_is_answered_stored_and_announced_as_the_contract_says(relay: Relay) -> None:
    await known(relay)

    answer = await relay.case_system().send(an_item())

    told = answer.json()
    assert answer.status_code == 201
    assert {name: told[name] for name in told if name not in {"information_id", "digest"}} == {
        "municipal_id": "SOT-2021-000731",
        "state": "accepted",
        "issuer": {"authority": "te_office", "rule": "S1", "from_on": "2021-03-01"},
        "receiver_id": "te-kainuu",
        "deliver_by_at": "2021-03-26T14:15:00Z",
        "waiting_behind": None,
    }
    assert answer.headers["Location"] == f"/relay/v1/information/{told['information_id']}"
    [(channel, kind, data)] = await relay.outbox()
    assert (channel, kind) == ("common", "information.accepted")
    assert (data["information_id"], data["digest"]) == (told["information_id"], told["digest"])
    [line] = await relay.fetch("SELECT * FROM audit")
    assert (line["action"], line["outcome"], line["rule_version"], line["official_id"]) == (
        "information.accepted",
        "accepted",
        "S1",
        "sotkamo:u-1042",
    )


async def test_the_bytes_are_those_of_the_contract_with_a_nonce_and_their_digest(
    relay: Relay,
) -> None:
    await known(relay)
    told = await relay.case_system().sent(an_item())

    [row] = await relay.fetch("SELECT body, digest FROM information")

    head, nonce = row["body"].rsplit(b',"nonce":"', 1)
    body = msgspec.json.decode(row["body"])
    assert len(nonce) == len(b'q83vEjRWeJCrze8SNFZ4kA"}')
    assert head.startswith(f'{{"information_id":"{told["information_id"]}","sequence":1,'.encode())
    assert body["client"] == {
        "client_id": CLIENT,
        "source_system": "ura",
        "client_number": "URA-C-0088123",
    }
    assert (body["occurred_at"], body["action"]) == ("2021-03-22T21:59:59Z", "new")
    assert "official_id" not in row["body"].decode()
    sha = b64encode(hashlib.sha256(row["body"]).digest()).decode()
    assert row["digest"] == told["digest"] == f"sha-256=:{sha}:"


async def test_items_of_a_client_wait_behind_each_other_in_order(relay: Relay) -> None:
    await known(relay, CLIENT, OTHER_CLIENT)
    sotkamo = relay.case_system()

    first = await sotkamo.sent(another_item())
    second = await sotkamo.sent(another_item())
    other = await sotkamo.sent(another_item(client_id=OTHER_CLIENT))

    assert (first["state"], second["state"], other["state"]) == ("accepted", "waiting", "accepted")
    assert second["waiting_behind"] == first["information_id"]
    rows = await relay.fetch(
        "SELECT client_id::text, number, state FROM information ORDER BY ordinal"
    )
    assert [(row["client_id"], row["number"], row["state"]) for row in rows] == [
        (CLIENT, 1, "waiting"),
        (CLIENT, 2, "waiting"),
        (OTHER_CLIENT, 1, "waiting"),
    ]
    queues = await relay.fetch("SELECT last_number, next_attempt_at FROM client_queues")
    assert sorted(row["last_number"] for row in queues) == [1, 2]
    assert all(row["next_attempt_at"] is not None for row in queues)


async def test_what_the_municipality_decides_itself_is_not_relayed(relay: Relay) -> None:
    await known(relay)
    relay.clock.now = datetime(2021, 10, 5, 8, 0, tzinfo=UTC)

    told = await relay.case_system().sent(another_item(**STARTED))

    assert (told["state"], told["issuer"]) == (
        "not_relayed",
        {"authority": "municipality", "rule": "S2", "from_on": "2021-10-02"},
    )
    assert (told["receiver_id"], told["digest"], told["deliver_by_at"]) == (None, None, None)
    assert await relay.count("client_queues") == 0


async def test_a_repeat_is_answered_as_the_first_and_has_no_second_effect(relay: Relay) -> None:
    await known(relay)
    sotkamo = relay.case_system()
    first = await sotkamo.send(an_item(), key="k-1")
    await sotkamo.sent(another_item())

    by_key = await sotkamo.send(an_item(), key="k-1")
    by_id = await sotkamo.send(an_item(), key="k-2")
    in_another_zone = await sotkamo.send(an_item(known_at="2021-03-23T07:40:00Z"))

    for again in (by_key, by_id, in_another_zone):
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
    assert await relay.count("information") == 2
    assert len(await relay.outbox()) == 2


async def test_other_content_under_a_known_id_or_key_is_refused(relay: Relay) -> None:
    await known(relay)
    sotkamo = relay.case_system()
    first = (await sotkamo.send(an_item(), key="k-1")).json()
    changed = an_item(facts__result_code="07")

    by_id = await sotkamo.send(changed, key="k-2")
    by_key = await sotkamo.send(another_item(), key="k-1")
    without = await sotkamo.post("/information", an_item())

    assert (by_id.status_code, by_id.json()["code"]) == (409, "municipal_id_reused")
    assert by_id.json()["facts"]["information_id"] == first["information_id"]
    assert (by_key.status_code, by_key.json()["code"]) == (422, "idempotency_key_reused")
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    assert await relay.count("information") == 1


async def test_about_time_when_another_was_responsible_nothing_is_taken(relay: Relay) -> None:
    moved = responsible(
        clienthood_version=2,
        valid_from=date(2021, 3, 15),
        municipality_code="091",
        case_system_id="cs-helsinki",
        sequence="000001.000000000000000002",
    )
    await relay.learn(responsible(), moved)
    sotkamo = relay.case_system()

    late = await sotkamo.send(another_item())
    in_time = await sotkamo.send(
        another_item(
            kind="PLAN_REFUSED",
            period={"starts_on": "2021-03-14", "ends_on": "2021-03-14"},
            occurred_at="2021-03-14T23:59:59+02:00",
            facts={"reason_code": "no_reason_given", "concerns_work_capacity": False},
        )
    )
    not_served = await sotkamo.send(another_item(municipality_code="091"))
    by_helsinki = await relay.case_system("cs-helsinki").send(another_item(municipality_code="091"))

    assert (late.status_code, late.json()["code"]) == (409, "responsible_other")
    assert in_time.status_code in {201, 422}, in_time.text
    assert (not_served.status_code, not_served.json()["code"]) == (403, "municipality_not_served")
    assert by_helsinki.status_code == 201
    lines = await relay.fetch("SELECT outcome, client_id::text FROM audit ORDER BY audit_id")
    assert ("responsible_other", CLIENT) in [(row["outcome"], row["client_id"]) for row in lines]


BEFORE = "2021-02-28T12:00:00+02:00"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        pytest.param(
            {"facts": STARTED["facts"]},
            "/facts",
            "facts_of_another_kind",
            id="facts of another kind",
        ),
        pytest.param({"kind": "JOB_OFFER_IGNORED"}, "/kind", "value_not_listed", id="no kind"),
        pytest.param(
            {"occurred_at": BEFORE}, "/occurred_at", "before_pilot", id="before the pilot"
        ),
        pytest.param(
            {"known_at": "2021-03-22T20:00:00+02:00"},
            "/known_at",
            "instant_before_another",
            id="known before it occurred",
        ),
        pytest.param(
            {"facts__job_offer_id": "240587-921N"},
            "/facts/job_offer_id",
            "text_holds_identity_code",
            id="identity code",
        ),
        pytest.param(
            {"replaces": UNKNOWN}, "/replaces", "not_expected", id="a correction by the wrong call"
        ),
    ],
)
async def test_what_is_wrong_is_told_with_its_place_and_nothing_is_stored(
    refusing: Relay, changes: dict[str, Any], *, pointer: str, code: str
) -> None:
    answer = await refusing.case_system().send(another_item(**changes))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_content")
    assert (pointer, code) in [(fault["pointer"], fault["code"]) for fault in problem["errors"]]
    assert "240587-921N" not in answer.text
    assert await refusing.count("information") == 0


async def test_the_whole_story_is_told_to_its_sender_and_the_operator_alone(relay: Relay) -> None:
    await known(relay)
    sotkamo = relay.case_system()
    first = await sotkamo.sent(another_item())
    second = await sotkamo.sent(another_item())
    path = f"/information/{second['information_id']}"

    own = await sotkamo.get(path)
    of_operator = await relay.operator.get(path)
    foreign = await relay.case_system("cs-helsinki").get(path)
    unknown = await sotkamo.get(f"/information/{UNKNOWN}")

    story = own.json()
    assert (own.status_code, own.headers["ETag"]) == (200, '"1"')
    assert of_operator.json() == story
    assert (story["state"], story["waiting_behind"], story["sequence"]) == (
        "waiting",
        first["information_id"],
        2,
    )
    assert story["item"]["facts"]["job_offer_id"] == "TT-5512008"
    assert (story["attempts"], story["receipt"], story["flags"]) == ([], None, [])
    assert {(one.status_code, one.json()["code"]) for one in (foreign, unknown)} == {
        (404, "information_not_found")
    }
    lines = await relay.fetch(
        "SELECT organisation, outcome FROM audit WHERE action = $1", "information.read"
    )
    assert ("cs-helsinki", "refused") in [(row["organisation"], row["outcome"]) for row in lines]


async def test_lists_show_a_case_system_its_own_by_state_client_and_page(relay: Relay) -> None:
    await known(relay, CLIENT, OTHER_CLIENT)
    sotkamo = relay.case_system()
    told = []
    for client_id in (CLIENT, CLIENT, OTHER_CLIENT):
        relay.clock.tick()
        told.append(await sotkamo.sent(another_item(client_id=client_id)))

    page = (await sotkamo.get("/information", params={"limit": 2})).json()
    rest = (
        await sotkamo.get("/information", params={"limit": 2, "after": page["next_cursor"]})
    ).json()
    of_client = (await sotkamo.get("/information", params={"client_id": OTHER_CLIENT})).json()
    parked = (await sotkamo.get("/information", params={"state": "parked"})).json()
    foreign = (await relay.case_system("cs-helsinki").get("/information")).json()

    ids = [item["information_id"] for item in page["items"] + rest["items"]]
    assert ids == [one["information_id"] for one in told]
    assert rest["next_cursor"] is None
    assert [item["client_id"] for item in of_client["items"]] == [OTHER_CLIENT]
    assert (parked["items"], foreign["items"]) == ([], [])


async def test_an_item_is_found_by_the_municipal_id_that_its_sender_gave_it(
    relay: Relay,
) -> None:
    await known(relay)
    sotkamo = relay.case_system()
    item = another_item()
    first = await sotkamo.sent(item)
    await sotkamo.sent(another_item())
    asked = {"municipal_id": item["municipal_id"]}

    found = (await sotkamo.get("/information", params=asked)).json()["items"]
    of_other_client = await sotkamo.get("/information", params=asked | {"client_id": UNKNOWN})
    of_another = await relay.case_system("cs-helsinki").get("/information", params=asked)
    by_operator = await relay.operator.get("/information", params=asked)

    assert [one["information_id"] for one in found] == [first["information_id"]]
    assert (of_other_client.json()["items"], of_another.json()["items"]) == ([], [])
    assert by_operator.status_code == 422
    [fault] = by_operator.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/query/municipal_id", "not_expected")


async def test_only_a_case_system_sends(refusing: Relay) -> None:
    scopes = ("information.write", "information.read")
    answer = await refusing.caller("te-kainuu", *scopes).send(an_item())
    without_scope = await refusing.caller("cs-sotkamo", "information.read").send(an_item())

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")
    assert (without_scope.status_code, without_scope.json()["code"]) == (403, "scope_missing")
    assert OFFICIAL
