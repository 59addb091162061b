from datetime import UTC, datetime

from tests.quota_ledger.decided import (
    COST,
    a_decision,
    decided,
    give,
    know_clients,
    sender,
)
from tests.quota_ledger.paid import (
    PAYDAY,
    UNKNOWN,
    a_granted,
    a_payment,
    a_recovery,
    committed,
    keha,
    proved,
    report,
)
from tests.quota_ledger.responsibles import responsible
from tests.quota_ledger.service import Ledger


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
    [recovery] = [item for item in items if item["kind"] == "recovery"]
    assert (recovery["within_cents"], recovery["excess_cents"]) == (-300, -700)
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
