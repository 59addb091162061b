"""Decisions that nobody takes in: who may not send them, and what can not be one."""

from typing import Any

import pytest

from tests.quota_ledger.decided import (
    OFFICIAL,
    a_decision,
    client_id,
    give,
    know_clients,
    send,
    send_lines,
    sender,
    training,
)
from tests.quota_ledger.service import Ledger
from tests.served import Json


def with_official(**changes: str) -> Json:
    return a_decision(acting_official={**OFFICIAL, **changes})


async def test_a_caseworker_sees_what_a_decision_would_be(ledger: Ledger) -> None:
    await give(ledger, cents=10_000_000)
    await know_clients(ledger)

    answer = await sender(ledger).post("/decisions:preview", with_official(role="caseworker"))

    assert (answer.status_code, answer.json()["outcome"]) == (200, "reserved")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (with_official(municipality_code="205"), (403, "municipality_not_served")),
        (a_decision(acting_official=None), (400, "acting_official_missing")),
    ],
)
async def test_a_preview_needs_an_official_of_the_caller(
    refusing: Ledger, body: Json, refusal: tuple[int, str]
) -> None:
    answer = await sender(refusing).post("/decisions:preview", body)

    assert (answer.status_code, answer.json()["code"]) == refusal


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (with_official(role="caseworker"), (403, "official_role_refused")),
        (with_official(role="import"), (403, "official_role_refused")),
        (with_official(municipality_code="205"), (403, "municipality_not_served")),
        (a_decision(acting_official=None), (400, "acting_official_missing")),
        (a_decision(municipality_code="205"), (403, "municipality_not_served")),
    ],
)
async def test_who_may_not_decide_is_refused(
    refusing: Ledger, body: Json, refusal: tuple[int, str]
) -> None:
    answer = await send(sender(refusing), body)

    assert (answer.status_code, answer.json()["code"]) == refusal
    assert await refusing.count("decisions") == 0


@pytest.mark.parametrize("organisation", ["ely-14", "keha", "operator", "te-kainuu", "auditor"])
@pytest.mark.parametrize("path", ["/decisions", "/decisions:bulk", "/decisions:preview"])
async def test_only_a_case_system_decides(refusing: Ledger, organisation: str, path: str) -> None:
    caller = sender(refusing, organisation)

    answer = await caller.post(path, a_decision(), headers={"Idempotency-Key": "k-1"})

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unit_cost_cents": 0}, ("/unit_cost_cents", None)),
        ({"unit_cost_cents": -1}, ("/unit_cost_cents", None)),
        ({"unit_cost_cents": 10**17}, ("/unit_cost_cents", None)),
        ({"places": 0}, ("/places", None)),
        ({"area_code": "atlantis"}, ("/area_code", "area_unknown")),
        ({"area_code": "espoo"}, ("/municipality_code", "municipality_outside_area")),
        ({"budget_year": 2023}, ("/budget_year", "year_not_open")),
        ({"service_code": "60"}, ("/service_code", "instrument_differs")),
        (
            {"period": {"starts_on": "2021-12-17", "ends_on": "2021-10-04"}},
            ("/period/ends_on", "day_before_another"),
        ),
        ({"decided_on": "2021-08-25"}, ("/decided_on", "in_future")),
        ({"instrument": "LOAN"}, ("/instrument", None)),
        ({"client_id": "jaana"}, ("/client_id", None)),
        ({"municipal_id": "131052-308T"}, ("/municipal_id", None)),
    ],
)
async def test_what_can_not_be_a_decision_is_refused_with_its_place(
    refusing: Ledger, changes: dict[str, Any], fault: tuple[str, str | None]
) -> None:
    pointer, code = fault

    answer = await send(sender(refusing), training(1, **changes))

    assert answer.status_code == 422, answer.text
    faults = {one["pointer"]: one["code"] for one in answer.json()["errors"]}
    assert pointer in faults
    assert code in (None, faults[pointer])
    assert await refusing.count("decisions") == 0


async def test_a_decision_needs_a_key(refusing: Ledger) -> None:
    answer = await sender(refusing).post("/decisions", a_decision())

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_line_is_refused_by_itself(ledger: Ledger) -> None:
    await know_clients(ledger)
    caseworker = {**OFFICIAL, "role": "caseworker"}

    lines = await send_lines(
        sender(ledger),
        [
            training(1),
            training(2, places=0),
            training(3, client_id=client_id(3)),
            training(4, acting_official=caseworker),
            training(1),
            training(1, unit_cost_cents=1),
        ],
    )

    *answered, end = lines
    assert [line["status"] for line in answered] == [201, 422, 409, 403, 201, 409]
    assert [line.get("problem", {}).get("code") for line in answered] == [
        None,
        "invalid_content",
        "client_not_known",
        "official_role_refused",
        None,
        "municipal_id_reused",
    ]
    assert answered[4]["replayed"]
    assert end["summary"] == {"lines": 6, "created": 1, "replayed": 1, "failed": 4}
    assert await ledger.count("decisions") == 1
