import asyncio
from datetime import UTC, datetime

import pytest

from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    COST,
    a_decision,
    client_id,
    decided,
    give,
    know_clients,
    sender,
)
from tests.quota_ledger.paid import (
    a_payment,
    a_recovery,
    committed,
    keha,
    report,
    report_lines,
)
from tests.quota_ledger.responsibles import responsible
from tests.quota_ledger.service import Ledger, another_key
from tests.served import Json

UNKNOWN = "0177ec61-3ab9-7893-923f-00000000ffff"
PAYDAY = datetime(2021, 10, 15, 6, tzinfo=UTC)


async def a_granted(ledger: Ledger, *, cents: int = 10_000_000) -> str:
    """Return a decision of the agreed example, committed, on the day of its first payment."""
    await give(ledger, cents=cents)
    await know_clients(ledger)
    decision_id = await committed(ledger)
    ledger.clock.now = PAYDAY
    return decision_id


async def proved(ledger: Ledger) -> bool:
    """Say whether the books add up, by the service's own verification too."""
    answer = await ledger.caller("operator", "verifications.read").post("/verifications", b"")
    assert answer.json()["differences"] == []
    return await faults_of(ledger) == []


async def test_a_payment_is_booked_and_leaves_less_of_the_commitment(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    answer = await report(
        ledger,
        a_payment(decision_id, 1),
        a_recovery(decision_id, 2, cents=5_300),
    )

    first, second = answer["items"]
    assert (answer["report_id"], answer["accepted"], answer["rejected"]) == (
        "KEHA-2021-10-15",
        2,
        0,
    )
    assert (first["result"], first["commitment_left_cents"]) == ("booked", COST - 106_000)
    # The commitment left does not grow by a recovery.
    assert (second["result"], second["commitment_left_cents"]) == ("booked", COST - 106_000)
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["paid_cents"], account["committed_cents"]) == (100_700, COST)
    assert account["paid_excess_cents"] == 0
    assert await proved(ledger)


async def test_what_lies_above_the_commitment_is_booked_and_listed(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    answer = await report(ledger, a_payment(decision_id, amount_cents=COST + 700))

    [item] = answer["items"]
    assert (item["commitment_left_cents"], item["excess_cents"]) == (0, 700)
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["paid_cents"], account["paid_excess_cents"]) == (COST + 700, 700)
    query = {"state": "exceeds_commitment"}
    [listed] = (await keha(ledger).get("/payments", params=query)).json()["items"]
    assert (listed["within_cents"], listed["excess_cents"]) == (COST, 700)
    assert await proved(ledger)


async def test_a_recovery_takes_back_the_excess_first(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    await report(
        ledger,
        a_payment(decision_id, 1, amount_cents=COST + 700),
        a_recovery(decision_id, 2, cents=1_000),
    )

    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["paid_cents"], account["paid_excess_cents"]) == (COST - 300, 0)
    items = (await keha(ledger).get("/payments")).json()["items"]
    assert (items[1]["within_cents"], items[1]["excess_cents"]) == (-300, -700)
    assert await proved(ledger)


async def test_no_more_is_recovered_than_was_paid(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)

    answer = await report(
        ledger,
        a_payment(decision_id, 1, amount_cents=500),
        a_recovery(decision_id, 2, cents=501),
        a_recovery(decision_id, 3, cents=500),
        a_recovery(decision_id, 4, cents=1),
    )

    told = [one.get("problem", {}).get("code") for one in answer["items"]]
    assert told == [None, "recovery_above_paid", None, "recovery_above_paid"]
    assert (answer["accepted"], answer["rejected"]) == (2, 2)
    [account] = await ledger.fetch("SELECT paid_cents FROM accounts")
    assert account["paid_cents"] == 0
    assert await proved(ledger)


async def test_a_payment_draws_the_oldest_year_first_and_exceeds_in_the_newest(
    ledger: Ledger,
) -> None:
    older = await give(ledger, cents=100_000, year=2021)
    newer = await give(ledger, cents=10_000_000, year=2022)
    await know_clients(ledger)
    ledger.clock.now = datetime(2022, 1, 10, 6, tzinfo=UTC)
    period = {"starts_on": "2022-02-01", "ends_on": "2022-11-30"}
    decision_id = await committed(ledger, decided_on="2022-01-10", budget_year=2022, period=period)
    [whole] = await ledger.fetch("SELECT sum(committed_cents)::int8 AS cents FROM decision_draws")
    ledger.clock.now = datetime(2022, 3, 15, 6, tzinfo=UTC)
    of_february = {"month": "2022-02", "paid_on": "2022-03-15"}

    await report(
        ledger,
        a_payment(decision_id, 1, amount_cents=100_001, **of_february),
        a_payment(decision_id, 2, amount_cents=whole["cents"], **of_february),
    )

    rows = {
        str(row["account_id"]): (row["paid_cents"], row["paid_excess_cents"])
        for row in await ledger.fetch("SELECT * FROM accounts")
    }
    assert rows == {older: (100_000, 0), newer: (whole["cents"] + 1, 100_001)}
    assert await proved(ledger)


async def test_a_payment_of_an_unknown_decision_is_refused_and_listed(ledger: Ledger) -> None:
    answer = await report(ledger, a_payment(UNKNOWN, paid_on="2021-08-01"))
    again = await report(ledger, a_payment(UNKNOWN, paid_on="2021-08-01"))

    [item] = answer["items"]
    assert (item["result"], item["problem"]["code"]) == ("refused", "decision_unknown")
    assert again == answer
    query = {"state": "refused"}
    [listed] = (await keha(ledger).get("/payments", params=query)).json()["items"]
    assert (listed["payment_id"], listed["refused_code"]) == (
        item["payment_id"],
        "decision_unknown",
    )
    assert await ledger.count("entries") == 0


@pytest.mark.parametrize(
    ("month", "code"),
    [
        ("2021-08", "month_outside_decision"),
        ("2022-07", "month_outside_decision"),
        ("2021-09", None),
        ("2022-06", None),
    ],
)
async def test_a_month_outside_the_decision_is_refused(
    ledger: Ledger, month: str, code: str | None
) -> None:
    decision_id = await a_granted(ledger)

    [item] = (await report(ledger, a_payment(decision_id, month=month)))["items"]

    assert item.get("problem", {}).get("code") == code


async def test_what_was_never_promised_is_booked_as_excess(ledger: Ledger) -> None:
    await give(ledger, cents=1)
    await know_clients(ledger)
    refused = await decided(sender(ledger), a_decision())
    ledger.clock.now = PAYDAY

    [item] = (await report(ledger, a_payment(refused["decision_id"], amount_cents=900)))["items"]

    assert refused["outcome"] == "refused"
    assert (item["result"], item["excess_cents"], item["commitment_left_cents"]) == (
        "booked",
        900,
        0,
    )
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["paid_cents"], account["paid_excess_cents"]) == (900, 900)
    assert await proved(ledger)


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


async def test_a_payment_is_told_to_who_decided(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    [item] = (await report(ledger, a_payment(decision_id)))["items"]

    [told] = [data for _, kind, data in await ledger.outbox() if kind == "payment.booked"]

    assert told == {
        "payment_id": item["payment_id"],
        "decision_id": decision_id,
        "client_id": a_decision()["client_id"],
        "kind": "payment",
        "state": "booked",
        "month": "2021-09",
        "amount_cents": 106_000,
        "within_cents": 106_000,
        "excess_cents": 0,
        "commitment_left_cents": COST - 106_000,
        "reason_code": None,
    }


async def test_a_payment_for_a_restricted_client_is_told_in_the_restricted_feed_alone(
    ledger: Ledger,
) -> None:
    await give(ledger, cents=10_000_000)
    await ledger.learn(responsible(is_restricted=True))
    decision_id = await committed(ledger)
    ledger.clock.now = PAYDAY
    await report(ledger, a_payment(decision_id))

    channels = {channel for channel, kind, _ in await ledger.outbox() if kind == "payment.booked"}
    hidden = (await keha(ledger, "cs-sotkamo").get("/payments")).json()["items"]
    seen = (await keha(ledger, "cs-sotkamo", "events.restricted").get("/payments")).json()["items"]

    assert channels == {"restricted"}
    assert (len(hidden), len(seen)) == (0, 1)


async def test_months_are_reconciled_with_what_was_calculated(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(
        ledger,
        a_payment(decision_id, 1),
        a_payment(decision_id, 2, month="2021-10", amount_cents=100_000),
        a_recovery(decision_id, 3, cents=5_300),
    )

    query = {"decision_id": decision_id}
    months = (await keha(ledger).get("/payments", params=query)).json()["months"]

    assert months[0] == {
        "month": "2021-09",
        "calculated_cents": 106_000,
        "paid_cents": 100_700,
        "difference_cents": -5_300,
    }
    assert months[1]["difference_cents"] == -6_000
    assert (len(months), months[2]["paid_cents"]) == (10, 0)


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
