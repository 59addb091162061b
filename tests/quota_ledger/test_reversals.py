"""What was booked in error is taken back, once, by entries that name what they reverse."""

import asyncio

import pytest

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.orders import a_cut, a_transfer, an_allocation, order, ordered, orderer
from tests.quota_ledger.reversed import WHY, path_of, reverse, reversed_by
from tests.quota_ledger.service import Ledger, another_key
from tests.served import Json

UNKNOWN = "0177ec61-3ab9-7893-923f-00000000ffff"


async def entries_of(ledger: Ledger, account_id: str) -> list[Json]:
    """Return the statement of an account."""
    answer = await orderer(ledger).get(f"/accounts/{account_id}/entries")
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_a_reversed_allocation_shows_both_ways(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    ledger.clock.tick()
    added = await ordered(ely, "/allocations", an_allocation(kind="addition", amount_cents=500))

    made = await reversed_by(ely, added)

    [balance] = made["balances"]
    assert balance["allocated"] == {"cents": 161_200_000, "persons": 155}
    _, original, reversal = await entries_of(ledger, balance["account_id"])
    assert (reversal["kind"], reversal["allocated"]["cents"]) == ("reversal", -500)
    assert reversal["reverses"] == original["entry_id"]
    assert original["reversed_by"] == reversal["entry_id"] == made["entry_ids"][0]
    assert (reversal["reason"], reversal["value_on"]) == (WHY["reason"], original["value_on"])
    listed = (await ely.get("/allocations")).json()["items"]
    assert [one["reversed_by"] for one in listed] == [None, made["reversal_id"]]
    assert await faults_of(ledger) == []


async def test_a_reversal_is_told_and_on_record(ledger: Ledger) -> None:
    ely = orderer(ledger)
    first = await ordered(ely, "/allocations", an_allocation())

    made = await reversed_by(ely, first)

    told = [data for _, name, data in await ledger.outbox("ely-14") if name == "allocation.changed"]
    assert (told[-1]["kind"], told[-1]["amount_cents"]) == ("reversal", -161_200_000)
    assert told[-1]["allocation_id"] == first["allocation_id"]
    rows = await ledger.fetch(
        "SELECT resource_id::text FROM audit WHERE action = 'allocation.reversed'"
    )
    assert [row[0] for row in rows] == [first["allocation_id"]]
    assert await ledger.count("reversals") == 1
    assert made["balances"][0]["allocated"]["cents"] == 0


async def test_a_balance_of_a_day_is_right_and_as_known_then_as_it_was(ledger: Ledger) -> None:
    ely = orderer(ledger)
    first = await ordered(ely, "/allocations", an_allocation())
    known_at = ledger.clock.now.isoformat().replace("+00:00", "Z")
    ledger.clock.pass_hours(1)

    await reversed_by(ely, first)

    now = (await ely.get("/balances?on=2021-03-01")).json()["items"]
    then = (await ely.get(f"/balances?on=2021-03-01&known_at={known_at}")).json()["items"]
    assert [one["allocated"]["cents"] for one in now] == [0]
    assert [one["allocated"]["cents"] for one in then] == [161_200_000]


async def test_a_cut_taken_back_gives_again_and_lets_thresholds_be_told_anew(
    ledger: Ledger,
) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    await ledger.reserve(cents=500)
    cut = await ordered(ely, "/allocations", a_cut(amount_cents=400))

    made = await reversed_by(ely, cut)

    assert made["balances"][0]["allocated"]["cents"] == 1_000
    rows = await ledger.fetch("SELECT threshold_told FROM accounts")
    assert [row[0] for row in rows] == [0]
    await ledger.reserve(cents=300)
    told = [
        data["threshold_per_cent"]
        for _, name, data in await ledger.outbox("ely-14")
        if name == "quota.threshold_reached"
    ]
    assert told == [80]
    assert await faults_of(ledger) == []


async def test_what_is_bound_is_not_taken_back(ledger: Ledger) -> None:
    ely = orderer(ledger)
    first = await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    await ledger.reserve(cents=400)

    answer = await reverse(ely, first)

    facts = answer.json()["facts"]
    assert (answer.status_code, answer.json()["code"]) == (409, "allocation_cut_below_bound")
    assert (facts["bound_cents"], facts["allocated_cents"]) == (400, 1_000)
    assert await ledger.count("reversals") == 0
    assert await ledger.count("entries") == 2


async def test_a_transfer_is_taken_back_in_both_accounts(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    moved = await ordered(ely, "/allocation-transfers", a_transfer())

    made = await reversed_by(ely, moved)

    given, gotten = made["balances"]
    assert (given["allocated"]["cents"], gotten["allocated"]["cents"]) == (161_200_000, 0)
    rows = await ledger.fetch("SELECT reverses::text FROM entries WHERE kind = 'reversal'")
    assert {row[0] for row in rows} == set(moved["entry_ids"])
    told = [data for _, _, data in await ledger.outbox("ely-14")][-2:]
    assert [(one["kind"], one["transfer_id"]) for one in told] == [
        ("reversal", moved["transfer_id"])
    ] * 2
    assert await faults_of(ledger) == []


async def test_of_a_transfer_neither_account_changes_where_one_has_bound_it(
    ledger: Ledger,
) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    moved = await ordered(ely, "/allocation-transfers", a_transfer())
    await ledger.execute("UPDATE accounts SET reserved_cents = 1 WHERE municipality_code = '765'")

    answer = await reverse(ely, moved)

    assert (answer.status_code, answer.json()["code"]) == (409, "allocation_cut_below_bound")
    assert answer.json()["facts"]["available"] == 999_999
    assert await ledger.count("entries") == 3


async def test_a_second_reversal_is_refused_with_the_first(ledger: Ledger) -> None:
    ely = orderer(ledger)
    first = await ordered(ely, "/allocations", an_allocation())
    made = await reversed_by(ely, first)

    answer = await reverse(ely, first)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_reversed")
    assert answer.json()["facts"]["reversal_id"] == made["reversal_id"]
    assert await ledger.count("entries") == 2


async def test_a_reversal_again_answers_as_the_first(ledger: Ledger) -> None:
    ely = orderer(ledger)
    allocated = await ordered(ely, "/allocations", an_allocation())

    first = await reverse(ely, allocated, key="r-1")
    await ordered(ely, "/allocations", an_allocation(kind="addition", amount_cents=7))
    again = await reverse(ely, allocated, key="r-1")
    other = await reverse(ely, allocated, key="r-1", reason="Another reason")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_preview_of_a_reversal_stores_nothing(ledger: Ledger) -> None:
    ely = orderer(ledger)
    await ordered(ely, "/allocations", an_allocation())
    moved = await ordered(ely, "/allocation-transfers", a_transfer())

    answer = await order(ely, f"{path_of(moved)}:preview", WHY)

    shown = answer.json()
    assert answer.status_code == 200, answer.text
    assert [one["allocated"]["cents"] for one in shown["balances_before"]] == [
        160_200_000,
        1_000_000,
    ]
    assert [one["allocated"]["cents"] for one in shown["balances"]] == [161_200_000, 0]
    assert await ledger.count("entries") == 3
    assert await ledger.count("reversals") == 0


async def test_a_preview_refuses_what_the_reversal_would(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation(amount_cents=1_000))
    await ledger.reserve(cents=1)

    answer = await order(ely, f"{path_of(made)}:preview", WHY)

    assert (answer.status_code, answer.json()["code"]) == (409, "allocation_cut_below_bound")


async def test_an_indicative_allocation_has_nothing_to_reverse(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation(status="indicative"))

    answer = await reverse(ely, made)

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_booked")


async def test_behind_the_lapse_of_the_year_nothing_is_reversed(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation())
    await ledger.execute("UPDATE accounts SET is_lapsed = true")

    answer = await reverse(ely, made)

    assert (answer.status_code, answer.json()["code"]) == (409, "year_lapsed")
    assert await ledger.count("entries") == 1


async def test_only_who_booked_it_reverses_it(ledger: Ledger) -> None:
    made = await ordered(orderer(ledger, "tem"), "/allocations", an_allocation())

    of_the_area = await reverse(orderer(ledger), made)
    of_another = await order(
        orderer(ledger, "ely-08"),
        f"{path_of(made)}:reverse",
        WHY,
        official="ely-08:u-1; role=decider",
    )

    assert (of_the_area.status_code, of_the_area.json()["code"]) == (403, "booked_by_another")
    assert of_another.status_code == 404, of_another.text
    assert await ledger.count("entries") == 1


@pytest.mark.parametrize("path", ["/allocations", "/allocation-transfers"])
async def test_what_there_is_not_is_not_reversed(ledger: Ledger, path: str) -> None:
    answer = await order(orderer(ledger), f"{path}/{UNKNOWN}:reverse", WHY)

    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"reason": "of 131052-308T"}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"document": None}, "/document"),
        ({"amount_cents": 1}, "/amount_cents"),
    ],
)
async def test_a_reversal_without_reason_or_document_is_refused(
    refusing: Ledger, changes: Json, pointer: str
) -> None:
    answer = await order(orderer(refusing), f"/allocations/{UNKNOWN}:reverse", {**WHY, **changes})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_who_may_not_order_may_not_reverse(refusing: Ledger) -> None:
    system = refusing.caller("cs-sotkamo", "allocations.write")
    no_decider = await order(
        orderer(refusing),
        f"/allocations/{UNKNOWN}:reverse",
        WHY,
        official="ely-14:u-7; role=reader",
    )
    of_a_system = await order(system, f"/allocations/{UNKNOWN}:reverse", WHY)
    without_scope = await order(
        refusing.caller("ely-14", "allocations.read"), f"/allocations/{UNKNOWN}:reverse", WHY
    )
    without_key = await orderer(refusing).post(f"/allocations/{UNKNOWN}:reverse", WHY)

    assert no_decider.status_code in {400, 403, 422}, no_decider.text
    assert (of_a_system.status_code, of_a_system.json()["code"]) == (403, "caller_kind_refused")
    assert (without_scope.status_code, without_scope.json()["code"]) == (403, "scope_missing")
    assert without_key.json()["code"] == "idempotency_key_missing"


async def test_of_many_reversals_at_once_one_is_taken(ledger: Ledger) -> None:
    ely = orderer(ledger)
    made = await ordered(ely, "/allocations", an_allocation())

    answers = await asyncio.gather(*(reverse(ely, made, key=another_key()) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    [first] = [answer.json() for answer in answers if answer.status_code == 201]
    told = {one.json()["facts"]["reversal_id"] for one in answers if one.status_code == 409}
    assert told == {first["reversal_id"]}
    assert await ledger.count("entries") == 2
    assert await faults_of(ledger) == []
