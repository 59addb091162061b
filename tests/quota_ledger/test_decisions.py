import asyncio
from datetime import date

import pytest

from kuntavayla.events import Channel
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
from tests.quota_ledger.responsibles import CLIENT, OTHER_CLIENT, responsible
from tests.quota_ledger.service import Ledger
from tests.served import Json

GRANTED = 161_200_000
SOTKAMO = {"business_id": "0189766-5", "kind": "municipality", "name": "Esimerkki"}
CONTROLLED = {"business_id": "9900777-0", "kind": "company", "name": "Esimerkki Oy"}
MONTHS_OF_10 = [f"2021-{month:02}" for month in range(9, 13)] + [
    f"2022-{month:02}" for month in range(1, 7)
]

CALCULATED: Json = {
    "rate_per_mille": 400,
    "months_max": 12,
    "cap_cents_per_month": 140_000,
    "cents_per_month": 106_000,
    "holiday_pay_cents": 50_000,
    "total_cents": COST,
    "rule_rows": ["pay_subsidy/2021/unemployed-12-of-14", "pay_subsidy/2021/company-cap"],
    "booking_policy": "commitment_year",
    "months": [
        {
            "month": month,
            "cents": 156_000 if month == "2022-06" else 106_000,
            "budget_year_charged": 2021,
        }
        for month in MONTHS_OF_10
    ],
}


async def test_the_agreed_pay_subsidy_is_answered_to_the_letter(ledger: Ledger) -> None:
    ledger.clock.pass_days(-1)
    await know_clients(ledger)
    await give(ledger, cents=GRANTED)

    answer = await send(sender(ledger), a_decision())

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/quota/v1/decisions/{made['decision_id']}"
    assert made == {
        "decision_id": made["decision_id"],
        "municipal_id": "SOT-PS-2021-0044",
        "outcome": "reserved",
        "state": "reserved",
        "reservation": {
            "reservation_id": made["reservation"]["reservation_id"],
            "cents": COST,
            "persons": 1,
            "expires_at": "2021-10-22T20:59:59Z",
        },
        "calculation": CALCULATED,
        "competence": {"is_competent": True, "rule": "Q1", "is_own_post": False},
        "available_after": {"cents": 160_090_000, "persons": 154},
    }
    assert await faults_of(ledger) == []


async def test_the_agreed_start_up_grant_is_answered_to_the_letter(ledger: Ledger) -> None:
    await ledger.learn(
        responsible(client_id=OTHER_CLIENT, municipality_code="205", case_system_id="cs-kajaani")
    )
    await give(ledger, cents=GRANTED, instrument="START_UP_GRANT")

    made = await decided(sender(ledger, "cs-kajaani"), START_UP_GRANT)

    months = [
        (month["month"], month["days"], month["cents"]) for month in made["calculation"]["months"]
    ]
    assert made["reservation"]["cents"] == made["calculation"]["total_cents"] == 435_762
    assert made["reservation"]["expires_at"] == "2021-10-23T20:59:59Z"
    assert made["calculation"]["rule_rows"] == ["start_up_grant/2021-01-01/daily"]
    assert (made["calculation"]["is_estimate"], made["calculation"]["days_max"]) == (True, 129)
    assert months == [
        ("2021-09", 22, 74_316),
        ("2021-10", 21, 70_938),
        ("2021-11", 22, 74_316),
        ("2021-12", 23, 77_694),
        ("2022-01", 21, 70_938),
        ("2022-02", 20, 67_560),
    ]


async def test_a_reservation_that_has_ended_is_no_news_to_wait_for(ledger: Ledger) -> None:
    ledger.clock.pass_days(-1)
    await know_clients(ledger)
    await give(ledger, cents=COST + 730_000)
    await decided(sender(ledger), a_decision(1))
    await ledger.execute("UPDATE decisions SET expires_at = '2021-08-01T20:59:59Z'")

    made = await decided(sender(ledger), a_decision(2))

    [reason] = made["reasons"]
    assert reason["open_reservations"] == {"count": 0, "cents": 0}
    assert "next_expiry_at" not in reason


async def test_a_decision_that_does_not_fit_says_what_is_free_and_when_more_may_be(
    ledger: Ledger,
) -> None:
    ledger.clock.pass_days(-1)
    await know_clients(ledger)
    await give(ledger, cents=COST + 730_000)
    await decided(sender(ledger), a_decision(1))

    made = await decided(sender(ledger), a_decision(2))

    assert made == {
        "decision_id": made["decision_id"],
        "outcome": "refused",
        "state": "refused",
        "reasons": [
            {
                "code": "allocation_exhausted",
                "limit": "cents",
                "needed_cents": COST,
                "available_cents": 730_000,
                "open_reservations": {"count": 1, "cents": COST},
                "next_expiry_at": "2021-10-22T20:59:59Z",
            }
        ],
        "next": {"wait_for": "decision.released", "exception": "/quota/v1/overrides"},
    }
    assert await ledger.count("decisions") == 2
    assert await faults_of(ledger) == []


async def test_what_is_refused_leaves_room_for_a_smaller_one_behind_it(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=500_000, instrument="TRAINING")
    caller = sender(ledger)

    large = await decided(caller, training(1, cents=500_001))
    small = await decided(caller, training(2, cents=500_000))

    assert (large["outcome"], small["outcome"]) == ("refused", "reserved")
    assert small["available_after"]["cents"] == 0


async def test_without_any_account_nothing_is_free(ledger: Ledger) -> None:
    await know_clients(ledger)

    made = await decided(sender(ledger), a_decision())

    [reason] = made["reasons"]
    assert (reason["needed_cents"], reason["available_cents"]) == (COST, 0)
    assert reason["open_reservations"] == {"count": 0, "cents": 0}
    assert "next_expiry_at" not in reason


@pytest.mark.parametrize(
    ("changes", "matched_on"),
    [
        ({"service_code": "50"}, "service_code"),
        ({"employer": SOTKAMO}, "employer.business_id"),
        ({"employer": CONTROLLED}, "employer.business_id"),
    ],
)
async def test_a_post_of_the_municipality_is_for_the_te_office(
    ledger: Ledger, changes: Json, matched_on: str
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED)

    made = await decided(sender(ledger), a_decision(**changes))

    assert made == {
        "decision_id": made["decision_id"],
        "outcome": "not_competent",
        "state": "refused",
        "reasons": [
            {
                "code": "own_post",
                "rule": "Q2",
                "competent_authority": "te_office",
                "te_office_code": "te-kainuu",
                "matched_on": matched_on,
            }
        ],
    }
    assert await ledger.count("entries") == 1


async def test_who_is_not_responsible_on_the_day_is_not_competent(ledger: Ledger) -> None:
    await ledger.learn(responsible(valid_to=date(2021, 8, 22)))
    await give(ledger, cents=GRANTED)

    made = await decided(sender(ledger), a_decision())

    [reason] = made["reasons"]
    assert (made["outcome"], reason["code"], reason["rule"]) == (
        "not_competent",
        "responsible_other",
        "Q1",
    )
    assert await ledger.count("decision_draws") == 0


async def test_an_unknown_client_is_asked_again_and_nothing_is_booked(ledger: Ledger) -> None:
    await give(ledger, cents=GRANTED)

    refused = await send(sender(ledger), a_decision(), key="k-1")
    await know_clients(ledger)
    taken = await send(sender(ledger), a_decision(), key="k-1")

    assert (refused.status_code, refused.json()["code"]) == (409, "client_not_known")
    assert int(refused.headers["Retry-After"]) > 0
    assert (taken.status_code, taken.json()["outcome"]) == (201, "reserved")
    assert await ledger.count("decisions") == 1
    lines = await ledger.fetch(
        "SELECT outcome, client_id FROM audit WHERE action = 'decision.made' ORDER BY audit_id"
    )
    assert [(row["outcome"], str(row["client_id"] or "")) for row in lines] == [
        ("client_not_known", ""),
        ("reserved", CLIENT),
    ]


async def test_a_decision_its_entries_and_its_event_come_together(ledger: Ledger) -> None:
    ledger.clock.pass_days(-1)
    await know_clients(ledger)
    account_id = await give(ledger, cents=GRANTED)

    made = await decided(sender(ledger), a_decision())

    [(channel, kind, data)] = await ledger.outbox("cs-sotkamo")
    [row] = await ledger.fetch("SELECT body FROM outbox")
    assert (channel, kind) == ("common", "decision.reserved")
    assert data == {
        "decision_id": made["decision_id"],
        "client_id": CLIENT,
        "area_code": "kainuu",
        "municipality_code": "765",
        "instrument": "PAY_SUBSIDY",
        "cents": COST,
        "account_ids": [account_id],
        "budget_years": [2021],
        "account_cents": [COST],
        "expires_at": "2021-10-22T20:59:59Z",
    }
    assert b"Esimerkki" not in bytes(row["body"])


async def test_a_client_with_a_ban_is_told_of_on_the_restricted_feed_alone(
    ledger: Ledger,
) -> None:
    await ledger.learn(responsible(is_restricted=True))
    await give(ledger, cents=COST)
    caller = sender(ledger)

    made = await decided(caller, a_decision(1))
    await decided(caller, a_decision(2))

    told = [
        (channel, kind)
        for channel, kind, _ in await ledger.outbox("cs-sotkamo")
        if kind.startswith("decision.")
    ]
    assert told == [
        (Channel.RESTRICTED, "decision.reserved"),
        (Channel.RESTRICTED, "decision.refused"),
    ]
    path = f"/decisions/{made['decision_id']}"
    assert (await caller.get(path)).status_code == 404
    assert (await caller.get("/decisions")).json()["items"] == []
    allowed = sender(ledger, "cs-sotkamo", "events.restricted")
    assert (await allowed.get(path)).status_code == 200


async def test_a_threshold_is_told_to_the_area_by_the_decision_that_reaches_it(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=COST)

    made = await decided(sender(ledger), a_decision())

    [(_, kind, data)] = await ledger.outbox("ely-14")
    assert (kind, data["threshold_per_cent"], data["available_cents"]) == (
        "quota.threshold_reached",
        100,
        0,
    )
    [row] = await ledger.fetch("SELECT body FROM outbox WHERE recipient = 'ely-14'")
    assert made["decision_id"].encode() in bytes(row["body"])


async def test_a_repeat_by_key_or_municipal_id_answers_as_the_first(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED)
    caller = sender(ledger)
    first = await send(caller, a_decision(), key="k-1")
    refused = await send(caller, training(9), key="k-9")

    for answer in (
        await send(caller, a_decision(), key="k-1"),
        await send(caller, a_decision(), key="k-2"),
    ):
        assert (answer.status_code, answer.json()) == (201, first.json())
        assert answer.headers["Idempotent-Replayed"] == "true"
    again = await send(caller, training(9), key="k-10")
    assert (again.json(), refused.json()["outcome"]) == (refused.json(), "refused")
    assert await ledger.count("decisions") == 2
    assert await ledger.count("entries") == 2


@pytest.mark.parametrize("key", ["k-1", "k-2"])
async def test_other_content_under_a_key_or_municipal_id_is_refused(
    ledger: Ledger, key: str
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED)
    await send(sender(ledger), a_decision(), key="k-1")

    answer = await send(sender(ledger), a_decision(service_code="69"), key=key)

    expected = {
        "k-1": (422, "idempotency_key_reused"),
        "k-2": (409, "municipal_id_reused"),
    }[key]
    assert (answer.status_code, answer.json()["code"]) == expected
    assert await ledger.count("decisions") == 1


async def test_the_same_municipal_id_of_another_organisation_is_another_decision(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await ledger.learn(
        responsible(client_id=OTHER_CLIENT, municipality_code="205", case_system_id="cs-kajaani")
    )
    await give(ledger, cents=GRANTED, instrument="TRAINING")
    kajaani = {
        "client_id": OTHER_CLIENT,
        "municipality_code": "205",
        "acting_official": START_UP_GRANT["acting_official"],
    }

    await decided(sender(ledger), training(1))
    await decided(sender(ledger, "cs-kajaani"), training(1, **kajaani))

    assert await ledger.count("decisions") == 2


async def test_the_same_municipal_id_twice_at_once_is_one_decision(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=GRANTED)

    answers = await asyncio.gather(*(send(sender(ledger), a_decision()) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["decision_id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5
    assert await ledger.count("entries") == 2
    assert await faults_of(ledger) == []
