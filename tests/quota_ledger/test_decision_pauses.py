"""What ends or stops before its time costs the part that was kept; what goes on leaves a gap."""

from datetime import UTC, datetime
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
    training,
)
from tests.quota_ledger.paid import a_granted, a_payment, report
from tests.quota_ledger.responsibles import OTHER_CLIENT, responsible
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json

MONTH = 106_000
NOVEMBER = datetime(2021, 11, 1, 8, tzinfo=UTC)
KAJAANI: Json = START_UP_GRANT["acting_official"]


async def read_again(caller: Caller, decision: Json) -> Json:
    """Return a decision as it is read, calculated again."""
    path = f"/decisions/{decision['decision_id']}"
    read: Json = (await caller.get(path, params={"recompute": "true"})).json()
    return read


async def an_interrupted(ledger: Ledger) -> Json:
    """Return the agreed pay subsidy, paid and stopped behind September; it is November."""
    decision: Json = {"decision_id": await a_granted(ledger)}
    await report(ledger, a_payment(decision["decision_id"]))
    ledger.clock.now = NOVEMBER
    stopped = await acted(sender(ledger), decision, "interrupt", version=2, last_on="2021-09-30")
    # September, and 30 of 303 days' holiday pay: 50,000 * 30 / 303 = 4,950.495.
    assert stopped["committed_cents"] == MONTH + 4_950
    return decision


def months_of(verdict: Json) -> list[str]:
    return [one["month"] for one in verdict["calculation"]["months"]]


@pytest.mark.parametrize(
    "period",
    [
        {},
        {"pauses": [{"starts_on": "2021-10-01", "ends_on": "2021-10-31"}]},
    ],
    ids=["by its day", "by the days named"],
)
async def test_the_days_between_are_not_paid_when_it_goes_on(
    ledger: Ledger, period: dict[str, Any]
) -> None:
    decision = await an_interrupted(ledger)
    body = a_decision(decided_on="2021-11-01")

    verdict = await acted(
        sender(ledger),
        decision,
        "change",
        version=3,
        **changed({**body, "period": {**body["period"], **period}}),
    )

    assert (verdict["state"], verdict["committed_cents"]) == ("granted", COST - MONTH)
    assert months_of(verdict) == [
        "2021-09",
        *(f"2021-{month}" for month in (11, 12)),
        *(f"2022-0{month}" for month in range(1, 7)),
    ]
    read = await read_again(sender(ledger), decision)
    assert (read["recomputed"]["is_equal"], read["ends_on"]) == (True, "2022-06-30")
    assert await faults_of(ledger) == []


async def test_a_part_of_a_month_is_paid_by_the_days_outside_the_pause(ledger: Ledger) -> None:
    decision = await an_interrupted(ledger)

    verdict = await acted(
        sender(ledger),
        decision,
        "change",
        version=3,
        **changed(a_decision(), decided_on="2021-10-11"),
    )

    october = verdict["calculation"]["months"][1]
    # 21 of 31 days of 1,060: 71,806.45.
    assert (october["month"], october["cents"]) == ("2021-10", 71_806)
    assert verdict["committed_cents"] == COST - MONTH + 71_806


async def test_a_pause_stays_whatever_changes_later(ledger: Ledger) -> None:
    decision = await an_interrupted(ledger)
    caller, body = sender(ledger), a_decision(decided_on="2021-11-01")
    await acted(caller, decision, "change", version=3, **changed(body))

    shorter = {"starts_on": "2021-09-01", "ends_on": "2022-05-31"}
    less = await acted(caller, decision, "change", version=4, **changed(body, period=shorter))
    ended = await acted(caller, decision, "end", version=5, last_on="2021-12-31")

    assert less["committed_cents"] == COST - 2 * MONTH
    # Three months; of 242 planned days 91 are kept: 50,000 * 91 / 242 = 18,801.65.
    assert ended["committed_cents"] == 3 * MONTH + 18_802
    assert months_of(ended) == ["2021-09", "2021-11", "2021-12"]
    assert (await read_again(caller, decision))["recomputed"]["is_equal"] is True


async def test_a_start_up_grant_leaves_out_the_days_between(ledger: Ledger) -> None:
    await ledger.learn(
        responsible(client_id=OTHER_CLIENT, municipality_code="205", case_system_id="cs-kajaani")
    )
    await give(ledger, cents=5_000_000, instrument="START_UP_GRANT")
    caller = sender(ledger, "cs-kajaani")
    made = await decided(caller, START_UP_GRANT)
    await acted(caller, made, "grant", acting_official=KAJAANI)
    ledger.clock.now = NOVEMBER
    stop = {"last_on": "2021-09-30", "acting_official": KAJAANI}
    await acted(caller, made, "interrupt", version=2, **stop)

    verdict = await acted(
        caller,
        made,
        "change",
        version=3,
        acting_official=KAJAANI,
        **changed(START_UP_GRANT, decided_on="2021-11-01"),
    )

    by_month = {one["month"]: one["cents"] for one in made["calculation"]["months"]}
    october = by_month.pop("2021-10")
    assert verdict["committed_cents"] == made["calculation"]["total_cents"] - october
    assert months_of(verdict) == [*by_month]
    assert (await read_again(caller, made))["recomputed"]["is_equal"] is True


async def test_a_first_day_behind_the_interruption_is_refused(ledger: Ledger) -> None:
    decision = await an_interrupted(ledger)
    period = {"starts_on": "2021-11-01", "ends_on": "2022-06-30"}

    answer = await act(
        sender(ledger), decision, "change", version=3, **changed(a_decision(), period=period)
    )

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (
        "/decision/period/starts_on",
        "behind_interruption",
    )


@pytest.mark.parametrize(
    ("period", "pointer", "code"),
    [
        (
            {"pauses": [{"starts_on": "2021-10-02", "ends_on": "2021-10-01"}]},
            "/period/pauses/0/ends_on",
            "day_before_another",
        ),
        (
            {"pauses": [{"starts_on": "2021-09-01", "ends_on": "2021-09-02"}]},
            "/period/pauses/0/starts_on",
            "not_in_order",
        ),
        (
            {
                "pauses": [
                    {"starts_on": "2021-10-01", "ends_on": "2021-10-05"},
                    {"starts_on": "2021-10-05", "ends_on": "2021-10-08"},
                ]
            },
            "/period/pauses/1/starts_on",
            "not_in_order",
        ),
        (
            {"pauses": [{"starts_on": "2022-06-30", "ends_on": "2022-07-01"}]},
            "/period/pauses/0/ends_on",
            "outside_period",
        ),
        ({"planned_ends_on": "2022-06-29"}, "/period/planned_ends_on", "day_before_another"),
    ],
)
async def test_pauses_that_can_not_be_are_named(
    refusing: Ledger, period: dict[str, Any], pointer: str, *, code: str
) -> None:
    body = a_decision()

    answer = await send(sender(refusing), {**body, "period": {**body["period"], **period}})

    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]


async def test_holiday_pay_is_earned_day_by_day(ledger: Ledger) -> None:
    decision: Json = {"decision_id": await a_granted(ledger)}

    verdict = await acted(sender(ledger), decision, "end", version=2, last_on="2021-09-01")

    # A day of September, 3,533.33, and a day of 303 of holiday pay, 165.02.
    assert verdict["committed_cents"] == 3_533 + 165
    assert verdict["calculation"]["holiday_pay_cents"] == 165


@pytest.mark.parametrize(
    ("action", "last_on", "cents"),
    [
        # 1, 38 and 75 of 75 days of 3,100.
        ("end", "2021-10-04", 4_133),
        ("interrupt", "2021-11-10", 157_067),
        ("end", "2021-12-17", 310_000),
    ],
)
async def test_places_that_end_earlier_cost_the_days_kept(
    ledger: Ledger, action: str, last_on: str, *, cents: int
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=5_000_000, instrument="TRAINING")
    caller = sender(ledger)
    made = await decided(caller, training())
    await acted(caller, made, "grant")

    verdict = await acted(caller, made, action, version=2, last_on=last_on)

    assert (verdict["committed_cents"], verdict["released_cents"]) == (cents, 310_000 - cents)
    assert sum(one["cents"] for one in verdict["calculation"]["months"]) == cents
    assert (await read_again(caller, made))["recomputed"]["is_equal"] is True
    assert await faults_of(ledger) == []


async def test_what_is_ended_after_an_interruption_keeps_its_plan(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=5_000_000, instrument="TRAINING")
    caller = sender(ledger)
    made = await decided(caller, training())
    await acted(caller, made, "grant")
    await acted(caller, made, "interrupt", version=2, last_on="2021-11-10")

    ended = await acted(caller, made, "end", version=3, last_on="2021-10-04")

    assert ended["committed_cents"] == 4_133


async def test_what_has_ended_is_ended_for_good(ledger: Ledger) -> None:
    decision: Json = {"decision_id": await a_granted(ledger)}
    await acted(sender(ledger), decision, "end", version=2)

    answers = [
        await act(sender(ledger), decision, "end", version=3, last_on="2021-11-30"),
        await act(sender(ledger), decision, "change", version=3, **changed(a_decision())),
    ]

    assert {(one.status_code, one.json()["code"]) for one in answers} == {
        (409, "decision_state_refuses")
    }
