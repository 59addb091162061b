"""Decisions by many, as previews, and as they are read."""

import msgspec
import pytest

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    COST,
    a_decision,
    client_id,
    decided,
    give,
    know_clients,
    send_lines,
    sender,
    training,
)
from tests.quota_ledger.service import Ledger, another_key

LINES = 1_200


async def test_lines_are_booked_in_their_order_across_transactions(ledger: Ledger) -> None:
    clients = [client_id(number) for number in range(30)]
    await know_clients(ledger, *clients)
    fit = LINES - 100
    await give(ledger, cents=fit * 100, instrument="TRAINING")
    bodies = [
        training(number, cents=100, client_id=clients[number % 30]) for number in range(LINES)
    ]

    *answered, end = await send_lines(sender(ledger), bodies)
    *again, _ = await send_lines(sender(ledger), bodies)

    outcomes = [line["result"]["outcome"] for line in answered]
    assert outcomes == ["reserved"] * fit + ["refused"] * 100
    assert end["summary"] == {"lines": LINES, "created": LINES, "replayed": 0, "failed": 0}
    assert [line["result"] for line in again] == [line["result"] for line in answered]
    assert all(line["replayed"] for line in again)
    reason = answered[-1]["result"]["reason"]
    assert reason["open_reservations"] == {"count": fit, "cents": fit * 100}
    assert await ledger.count("entries") == fit + 1
    assert await faults_of(ledger) == []


async def test_a_bulk_call_answers_in_short_unless_it_is_asked_for_all(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=COST)
    bodies = [a_decision(1), a_decision(2)]

    *short, _ = await send_lines(sender(ledger), bodies)
    *whole, _ = await send_lines(sender(ledger), bodies, query="?detail=full")
    other = await sender(ledger).post(
        "/decisions:bulk?detail=all", b"", headers={"Content-Type": "application/x-ndjson"}
    )

    fitting, exceeding = (line["result"] for line in short)
    full, refused = (line["result"] for line in whole)
    assert fitting == {
        "decision_id": full["decision_id"],
        "outcome": "reserved",
        "state": "reserved",
        "cents": COST,
        "expires_at": "2021-10-23T20:59:59Z",
    }
    assert exceeding == {
        "decision_id": refused["decision_id"],
        "outcome": "refused",
        "state": "refused",
        "reason": refused["reasons"][0],
    }
    assert full["calculation"]["total_cents"] == COST
    assert full["reservation"]["cents"] == COST
    assert all(line["replayed"] for line in whole)
    assert (other.status_code, other.json()["code"]) == (422, "invalid_content")


async def test_a_preview_says_what_would_be_and_stores_nothing(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=COST + 1)
    caller = sender(ledger)

    first = (await caller.post("/decisions:preview", a_decision())).json()
    made = await decided(caller, a_decision())
    second = (await caller.post("/decisions:preview", a_decision(2))).json()

    assert first == {
        "outcome": "reserved",
        "calculation": made["calculation"],
        "competence": made["competence"],
        "available_after": {"cents": 1, "persons": 154},
    }
    assert made["available_after"] == first["available_after"]
    assert (second["outcome"], second["reasons"][0]["available_cents"]) == ("refused", 1)
    assert second["calculation"]["total_cents"] == COST
    assert await ledger.count("decisions") == 1
    lines = await ledger.fetch(
        "SELECT action, outcome FROM audit WHERE action LIKE 'decision.%' ORDER BY audit_id"
    )
    assert [tuple(line) for line in lines] == [
        ("decision.previewed", "reserved"),
        ("decision.made", "reserved"),
        ("decision.previewed", "refused"),
    ]


async def test_a_preview_of_an_unknown_client_is_asked_again(refusing: Ledger) -> None:
    answer = await sender(refusing).post("/decisions:preview", a_decision(client_id=client_id(9)))

    assert (answer.status_code, answer.json()["code"]) == (409, "client_not_known")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_decision_is_read_with_its_calculation_entries_and_story(ledger: Ledger) -> None:
    await know_clients(ledger)
    account_id = await give(ledger, cents=COST)
    caller = sender(ledger)
    made = await decided(caller, a_decision())

    answer = await caller.get(f"/decisions/{made['decision_id']}", params={"recompute": "true"})

    read = answer.json()
    [entry], [step], [holding] = read["entries"], read["steps"], read["holdings"]
    assert answer.headers["ETag"] == '"1"'
    assert (read["state"], read["version"]) == ("reserved", 1)
    assert read["calculation"] == step["calculation"] == made["calculation"]
    assert read["recomputed"] == {"is_equal": True, "calculation": made["calculation"]}
    assert entry["entry_id"] == made["reservation"]["reservation_id"] == step["entry_ids"][0]
    assert (entry["account_id"], entry["kind"]) == (account_id, "reserve")
    assert (entry["value_on"], entry["reserved"]) == ("2021-08-23", {"cents": COST, "persons": 1})
    assert (step["action"], step["official_id"]) == ("reserve", "sotkamo:u-1007")
    assert holding["reserved"] == {"cents": COST}
    assert b"Esimerkki" not in answer.content
    assert b"wage" not in answer.content


async def test_two_years_are_recomputed_as_they_were_charged(ledger: Ledger) -> None:
    await know_clients(ledger)
    ledger.clock.pass_days(200)
    await give(ledger, cents=100_000, instrument="TRAINING", year=2021)
    await give(ledger, cents=300_000, instrument="TRAINING", year=2022)
    period = {"starts_on": "2022-04-01", "ends_on": "2022-06-15"}
    caller = sender(ledger)
    made = await decided(
        caller, training(1, decided_on="2022-03-01", budget_year=2022, period=period)
    )

    path = f"/decisions/{made['decision_id']}"
    read = (await caller.get(path, params={"recompute": "true"})).json()

    assert [one["reserved"]["cents"] for one in read["holdings"]] == [100_000, 210_000]
    assert read["recomputed"]["is_equal"]
    assert read["recomputed"]["calculation"] == made["calculation"]


async def test_a_case_system_reads_decisions_of_its_areas_alone(ledger: Ledger) -> None:
    await know_clients(ledger)
    made = await decided(sender(ledger), a_decision())
    path = f"/decisions/{made['decision_id']}"

    seen = {
        name: (await sender(ledger, name).get(path)).status_code
        for name in ("cs-sotkamo", "cs-kajaani", "operator", "cs-espoo")
    }
    listed = await sender(ledger, "cs-espoo").get("/decisions")
    refused = await sender(ledger, "cs-espoo").get("/decisions", params={"area": "kainuu"})

    assert seen == {"cs-sotkamo": 200, "cs-kajaani": 200, "operator": 200, "cs-espoo": 404}
    assert listed.json() == {"items": [], "next_cursor": None}
    assert (refused.status_code, refused.json()["code"]) == (403, "area_not_yours")
    lines = await ledger.fetch("SELECT outcome FROM audit WHERE action = 'decision.read'")
    assert sorted(line["outcome"] for line in lines) == ["disclosed"] * 3 + ["refused"]


@pytest.mark.parametrize("organisation", ["te-kainuu", "auditor", "keha"])
async def test_others_read_no_decisions(refusing: Ledger, organisation: str) -> None:
    answer = await sender(refusing, organisation).get("/decisions")

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


async def test_decisions_are_listed_by_state_area_and_client_page_by_page(ledger: Ledger) -> None:
    clients = [client_id(number) for number in range(3)]
    await know_clients(ledger, *clients)
    await give(ledger, cents=200, instrument="TRAINING")
    caller = sender(ledger)
    made = []
    for number, client in enumerate(clients):
        ledger.clock.tick()
        made.append(await decided(caller, training(number, cents=100, client_id=client)))

    async def ids(**params: str) -> list[str]:
        page = (await caller.get("/decisions", params=params)).json()
        return [item["decision_id"] for item in page["items"]]

    known = [one["decision_id"] for one in made]
    assert await ids(area="kainuu") == known
    assert await ids(state="reserved") == known[:2]
    assert await ids(state="refused") == known[2:]
    assert await ids(client_id=clients[1]) == [known[1]]
    first = (await caller.get("/decisions", params={"limit": "2"})).json()
    assert [item["decision_id"] for item in first["items"]] == known[:2]
    assert await ids(limit="2", after=first["next_cursor"]) == known[2:]


async def test_a_decision_without_a_day_is_decided_today(ledger: Ledger) -> None:
    await know_clients(ledger)
    body = {name: value for name, value in training(1).items() if name != "decided_on"}
    await give(ledger, cents=310_000, instrument="TRAINING")

    made = await decided(sender(ledger), body)

    [row] = await ledger.fetch("SELECT decided_on FROM decisions")
    assert str(row["decided_on"]) == "2021-08-24"
    assert made["reservation"]["expires_at"] == "2021-10-23T20:59:59Z"


async def test_the_header_names_the_official_where_the_body_does_not(ledger: Ledger) -> None:
    await know_clients(ledger)
    headers = {
        "Idempotency-Key": another_key(),
        "Acting-Official": "sotkamo:u-9; role=decider; municipality=765",
    }

    answer = await sender(ledger).post(
        "/decisions", training(1, acting_official=None), headers=headers
    )

    [row] = await ledger.fetch("SELECT official_id, content::text FROM decisions")
    assert (answer.status_code, row["official_id"]) == (201, "sotkamo:u-9")
    assert msgspec.json.decode(row["content"])["municipal_id"] == "SOT-TR-2021-0001"
