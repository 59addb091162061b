"""Overrides asked by areas: for what was refused for want of money, one at a time."""

import asyncio
from typing import Any

import pytest

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.acts import acted, changed
from tests.quota_ledger.decided import (
    COST,
    OFFICIAL,
    a_decision,
    decided,
    give,
    know_clients,
    send,
    sender,
    training,
)
from tests.quota_ledger.exceptions import (
    ELY_OFFICIAL,
    FREE,
    LACKING,
    a_short_one,
    an_override,
    area,
    ask,
    asked,
    limits_of,
    told_of,
)
from tests.quota_ledger.service import Ledger, running_ledger
from tests.served import Json

NOBODY = "0177ec61-3ab9-7893-923f-000000000999"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount_cents": 0}, "/amount_cents", None),
        ({"amount_cents": -1}, "/amount_cents", None),
        ({"amount_cents": 10**18}, "/amount_cents", None),
        ({"cover": {"kind": "loan", "expected_on": "2021-09-10", "reason": "No"}}, None, None),
        ({"cover": None}, "/cover", None),
        (
            {"cover": {"kind": "addition", "expected_on": "2021-08-23", "reason": "Late"}},
            "/cover/expected_on",
            "day_past",
        ),
        ({"expires_on": "2021-09-09"}, "/expires_on", "expires_before_cover"),
        ({"expires_on": "2023-01-01"}, "/expires_on", "day_outside_years"),
        (
            {
                "cover": {
                    "kind": "addition",
                    "expected_on": "2021-09-10",
                    "reason": "240587-921N",
                }
            },
            "/cover/reason",
            "text_holds_identity_code",
        ),
        ({"decision_id": "not-an-id"}, "/decision_id", None),
        ({"surplus": 1}, None, None),
    ],
)
async def test_what_is_wrong_in_itself_is_refused_with_its_place(
    ledger: Ledger, *, changes: Json, pointer: str | None, code: str | None
) -> None:
    decision = await a_short_one(ledger)

    answer = await ask(area(ledger), an_override(decision, **changes))

    problem = answer.json()
    assert answer.status_code == 422, answer.text
    if pointer is not None:
        assert pointer in [one["pointer"] for one in problem["errors"]]
    if code is not None:
        assert code in [one["code"] for one in problem["errors"]]
    assert await ledger.count("overrides") == 0


@pytest.mark.parametrize(
    ("organisation", "official", "status", "code"),
    [
        ("ely-14", ELY_OFFICIAL, 403, "caller_kind_refused"),
        ("keha", ELY_OFFICIAL, 403, "caller_kind_refused"),
        ("operator", {"official_id": "op-1", "role": "operator"}, 403, "caller_kind_refused"),
        ("cs-sotkamo", {**OFFICIAL, "role": "caseworker"}, 403, "official_role_refused"),
        ("cs-sotkamo", {**OFFICIAL, "municipality_code": "837"}, 403, "municipality_not_served"),
        ("cs-sotkamo", None, 400, "acting_official_missing"),
    ],
)
async def test_only_a_decider_of_the_area_asks(
    ledger: Ledger, *, organisation: str, official: Json | None, status: int, code: str
) -> None:
    decision = await a_short_one(ledger)
    body = an_override(decision, acting_official=official)
    if official is None:
        del body["acting_official"]

    answer = await ask(area(ledger, organisation), body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await ledger.count("overrides") == 0


async def test_scope_and_key_are_needed(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)

    without_scope = await ask(sender(ledger), an_override(decision))
    without_key = await area(ledger).post("/overrides", an_override(decision))

    assert (without_scope.status_code, without_scope.json()["code"]) == (403, "scope_missing")
    assert (without_key.status_code, without_key.json()["code"]) == (400, "idempotency_key_missing")


async def test_of_another_area_or_of_none_the_decision_is_not_found(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    other: dict[str, Any] = {
        "official_id": "tampere:u-1",
        "role": "decider",
        "municipality_code": "837",
    }

    elsewhere = await ask(area(ledger, "cs-tampere"), an_override(decision, acting_official=other))
    unknown = await ask(area(ledger), an_override({"decision_id": NOBODY}))

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "decision_not_found")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "decision_not_found")


async def test_what_was_not_refused_for_money_gets_no_override(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=COST)
    reserved = await decided(sender(ledger), a_decision(1))
    own_post = await decided(sender(ledger), a_decision(2, service_code="50"))
    no_account = await decided(sender(ledger), training(3))
    await acted(sender(ledger), reserved, "refuse")

    answers = [
        await ask(area(ledger), an_override(one)) for one in (reserved, own_post, no_account)
    ]

    assert [one.json()["code"] for one in answers] == ["override_not_possible"] * 3
    assert {one.status_code for one in answers} == {409}
    assert [one.json()["facts"]["reason"] for one in answers] == [
        "not_refused",
        "refused_otherwise",
        "no_account",
    ]


async def test_a_change_gets_no_override_and_the_difference_as_a_decision_does(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    made = await decided(sender(ledger), training(1))
    change = changed(training(1), unit_cost_cents=310_001)
    assert (await acted(sender(ledger), made, "change", **change))["outcome"] == "refused"
    further = await decided(sender(ledger), training(2, unit_cost_cents=1))

    of_change = await ask(area(ledger), an_override(made, amount_cents=1))
    of_further = await ask(area(ledger), an_override(further, amount_cents=1))

    problem = of_change.json()
    assert (problem["code"], problem["facts"]["reason"]) == ("override_not_possible", "not_refused")
    assert (of_change.status_code, of_further.status_code) == (409, 201)


async def test_persons_are_no_matter_of_an_override(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=COST, persons=0, binds_persons=True)
    made = await decided(sender(ledger), a_decision())

    answer = await ask(area(ledger), an_override(made))

    assert made["reasons"][0]["limit"] == "persons"
    assert answer.json()["facts"]["reason"] == "refused_otherwise"


async def test_one_is_asked_for_a_decision_at_a_time(
    ledger: Ledger, ledger_database: TestDatabase
) -> None:
    decision = await a_short_one(ledger)
    async with running_ledger(ledger_database) as other:
        answers = await asyncio.gather(
            ask(area(ledger), an_override(decision)), ask(area(other), an_override(decision))
        )

    assert sorted(one.status_code for one in answers) == [201, 409]
    [refused] = [one.json() for one in answers if one.status_code == 409]
    assert refused["code"] == "override_already_asked"
    assert await told_of(ledger) == ["override.asked"]


async def test_the_same_asked_again_answers_as_the_first(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)
    body = an_override(decision)

    first = await ask(area(ledger), body, key="once")
    again = await ask(area(ledger), body, key="once")
    other = await ask(area(ledger), {**body, "amount_cents": 1}, key="once")

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await ledger.count("overrides") == 1


async def test_asking_raises_nothing_and_area_and_centre_hear_of_it(ledger: Ledger) -> None:
    decision = await a_short_one(ledger)

    made = await asked(ledger, decision)

    assert await limits_of(ledger) == (FREE, 0, 0, 0)
    assert (made["state"], made["cents"]) == ("asked", LACKING)
    for recipient in ("ely-14", "cs-sotkamo", "cs-kajaani"):
        assert await told_of(ledger, recipient) == ["override.asked"]
    again = await send(sender(ledger), a_decision())
    assert again.json()["outcome"] == "refused"
