"""What is done to decisions: to the cent, once, and only where it may be."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from quota_ledger.rules.steps import ALLOWED
from tests.quota_ledger.acts import act, acted, changed
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    COST,
    a_decision,
    decided,
    give,
    know_clients,
    sender,
    training,
)
from tests.quota_ledger.responsibles import CLIENT
from tests.quota_ledger.service import Ledger
from tests.served import Json

STATES = Path(__file__).parents[2] / "docs" / "states.md"
GIVEN = 2_000_000
MONTH = 106_000
TO_DECEMBER = {"starts_on": "2021-09-01", "ends_on": "2021-12-31"}


async def a_reserved(ledger: Ledger, *, cents: int = GIVEN) -> Json:
    """Have the agreed pay subsidy reserved in an area that has so much."""
    await know_clients(ledger)
    await give(ledger, cents=cents)
    return await decided(sender(ledger), a_decision())


async def sums_of(ledger: Ledger) -> tuple[int, int, int, int]:
    """Return what is reserved and committed of the only account, in cents and persons."""
    assert await faults_of(ledger) == []
    [row] = await ledger.fetch("SELECT * FROM accounts")
    return (
        row["reserved_cents"],
        row["committed_cents"],
        row["reserved_persons"],
        row["committed_persons"],
    )


async def pay(ledger: Ledger, cents: int) -> None:
    """Let so much be paid of the only decision, as a payment would."""
    await ledger.execute(f"UPDATE decision_draws SET paid_cents = {cents:d}")  # noqa: S608
    await ledger.execute(f"UPDATE decisions SET paid_cents = {cents:d}")  # noqa: S608


async def test_a_grant_commits_what_was_reserved(ledger: Ledger) -> None:
    made = await a_reserved(ledger)

    verdict = await acted(sender(ledger), made, "grant")

    assert (verdict["outcome"], verdict["state"], verdict["version"]) == ("done", "granted", 2)
    assert (verdict["committed_cents"], verdict["released_cents"]) == (COST, 0)
    assert await sums_of(ledger) == (0, COST, 0, 1)
    told = [(kind, data) for _, kind, data in await ledger.outbox() if kind == "decision.granted"]
    assert [data["committed_cents"] for _, data in told] == [COST]


async def test_a_smaller_grant_releases_the_rest_and_the_area_hears_of_it(ledger: Ledger) -> None:
    made = await a_reserved(ledger)

    verdict = await acted(sender(ledger), made, "grant", amount_cents=1_000_000)

    assert (verdict["committed_cents"], verdict["released_cents"]) == (1_000_000, 110_000)
    assert await sums_of(ledger) == (0, 1_000_000, 0, 1)
    [own] = [data for _, kind, data in await ledger.outbox() if kind == "decision.released"]
    [other] = [
        data for _, kind, data in await ledger.outbox("cs-kajaani") if kind == "decision.released"
    ]
    assert (own["decision_id"], own["client_id"], own["cents"]) == (
        made["decision_id"],
        CLIENT,
        110_000,
    )
    assert (other["decision_id"], other["client_id"], other["cents"]) == (None, None, 110_000)
    assert other["available_cents"] == GIVEN - 1_000_000


async def test_more_than_is_reserved_is_not_granted(ledger: Ledger) -> None:
    made = await a_reserved(ledger)

    answer = await act(sender(ledger), made, "grant", amount_cents=COST + 1)

    assert (answer.status_code, answer.json()["code"]) == (409, "grant_above_reservation")
    assert answer.json()["facts"]["reserved_cents"] == COST
    assert await sums_of(ledger) == (COST, 0, 1, 0)


async def test_a_grant_sent_twice_is_one_and_another_is_refused(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    caller = sender(ledger)
    first = await act(caller, made, "grant", key="k-1", amount_cents=COST)

    by_key = await act(caller, made, "grant", key="k-1", amount_cents=COST)
    by_content = await act(caller, made, "grant", key="k-2", amount_cents=COST)
    other = await act(caller, made, "grant", version=2, amount_cents=COST - 1)

    for again in (by_key, by_content):
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "decision_state_refuses")
    assert await ledger.count("decision_steps") == 2


async def test_nothing_is_granted_behind_the_end_of_the_reservation(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    ledger.clock.pass_days(61)

    answer = await act(sender(ledger), made, "grant")

    assert (answer.status_code, answer.json()["code"]) == (409, "decision_state_refuses")
    assert answer.json()["facts"]["state"] == "expired"


@pytest.mark.parametrize(("action", "state"), [("cancel", "cancelled"), ("refuse", "refused")])
async def test_a_reservation_that_is_given_up_is_free_again(
    ledger: Ledger, action: str, state: str
) -> None:
    made = await a_reserved(ledger)

    verdict = await acted(sender(ledger), made, action)

    assert (verdict["state"], verdict["released_cents"]) == (state, COST)
    assert verdict["available_after"] == {"cents": GIVEN, "persons": 155}
    assert await sums_of(ledger) == (0, 0, 0, 0)


async def test_what_is_paid_of_a_cancelled_decision_stays_committed(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "grant")
    await pay(ledger, MONTH)

    verdict = await acted(sender(ledger), made, "cancel", version=2)

    assert (verdict["committed_cents"], verdict["released_cents"]) == (MONTH, COST - MONTH)
    assert await sums_of(ledger) == (0, MONTH, 0, 1)


@pytest.mark.parametrize(("action", "state"), [("interrupt", "interrupted"), ("end", "ended")])
async def test_what_ends_earlier_is_calculated_to_the_day(
    ledger: Ledger, action: str, state: str
) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "grant")

    verdict = await acted(sender(ledger), made, action, version=2)

    # Four months, and of 303 days of holiday pay 122: 50,000 * 122 / 303 = 20,132.01.
    left = 4 * MONTH + 20_132
    assert (verdict["state"], verdict["committed_cents"]) == (state, left)
    assert verdict["calculation"]["total_cents"] == left
    assert await sums_of(ledger) == (0, left, 0, 1)
    path = f"/decisions/{made['decision_id']}"
    read = (await sender(ledger).get(path, params={"recompute": "true"})).json()
    assert (read["ends_on"], read["recomputed"]["is_equal"]) == ("2021-12-31", True)


async def test_what_is_paid_stays_whatever_is_left_of_the_period(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "grant")
    await pay(ledger, 7 * MONTH)

    verdict = await acted(sender(ledger), made, "end", version=2)

    assert verdict["committed_cents"] == 7 * MONTH
    assert await sums_of(ledger) == (0, 7 * MONTH, 0, 1)


async def test_an_interrupted_decision_goes_on_by_a_change(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    caller = sender(ledger)
    await acted(caller, made, "grant")
    await acted(caller, made, "interrupt", version=2)

    verdict = await acted(
        caller, made, "change", version=3, **changed(a_decision(), decided_on="2021-08-24")
    )

    assert (verdict["state"], verdict["committed_cents"]) == ("granted", COST)
    assert await sums_of(ledger) == (0, COST, 0, 1)


@pytest.mark.parametrize("is_granted", [False, True])
async def test_a_change_draws_more_or_gives_back(ledger: Ledger, is_granted: bool) -> None:  # noqa: FBT001
    made = await a_reserved(ledger)
    caller, version = sender(ledger), 1
    if is_granted:
        version = (await acted(caller, made, "grant"))["version"]

    less = await acted(
        caller, made, "change", version=version, **changed(a_decision(), period=TO_DECEMBER)
    )
    more = await acted(caller, made, "change", version=version + 1, **changed(a_decision()))

    name = "committed_cents" if is_granted else "reserved_cents"
    assert (less[name], less["released_cents"]) == (4 * MONTH + 50_000, 6 * MONTH)
    assert (more[name], more["released_cents"]) == (COST, 0)
    assert more["calculation"] == made["calculation"]
    expected = (0, COST, 0, 1) if is_granted else (COST, 0, 1, 0)
    assert await sums_of(ledger) == expected


async def test_a_change_for_which_nothing_is_free_changes_nothing(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    caller = sender(ledger)
    made = await decided(caller, training(1))

    verdict = await acted(caller, made, "change", **changed(training(1), unit_cost_cents=310_001))

    [reason] = verdict["reasons"]
    assert (verdict["outcome"], verdict["version"]) == ("refused", 1)
    assert (reason["needed_cents"], reason["available_cents"]) == (1, 0)
    assert await sums_of(ledger) == (310_000, 0, 1, 0)
    read = (await caller.get(f"/decisions/{made['decision_id']}")).json()
    assert (read["version"], len(read["steps"])) == (1, 2)
    assert read["calculation"]["total_cents"] == 310_000


async def test_less_than_is_paid_is_no_change(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "grant")
    await pay(ledger, COST - 1)

    answer = await act(
        sender(ledger), made, "change", version=2, **changed(a_decision(), period=TO_DECEMBER)
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "change_below_paid")
    assert await sums_of(ledger) == (0, COST, 0, 1)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"municipal_id": "SOT-PS-2021-0001"}, "/decision/municipal_id"),
        ({"client_id": "0177ec61-3ab9-7893-923f-000000000001"}, "/decision/client_id"),
        ({"service_code": "69"}, "/decision/service_code"),
        (
            {"employer": {"business_id": "9900777-0", "kind": "company", "name": "Muu Oy"}},
            "/decision/employer/business_id",
        ),
        ({"decided_on": "2031-01-01"}, "/decision/decided_on"),
    ],
)
async def test_what_a_change_may_not_change_is_named(
    ledger: Ledger, changes: dict[str, Any], pointer: str
) -> None:
    made = await a_reserved(ledger)

    answer = await act(sender(ledger), made, "change", **changed(a_decision(), **changes))

    assert answer.status_code == 422, answer.text
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}


@pytest.mark.parametrize("last_on", ["2021-08-31", "2022-07-01"])
async def test_a_decision_ends_on_a_day_of_its_period(ledger: Ledger, last_on: str) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "grant")

    answer = await act(sender(ledger), made, "end", version=2, last_on=last_on)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "outside_period"


async def test_what_is_freed_goes_back_to_its_own_year_the_newest_first(ledger: Ledger) -> None:
    await know_clients(ledger)
    ledger.clock.pass_days(200)
    old = await give(ledger, cents=100_000, instrument="TRAINING", year=2021)
    new = await give(ledger, cents=400_000, instrument="TRAINING", year=2022)
    period = {"starts_on": "2022-04-01", "ends_on": "2022-06-15"}
    body = training(1, decided_on="2022-03-01", budget_year=2022, period=period)
    caller = sender(ledger)
    made = await decided(caller, body)
    await acted(caller, made, "grant")
    await ledger.execute("UPDATE accounts SET is_lapsed = true WHERE budget_year = 2021")

    some = await acted(caller, made, "change", version=2, **changed(body, unit_cost_cents=300_000))
    rest = await acted(caller, made, "cancel", version=3)

    rows = await ledger.fetch(
        "SELECT account_id::text, lapsed_cents, committed_cents FROM accounts"
    )
    assert (some["released_cents"], rest["released_cents"]) == (10_000, 300_000)
    assert {row["account_id"]: row["lapsed_cents"] for row in rows} == {old: 100_000, new: 0}
    assert {row["committed_cents"] for row in rows} == {0}
    assert await faults_of(ledger) == []


async def test_the_version_that_was_read_is_named_and_still_stands(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    caller = sender(ledger)
    path = f"/decisions/{made['decision_id']}:cancel"
    body = {
        "reason_code": "other",
        "acting_official": {
            "official_id": "sotkamo:u-1007",
            "role": "decider",
            "municipality_code": "765",
        },
    }

    missing = await caller.post(path, body, headers={"Idempotency-Key": "k-1"})
    stale = await act(caller, made, "cancel", version=7, key="k-2")
    done = await act(caller, made, "cancel", version=1, key="k-2")

    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")
    assert (stale.status_code, stale.json()["code"]) == (412, "version_differs")
    assert done.status_code == 200


async def test_of_several_at_once_one_acts(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    caller = sender(ledger)

    answers = await asyncio.gather(
        *(act(caller, made, action) for action in ("cancel", "refuse", "cancel", "refuse"))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert await sums_of(ledger) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("organisation", "status", "code"),
    [
        ("cs-espoo", 404, "decision_not_found"),
        ("cs-kajaani", 403, "municipality_not_served"),
        ("operator", 403, "caller_kind_refused"),
    ],
)
async def test_only_who_serves_the_municipality_acts(
    ledger: Ledger, organisation: str, status: int, *, code: str
) -> None:
    made = await a_reserved(ledger)
    codes = {"cs-espoo": "049", "cs-kajaani": "205", "operator": "765"}
    official = {
        "official_id": "u-1",
        "role": "decider",
        "municipality_code": codes[organisation],
    }

    answer = await act(sender(ledger, organisation), made, "cancel", acting_official=official)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await sums_of(ledger) == (COST, 0, 1, 0)


async def test_a_caseworker_decides_no_money(ledger: Ledger) -> None:
    made = await a_reserved(ledger)
    official = {"official_id": "u-1", "role": "caseworker", "municipality_code": "765"}

    answer = await act(sender(ledger), made, "grant", acting_official=official)

    assert (answer.status_code, answer.json()["code"]) == (403, "official_role_refused")


@pytest.mark.parametrize("action", ["grant", "interrupt", "end", "cancel", "refuse"])
async def test_nothing_is_done_to_what_is_over(ledger: Ledger, action: str) -> None:
    made = await a_reserved(ledger)
    await acted(sender(ledger), made, "cancel")

    answer = await act(sender(ledger), made, action, version=2)

    assert (answer.status_code, answer.json()["code"]) == (409, "decision_state_refuses")
    assert answer.json()["facts"] == {"state": "cancelled", "action": action}


def test_the_table_of_states_is_the_one_that_is_run() -> None:
    section = STATES.read_text(encoding="utf-8").split("## Decision on money", 1)[1]
    rows = re.findall(r"^\| `(\w+)` \| `:?(\w+)` \| `(\w+)` \|", section, re.MULTILINE)

    run = {
        (before, action, after)
        for action, states in ALLOWED.items()
        for before, after in states.items()
    }
    assert len(rows) == len(run)
    assert set(rows) == run
