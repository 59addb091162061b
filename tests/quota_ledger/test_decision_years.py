"""Decisions and changes on the borders of years: examined, calculated, drawn by their own day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.quota_ledger.acts import act, acted, changed
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    COST,
    START_UP_GRANT,
    a_decision,
    decided,
    give,
    know_clients,
    send,
    sender,
)
from tests.quota_ledger.paid import a_granted
from tests.quota_ledger.responsibles import OTHER_CLIENT, responsible
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json

KAJAANI: Json = START_UP_GRANT["acting_official"]
RATES_OF_2021, RATES_OF_2022 = 437_710, 438_714
"""What the agreed start-up grant costs by the rates known in 2021, and by those of 2022."""


async def a_start_up_grant(ledger: Ledger) -> tuple[Caller, Json]:
    """Return the agreed start-up grant, granted in 2021; it is the first of February 2022."""
    told = responsible(client_id=OTHER_CLIENT, municipality_code="205", case_system_id="cs-kajaani")
    await ledger.learn(told)
    for year in (2021, 2022):
        await give(ledger, cents=5_000_000, instrument="START_UP_GRANT", year=year)
    caller = sender(ledger, "cs-kajaani")
    made = await decided(caller, START_UP_GRANT)
    await acted(caller, made, "grant", acting_official=KAJAANI)
    ledger.clock.now = datetime(2022, 2, 1, 8, tzinfo=UTC)
    return caller, made


@pytest.mark.parametrize("day", ["2022-01-31", None], ids=["its own day", "the day it comes"])
async def test_a_change_is_calculated_and_recomputed_by_its_own_day(
    ledger: Ledger, day: str | None
) -> None:
    caller, made = await a_start_up_grant(ledger)

    verdict = await acted(
        caller,
        made,
        "change",
        version=2,
        acting_official=KAJAANI,
        **changed(START_UP_GRANT, decided_on=day),
    )

    path = f"/decisions/{made['decision_id']}"
    read = (await caller.get(path, params={"recompute": "true"})).json()
    assert made["calculation"]["total_cents"] != verdict["calculation"]["total_cents"]
    assert read["recomputed"]["is_equal"] is True
    assert read["recomputed"]["calculation"] == verdict["calculation"]
    [content] = await ledger.fetch("SELECT content ->> 'decided_on' AS day FROM decisions")
    assert content["day"] == (day or "2022-02-01")


async def test_a_calculation_that_comes_out_otherwise_is_said_to_differ(ledger: Ledger) -> None:
    caller, made = await a_start_up_grant(ledger)
    await ledger.execute(
        "UPDATE decisions SET calculation = jsonb_set(calculation::jsonb, '{total_cents}', '1')"
    )

    path = f"/decisions/{made['decision_id']}"
    answer = await caller.get(path, params={"recompute": "true"})

    assert answer.status_code == 200, answer.text
    recomputed = answer.json()["recomputed"]
    assert recomputed["is_equal"] is False
    assert recomputed["calculation"]["total_cents"] == made["calculation"]["total_cents"]


async def test_a_repeat_of_a_change_on_a_later_day_answers_as_the_first(ledger: Ledger) -> None:
    caller, made = await a_start_up_grant(ledger)
    body = changed({k: v for k, v in START_UP_GRANT.items() if k != "decided_on"})

    first = await act(caller, made, "change", version=2, key="k", acting_official=KAJAANI, **body)
    ledger.clock.pass_days(1)
    again = await act(caller, made, "change", version=2, key="k", acting_official=KAJAANI, **body)

    assert (first.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_less_comes_back_in_the_third_year_and_more_is_not_to_be_had(ledger: Ledger) -> None:
    decision: Json = {"decision_id": await a_granted(ledger)}
    ledger.clock.now = datetime(2023, 1, 10, 8, tzinfo=UTC)
    caller, day = sender(ledger), "2023-01-10"
    shorter = {"starts_on": "2021-09-01", "ends_on": "2022-05-31"}

    less = await acted(
        caller,
        decision,
        "change",
        version=2,
        **changed(a_decision(), decided_on=day, period=shorter),
    )
    more = await acted(
        caller, decision, "change", version=3, **changed(a_decision(), decided_on=day)
    )

    assert (less["outcome"], less["released_cents"]) == ("done", 106_000)
    assert (more["outcome"], more["committed_cents"]) == ("refused", COST - 106_000)
    [reason] = more["reasons"]
    assert (reason["needed_cents"], reason["available_cents"]) == (106_000, 0)
    assert await faults_of(ledger) == []


async def test_a_decision_that_comes_late_is_reserved_from_the_day_it_comes(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=5_000_000)
    ledger.clock.now = datetime(2021, 12, 1, 8, tzinfo=UTC)

    made = await decided(sender(ledger), a_decision())

    assert made["reservation"]["expires_at"] == "2022-01-30T21:59:59Z"
    assert (await acted(sender(ledger), made, "grant"))["state"] == "granted"


@pytest.mark.parametrize(
    "now", [datetime(2023, 1, 1, 8, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)]
)
async def test_nothing_is_decided_on_money_whose_time_is_over(
    ledger: Ledger, now: datetime
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=5_000_000)
    ledger.clock.now = now

    answer = await send(sender(ledger), a_decision())

    assert answer.status_code == 422, answer.text
    faults = {(one["pointer"], one["code"]) for one in answer.json()["errors"]}
    assert faults == {("/decided_on", "year_over")}


@pytest.mark.parametrize(
    ("changes", "now", "years"),
    [
        (
            {"period": {"starts_on": "2023-03-01", "ends_on": "2023-12-31"}},
            datetime(2022, 12, 1, 8, tzinfo=UTC),
            {2022},
        ),
        (
            {"period": {"starts_on": "2022-12-01", "ends_on": "2023-09-30"}},
            datetime(2022, 12, 1, 8, tzinfo=UTC),
            {2021, 2022},
        ),
        (
            {"period": {"starts_on": "2022-12-01", "ends_on": "2023-09-30"}},
            datetime(2023, 1, 2, 8, tzinfo=UTC),
            {2022},
        ),
    ],
    ids=["begins behind the older year", "begins in its time", "comes behind it"],
)
async def test_the_older_year_is_drawn_in_its_own_time_alone(
    ledger: Ledger, changes: dict[str, Any], *, now: datetime, years: set[int]
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=600_000, year=2021)
    await give(ledger, cents=6_000_000, year=2022)
    ledger.clock.now = now

    made = await decided(
        sender(ledger), a_decision(decided_on="2022-12-01", budget_year=2022, **changes)
    )

    charged = {month["budget_year_charged"] for month in made["calculation"]["months"]}
    assert (made["outcome"], charged) == ("reserved", years)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"budget_year": 2023}, "/decision/budget_year", "year_not_open"),
        (
            {"period": {"starts_on": "2023-01-01", "ends_on": "2023-10-31"}},
            "/decision/period/starts_on",
            "after_appropriation",
        ),
    ],
)
async def test_a_change_uses_no_money_outside_its_time(
    ledger: Ledger, changes: dict[str, Any], pointer: str, *, code: str
) -> None:
    decision: Json = {"decision_id": await a_granted(ledger)}
    ledger.clock.now = datetime(2022, 3, 1, 8, tzinfo=UTC)
    body = a_decision(decided_on="2022-03-01", **changes)

    answer = await act(sender(ledger), decision, "change", version=2, **changed(body))

    assert answer.status_code == 422, answer.text
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, code)


@pytest.mark.parametrize(
    ("second", "expected"),
    [(-1, (422, "decided_on", None)), (0, (201, None, [2021, 2022]))],
    ids=["a second before midnight", "at midnight"],
)
async def test_the_year_ends_at_midnight_in_helsinki(
    ledger: Ledger, second: int, expected: tuple[int, str | None, list[int] | None]
) -> None:
    await know_clients(ledger)
    for year in (2021, 2022):
        await give(ledger, cents=COST // 2, year=year)
    ledger.clock.now = datetime(2021, 12, 31, 22, tzinfo=UTC) + timedelta(seconds=second)
    body = a_decision(
        decided_on="2022-01-01",
        budget_year=2022,
        period={"starts_on": "2022-02-01", "ends_on": "2022-11-30"},
    )

    answer = await send(sender(ledger), body)

    told = answer.json()
    places = [one["pointer"].strip("/") for one in told.get("errors", [])]
    drawn = await ledger.fetch("SELECT budget_year FROM decision_draws ORDER BY 1")
    found = (answer.status_code, places[0] if places else None, [row[0] for row in drawn] or None)
    assert found == expected, told
