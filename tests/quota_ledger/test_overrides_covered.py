"""What overrides have raised falls back: by its cover, by the decision, at the last day."""

import asyncio

import pytest

from kuntavayla.testing import TestDatabase
from quota_ledger.workers.expiring import expire_all
from quota_ledger.workers.overrides import end_all
from tests.quota_ledger.acts import acted
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import COST, a_decision, decided, give, sender
from tests.quota_ledger.exceptions import (
    FREE,
    LACKING,
    a_short_one,
    an_approved,
    answer_to,
    asked,
    ely,
    limits_of,
    standing,
    told_of,
)
from tests.quota_ledger.orders import a_cut, a_transfer, an_allocation, order, ordered, orderer
from tests.quota_ledger.service import Ledger, running_ledger
from tests.served import Json

NOBODY = "0177ec61-3ab9-7893-923f-000000000999"


async def end(ledger: Ledger) -> int:
    return await end_all(ledger.desk.pool, law=ledger.desk.law, moment=ledger.desk.moment)


def an_addition(override_id: str, *, cents: int, **changes: object) -> Json:
    """Return an addition that covers an override."""
    covering = {"kind": "addition", "amount_cents": cents, "persons": 0, "basis": None}
    return an_allocation(**covering, covers_override_id=override_id, **changes)


@pytest.mark.parametrize(
    "changes", [{"kind": "cut"}, {"kind": "initial"}, {"status": "indicative"}]
)
async def test_only_a_confirmed_addition_covers(ledger: Ledger, changes: Json) -> None:
    _, made = await an_approved(ledger)
    body = {**an_addition(made["override_id"], cents=100), **changes}

    answer = await order(orderer(ledger), "/allocations", body)

    assert answer.status_code == 422, answer.text
    assert "covers_nothing" in [one["code"] for one in answer.json()["errors"]]


async def test_what_waits_for_no_cover_is_not_covered(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    open_one = await asked(ledger, decision)
    bodies = [
        an_addition(NOBODY, cents=100),
        an_addition(open_one["override_id"], cents=100),
        an_addition(open_one["override_id"], cents=100, instrument="TRAINING"),
    ]

    answers = [await order(orderer(ledger), "/allocations", body) for body in bodies]
    preview = await order(orderer(ledger), "/allocations:preview", bodies[0])

    assert {one.json()["code"] for one in (*answers, preview)} == {"override_not_to_cover"}
    assert await limits_of(ledger) == (FREE, 0, 0, 0)


async def test_an_addition_of_another_account_covers_nothing(ledger: Ledger) -> None:
    _, made = await an_approved(ledger)

    answer = await order(
        orderer(ledger),
        "/allocations",
        an_addition(made["override_id"], cents=LACKING, instrument="TRAINING"),
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "override_not_to_cover")
    assert (await standing(ledger, made["override_id"]))[0] == "approved"


async def test_a_cover_takes_the_override_back_in_one_entry(ledger: Ledger) -> None:
    _, made = await an_approved(ledger)
    body = an_addition(made["override_id"], cents=LACKING + 1_000)

    answer = await ordered(orderer(ledger), "/allocations", body)

    assert await limits_of(ledger) == (FREE + LACKING + 1_000, 0, COST, 0)
    assert answer["balance"]["available"]["cents"] == 1_000
    assert await standing(ledger, made["override_id"]) == ("covered", LACKING, LACKING, 0, 0)
    [entry] = await ledger.fetch("SELECT * FROM entries WHERE kind = 'addition'")
    assert (entry["allocated_cents"], entry["overridden_cents"]) == (LACKING + 1_000, -LACKING)
    assert str(entry["override_id"]) == made["override_id"]
    assert (await told_of(ledger))[-1] == "override.covered"
    listed = (await orderer(ledger).get("/allocations")).json()["items"]
    assert {one["covers_override_id"] for one in listed} == {None, made["override_id"]}
    assert await faults_of(ledger) == []


async def test_a_part_covers_a_part_and_a_second_one_the_rest(ledger: Ledger) -> None:
    _, made = await an_approved(ledger)

    await ordered(orderer(ledger), "/allocations", an_addition(made["override_id"], cents=100))
    partly = await standing(ledger, made["override_id"])
    await ordered(orderer(ledger), "/allocations", an_addition(made["override_id"], cents=LACKING))
    whole = await standing(ledger, made["override_id"])
    third = await order(
        orderer(ledger), "/allocations", an_addition(made["override_id"], cents=100)
    )

    assert partly == ("partly_covered", LACKING, 100, 0, LACKING - 100)
    assert whole == ("covered", LACKING, LACKING, 0, 0)
    assert (third.status_code, third.json()["code"]) == (409, "override_not_to_cover")
    assert await limits_of(ledger) == (FREE + LACKING + 100, 0, COST, 0)


async def test_a_cover_sent_again_covers_once(ledger: Ledger) -> None:
    _, made = await an_approved(ledger)
    body = an_addition(made["override_id"], cents=100)

    first = await order(orderer(ledger), "/allocations", body, key="cover")
    again = await order(orderer(ledger), "/allocations", body, key="cover")

    assert again.json() == first.json()
    assert (await standing(ledger, made["override_id"]))[2] == 100


async def test_two_covers_at_once_never_cover_more_than_was_raised(
    ledger: Ledger, ledger_database: TestDatabase
) -> None:
    _, made = await an_approved(ledger)
    body = an_addition(made["override_id"], cents=LACKING - 100)
    async with running_ledger(ledger_database) as other:
        answers = await asyncio.gather(
            order(orderer(ledger), "/allocations", body),
            order(orderer(other), "/allocations", body),
        )

    assert [one.status_code for one in answers] == [201, 201]
    assert await standing(ledger, made["override_id"]) == ("covered", LACKING, LACKING, 0, 0)
    assert await limits_of(ledger) == (FREE + 2 * (LACKING - 100), 0, COST, 0)
    assert await faults_of(ledger) == []


async def test_a_transfer_to_a_municipalitys_account_covers_too(ledger: Ledger) -> None:
    await give(ledger, cents=100, municipality="765")
    _, made = await an_approved(ledger, amount_cents=COST)
    body = a_transfer(amount_cents=50_000, persons=0, covers_override_id=made["override_id"])

    preview = await order(orderer(ledger), "/allocation-transfers:preview", body)
    answer = await ordered(orderer(ledger), "/allocation-transfers", body)

    assert preview.json()["to_balance"] == answer["to_balance"]
    assert answer["to_balance"]["overridden"]["cents"] == COST - 100 - 50_000
    state, _, covered, _, _ = await standing(ledger, made["override_id"])
    assert (state, covered) == ("partly_covered", 50_000)
    assert await faults_of(ledger) == []


@pytest.mark.parametrize("action", ["cancel", "refuse"])
async def test_what_the_decision_lets_go_falls_back_at_once(ledger: Ledger, action: str) -> None:
    decision, made = await an_approved(ledger)

    await acted(sender(ledger), decision, action, version=2)

    assert await limits_of(ledger) == (FREE, 0, 0, 0)
    assert await standing(ledger, made["override_id"]) == ("returned", LACKING, 0, LACKING, 0)
    assert (await told_of(ledger))[-1] == "override.returned"
    other = await decided(sender(ledger), a_decision(45))
    assert other["outcome"] == "refused"
    assert await faults_of(ledger) == []


async def test_a_smaller_grant_returns_what_it_lets_go(ledger: Ledger) -> None:
    decision, made = await an_approved(ledger)

    await acted(sender(ledger), decision, "grant", version=2, amount_cents=COST - 100_000)

    assert await limits_of(ledger) == (FREE, LACKING - 100_000, 0, COST - 100_000)
    assert await standing(ledger, made["override_id"]) == (
        "approved",
        LACKING,
        0,
        100_000,
        LACKING - 100_000,
    )


async def test_a_reservation_that_expires_returns_all(ledger: Ledger) -> None:
    _, made = await an_approved(ledger, expires_on="2021-12-31")
    ledger.clock.pass_days(61)

    await expire_all(ledger.desk.pool, law=ledger.desk.law, moment=ledger.desk.moment)

    assert await limits_of(ledger) == (FREE, 0, 0, 0)
    assert (await standing(ledger, made["override_id"]))[0] == "returned"
    assert await faults_of(ledger) == []


async def test_unanswered_to_its_last_day_it_expires(ledger: Ledger) -> None:
    made = await asked(ledger, await a_short_one(ledger))
    # The last day is 30 September; in Helsinki it ends at 21:00 UTC.
    ledger.clock.pass_days(37)
    ledger.clock.pass_hours(14)

    on_the_day = await end(ledger)
    ledger.clock.pass_hours(1)
    unnoticed = await answer_to(ely(ledger), made["override_id"])
    behind_it = await end(ledger), await end(ledger)

    assert (on_the_day, behind_it) == (0, (1, 0))
    assert unnoticed.json()["facts"] == {"state": "expired"}
    assert (await standing(ledger, made["override_id"]))[0] == "expired"
    assert await told_of(ledger) == ["override.asked", "override.expired"]


async def test_uncovered_at_its_last_day_it_is_told_and_takes_nothing(
    ledger: Ledger, ledger_database: TestDatabase
) -> None:
    decision, made = await an_approved(ledger)
    await acted(sender(ledger), decision, "grant", version=2)
    ledger.clock.pass_days(40)
    async with running_ledger(ledger_database) as other:
        other.clock.pass_days(40)
        await asyncio.gather(end(ledger), end(other))

    assert await limits_of(ledger) == (FREE, LACKING, 0, COST)
    assert (await standing(ledger, made["override_id"]))[0] == "uncovered"
    assert (await told_of(ledger)).count("override.uncovered") == 1
    listed = (await ely(ledger).get("/overrides?state=uncovered")).json()["items"]
    assert [one["left_cents"] for one in listed] == [LACKING]


async def test_a_late_cover_still_covers(ledger: Ledger) -> None:
    _, made = await an_approved(ledger)
    ledger.clock.pass_days(40)
    await end(ledger)

    await ordered(orderer(ledger), "/allocations", an_addition(made["override_id"], cents=100))
    part = await standing(ledger, made["override_id"])
    await ordered(orderer(ledger), "/allocations", an_addition(made["override_id"], cents=LACKING))

    assert part == ("uncovered", LACKING, 100, 0, LACKING - 100)
    assert (await standing(ledger, made["override_id"]))[0] == "covered"


async def test_in_a_lapsed_year_what_was_raised_falls_back_and_never_lapses(
    ledger: Ledger,
) -> None:
    decision, made = await an_approved(ledger)
    await acted(sender(ledger), decision, "grant", version=2)
    await ledger.execute("UPDATE accounts SET is_lapsed = true")

    await acted(sender(ledger), decision, "cancel", version=3)

    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["allocated_cents"], account["lapsed_cents"]) == (0, FREE)
    assert account["overridden_cents"] == 0
    assert (await standing(ledger, made["override_id"]))[0] == "returned"
    assert await faults_of(ledger) == []


async def test_a_cut_takes_nothing_of_what_was_raised(ledger: Ledger) -> None:
    await an_approved(ledger)

    answer = await order(orderer(ledger), "/allocations", a_cut(amount_cents=1))

    assert (answer.status_code, answer.json()["code"]) == (409, "allocation_cut_below_bound")


async def test_a_verification_holds_overrides_against_their_accounts(ledger: Ledger) -> None:
    await an_approved(ledger)
    operator = ledger.caller("operator", "verifications.read")
    whole = (await operator.post("/verifications", b"")).json()

    await ledger.execute("UPDATE overrides SET returned_cents = 1")
    [one] = (await operator.post("/verifications", b"")).json()["differences"]

    assert whole["differences"] == []
    assert (one["kind"], one["of"]) == ("overrides_differ", "overridden_cents")
    assert (one["expected"], one["found"]) == (LACKING - 1, LACKING)
