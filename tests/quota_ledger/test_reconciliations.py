"""What KEHA says that it paid, held against what is booked, by decision and month."""

import gzip
from typing import Any

import msgspec
import pytest
from httpx import Response

from tests.quota_ledger.paid import UNKNOWN, a_granted, a_payment, a_recovery, report
from tests.quota_ledger.reversed import reverse_payment
from tests.quota_ledger.service import Caller, Ledger
from tests.served import Json

SCOPES = ("reconciliations.read", "reconciliations.write")
NDJSON = {"Content-Type": "application/x-ndjson"}
LINES = 100_000


def payer(ledger: Ledger, organisation: str = "keha") -> Caller:
    return ledger.caller(organisation, *SCOPES)


def a_line(decision_id: str, month: str = "2021-09", cents: int = 106_000) -> Json:
    return {"decision_id": decision_id, "month": month, "amount_cents": cents}


async def compare(caller: Caller, *lines: Json, **asked: Any) -> Response:  # noqa: ANN401
    """Send a list of the last months of 2021, unless others are asked for."""
    content = b"\n".join(msgspec.json.encode(line) for line in lines)
    query = {"first_month": "2021-09", "last_month": "2021-12", "count": len(lines), **asked}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return await caller.post(f"/reconciliations?{text}", content, headers=NDJSON)


async def compared(ledger: Ledger, *lines: Json) -> Json:
    """Send a list that is taken, and return the result."""
    answer = await compare(payer(ledger), *lines)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(result: Json) -> list[tuple[str, str, int, int]]:
    """Return the differences: kind, month, theirs, ours."""
    return [
        (one["kind"], one["month"], one["your_cents"], one["our_cents"])
        for one in result["differences"]
    ]


async def test_a_list_that_agrees_has_no_differences(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(decision_id), a_recovery(decision_id, 2, cents=6_000))

    result = await compared(
        ledger, a_line(decision_id, cents=100_000), a_line(decision_id, "2021-10", 0)
    )

    assert (result["is_equal"], result["differences"]) == (True, [])
    assert (result["your_count"], result["our_count"]) == (1, 1)


async def test_each_kind_of_difference_is_told_with_what_repairs_it(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(
        ledger, a_payment(decision_id), a_payment(decision_id, 2, month="2021-10", amount_cents=7)
    )

    result = await compared(
        ledger,
        a_line(decision_id, cents=106_001),
        a_line(decision_id, "2021-11", 5),
        a_line(UNKNOWN, "2021-12", 9),
    )

    assert told(result) == [
        ("amount_differs", "2021-09", 106_001, 106_000),
        ("missing_there", "2021-10", 0, 7),
        ("missing_here", "2021-11", 5, 0),
        ("decision_unknown", "2021-12", 9, 0),
    ]
    assert [one["repaired_by"] for one in result["differences"]] == [
        "report_difference",
        "reverse_payment",
        "report_payment",
        "check_decision",
    ]
    assert [one["difference_cents"] for one in result["differences"]] == [1, -7, 5, 9]
    assert not result["is_equal"]
    assert {result[kind] for kind in ("missing_here", "missing_there", "amount_differs")} == {1}


async def test_differences_are_repaired_by_payments_and_reversals(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    wrong = a_payment(decision_id, 2, month="2021-10")
    [one] = (await report(ledger, wrong))["items"]
    theirs = a_line(decision_id)
    before = await compared(ledger, theirs)

    await report(ledger, a_payment(decision_id))
    await reverse_payment(ledger, one["payment_id"])
    after = await compared(ledger, theirs)

    assert (before["missing_here"], before["missing_there"]) == (1, 1)
    assert after["is_equal"]


async def test_what_was_refused_or_lies_in_other_months_does_not_count(ledger: Ledger) -> None:
    decision_id = await a_granted(ledger)
    await report(ledger, a_payment(UNKNOWN), a_payment(decision_id, 2, month="2022-01"))

    result = await compared(ledger)

    assert (result["is_equal"], result["our_count"]) == (True, 0)


async def test_results_are_kept_and_a_repeat_takes_their_place(ledger: Ledger) -> None:
    first = await compared(ledger, a_line(UNKNOWN))
    ledger.clock.tick()
    other = (await compare(payer(ledger), first_month="2022-01", last_month="2022-01")).json()
    ledger.clock.tick()
    again = await compared(ledger, a_line(UNKNOWN), a_line(UNKNOWN, "2021-10"))

    operator = ledger.caller("operator", "reconciliations.read")
    listed = (await payer(ledger).get("/reconciliations")).json()
    of_all = (await operator.get("/reconciliations")).json()
    kept = await payer(ledger).get(f"/reconciliations/{again['reconciliation_id']}")
    gone = await payer(ledger).get(f"/reconciliations/{first['reconciliation_id']}")
    ids = [other["reconciliation_id"], again["reconciliation_id"]]
    assert [one["reconciliation_id"] for one in listed["items"]] == ids
    assert of_all == listed
    assert "differences" not in listed["items"][0]
    assert (kept.status_code, kept.json()) == (200, again)
    assert gone.status_code == 404, gone.text
    rows = await ledger.fetch(
        "SELECT outcome FROM audit WHERE action = 'reconciliation.made' ORDER BY audit_id"
    )
    assert [row[0] for row in rows] == ["differing", "equal", "differing"]


async def test_results_are_listed_page_by_page(ledger: Ledger) -> None:
    for month in ("2021-09", "2021-10", "2021-11"):
        await compare(payer(ledger), first_month=month, last_month=month)
        ledger.clock.tick()

    first = (await payer(ledger).get("/reconciliations?limit=2")).json()
    rest = (
        await payer(ledger).get(f"/reconciliations?limit=2&after={first['next_cursor']}")
    ).json()

    months = [one["first_month"] for one in [*first["items"], *rest["items"]]]
    assert months == ["2021-09", "2021-10", "2021-11"]
    assert rest["next_cursor"] is None


async def test_a_list_of_the_greatest_size_is_compared(ledger: Ledger) -> None:
    lines = b"\n".join(
        msgspec.json.encode(a_line(f"0177ec61-3ab9-7893-923f-{number:012x}"))
        for number in range(LINES)
    )

    answer = await payer(ledger).post(
        f"/reconciliations?first_month=2021-09&last_month=2021-09&count={LINES}",
        gzip.compress(lines),
        headers={**NDJSON, "Content-Encoding": "gzip"},
    )

    result = answer.json()
    assert answer.status_code == 200, answer.text
    assert (result["decision_unknown"], len(result["differences"])) == (LINES, 1_000)


async def test_a_list_with_too_many_lines_is_refused(refusing: Ledger) -> None:
    answer = await payer(refusing).post(
        f"/reconciliations?first_month=2021-09&last_month=2021-09&count={LINES}",
        b"{}\n" * (LINES + 1),
        headers=NDJSON,
    )

    assert answer.json()["code"] == "too_many_lines"


@pytest.mark.parametrize(
    ("line", "pointer", "code"),
    [
        ({**a_line(UNKNOWN), "month": "2021-13"}, "/lines/1/month", "month_malformed"),
        ({**a_line(UNKNOWN), "month": "2021-08"}, "/lines/1/month", "month_outside_list"),
        ({**a_line(UNKNOWN), "amount_cents": 10**12}, "/lines/1/amount_cents", None),
        ({**a_line(UNKNOWN), "amount_cents": 0.5}, "/lines/1/amount_cents", None),
        ({**a_line(UNKNOWN), "decision_id": "x"}, "/lines/1/decision_id", None),
        ({**a_line(UNKNOWN), "name": "x"}, "/lines/1/name", None),
        ({"decision_id": "x" * 2_000}, "/lines/1", "line_too_large"),
    ],
)
async def test_a_line_that_is_wrong_is_refused_by_its_number(
    refusing: Ledger, line: Json, *, pointer: str, code: str | None
) -> None:
    answer = await compare(payer(refusing), line)

    fault = answer.json()["errors"][0]
    assert answer.status_code == 422, answer.text
    assert fault["pointer"] == pointer
    assert code in {None, fault["code"]}


async def test_a_month_named_twice_and_a_list_cut_short_are_refused(refusing: Ledger) -> None:
    twice = await compare(payer(refusing), a_line(UNKNOWN), a_line(UNKNOWN, cents=1))
    cut = await compare(payer(refusing), a_line(UNKNOWN), count=2)
    many = await compare(payer(refusing), *[{"month": number} for number in range(300)])

    assert [one["code"] for one in twice.json()["errors"]] == ["month_repeated"]
    assert [one["code"] for one in cut.json()["errors"]] == ["count_differs"]
    assert len(many.json()["errors"]) == 100


@pytest.mark.parametrize(
    "asked",
    [
        {"first_month": "2021-9"},
        {"last_month": "1999-12"},
        {"first_month": "2022-01", "last_month": "2021-12"},
        {"first_month": "September"},
        {"count": -1},
        {"count": LINES + 1},
    ],
)
async def test_months_and_counts_that_are_none_are_refused(refusing: Ledger, asked: Json) -> None:
    answer = await compare(payer(refusing), **asked)

    assert answer.status_code == 422, answer.text


async def test_only_the_payer_compares_and_only_it_and_the_operator_read(refusing: Ledger) -> None:
    for organisation in ("cs-sotkamo", "ely-14", "operator"):
        answer = await compare(payer(refusing, organisation))
        assert answer.json()["code"] == "caller_kind_refused"
    for path in ("/reconciliations", f"/reconciliations/{UNKNOWN}"):
        by_system = await payer(refusing, "cs-sotkamo").get(path)
        without = await refusing.caller("keha", "payments.read").get(path)
        assert by_system.json()["code"] == "caller_kind_refused"
        assert without.json()["code"] == "scope_missing"
    assert (await payer(refusing).get(f"/reconciliations/{UNKNOWN}")).status_code == 404
