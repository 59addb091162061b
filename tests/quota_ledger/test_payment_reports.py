import asyncio

import pytest

from tests.quota_ledger.decided import (
    COST,
    client_id,
    give,
    know_clients,
)
from tests.quota_ledger.paid import (
    PAYDAY,
    UNKNOWN,
    a_granted,
    a_payment,
    committed,
    keha,
    proved,
    report,
    report_lines,
)
from tests.quota_ledger.service import Ledger, another_key
from tests.served import Json


async def test_a_payer_reference_is_booked_once(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    payment = a_payment(decision_id)

    first = await report(ledger, payment, payment)
    again = await report(ledger, payment)
    other = await report(ledger, {**payment, "amount_cents": 106_001})

    assert first["items"][0] == first["items"][1] == again["items"][0]
    assert other["items"][0]["problem"]["code"] == "payer_reference_reused"
    assert other["items"][0]["problem"]["status"] == 409
    assert await ledger.count("payments") == 1
    assert await proved(ledger)


async def test_a_report_is_answered_again_under_its_key(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    body = {"report_id": "KEHA-1", "items": [a_payment(decision_id)]}
    headers = {"Idempotency-Key": "report-1"}

    first = await keha(ledger).post("/payments", body, headers=headers)
    again = await keha(ledger).post("/payments", body, headers=headers)
    other = await keha(ledger).post("/payments", {**body, "report_id": "KEHA-2"}, headers=headers)
    without = await keha(ledger).post("/payments", body)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    assert await ledger.count("payments") == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount_cents": 0}, "/amount_cents", "amount_zero"),
        ({"amount_cents": -1}, "/amount_cents", "sign_of_kind"),
        ({"kind": "recovery"}, "/amount_cents", "sign_of_kind"),
        ({"month": "2021-13"}, "/month", "month_malformed"),
        ({"month": "202109"}, "/month", "month_malformed"),
        ({"paid_on": "2021-10-16"}, "/paid_on", "day_in_future"),
        ({"paid_on": "2020-12-31"}, "/paid_on", "day_outside_years"),
        ({"paid_on": "1900-01-01"}, "/paid_on", "day_outside_years"),
        ({"payer_reference": "240587-921N"}, "/payer_reference", "reference_holds_identity_code"),
    ],
    ids=str,
)
async def test_a_bad_item_is_refused_by_itself(
    ledger: Ledger, changes: Json, *, pointer: str, code: str
) -> None:
    decision_id = await a_granted(ledger)

    answer = await report(ledger, a_payment(decision_id, 1, **changes), a_payment(decision_id, 2))

    bad, good = answer["items"]
    [fault] = bad["problem"]["errors"]
    assert (fault["pointer"], fault["code"], good["result"]) == (pointer, code, "booked")
    assert await ledger.count("payments") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"report_id": "K", "items": []},
        {"report_id": "K", "items": [a_payment(UNKNOWN, number) for number in range(1_001)]},
        {"report_id": "K", "items": [a_payment("12")]},
        {"report_id": "K", "items": [{**a_payment(UNKNOWN), "client": "x"}]},
        {"report_id": "", "items": [a_payment(UNKNOWN)]},
        {"report_id": "K", "items": [a_payment(UNKNOWN, amount_cents=100_000_000_001)]},
    ],
    ids=["no item", "too many", "no id", "unknown member", "no report", "huge"],
)
async def test_a_bad_report_is_refused_whole(refusing: Ledger, body: Json) -> None:
    headers = {"Idempotency-Key": another_key()}
    answer = await keha(refusing).post("/payments", body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")


async def test_lines_are_booked_and_refused_one_by_one(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    lines = [
        a_payment(decision_id, 1),
        a_payment(UNKNOWN, 2),
        a_payment(decision_id, 3, amount_cents=0),
        {"payer_reference": "K"},
        a_payment(decision_id, 1),
    ]

    *answered, end = await report_lines(ledger, lines)

    assert [one["status"] for one in answered] == [201, 409, 422, 422, 201]
    assert answered[0]["result"]["commitment_left_cents"] == COST - 106_000
    assert (answered[4]["replayed"], answered[1]["problem"]["code"]) == (True, "decision_unknown")
    assert end == {"summary": {"lines": 5, "created": 1, "replayed": 1, "failed": 3}}
    assert await proved(ledger)


async def test_payments_are_shown_to_those_whose_area_it_is(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id))

    seen = {
        name: len((await keha(ledger, name).get("/payments")).json()["items"])
        for name in ("keha", "operator", "cs-sotkamo", "cs-helsinki")
    }
    others = await keha(ledger, "te-kainuu").get("/payments")

    assert seen == {"keha": 1, "operator": 1, "cs-sotkamo": 1, "cs-helsinki": 0}
    assert others.status_code == 403


@pytest.mark.parametrize("organisation", ["cs-sotkamo", "ely-14", "operator"])
async def test_only_keha_reports_payments(refusing: Ledger, organisation: str) -> None:
    headers = {"Idempotency-Key": another_key()}
    body = {"report_id": "K", "items": [a_payment(UNKNOWN)]}

    answer = await keha(refusing, organisation).post("/payments", body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


async def test_reports_at_the_same_time_book_each_reference_once_and_add_up(
    ledger: Ledger,
) -> None:
    await give(ledger, cents=100_000_000)
    clients = [client_id(number) for number in range(3)]
    await know_clients(ledger, *clients)
    decisions = [
        await committed(ledger, number, client_id=client) for number, client in enumerate(clients)
    ]
    ledger.clock.now = PAYDAY
    items = [a_payment(decisions[number % 3], number) for number in range(12)]

    await asyncio.gather(*(report(ledger, *items[:: 1 if odd else -1]) for odd in (0, 1, 0, 1)))

    [account] = await ledger.fetch("SELECT paid_cents FROM accounts")
    assert account["paid_cents"] == 12 * 106_000
    assert await ledger.count("payments") == 12
    told = [kind for _, kind, _ in await ledger.outbox()]
    assert told.count("payment.booked") == 12
    assert await proved(ledger)
