"""Payments as KEHA reports them, after the agreed example, and decisions that can be paid."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.quota_ledger.acts import acted
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import a_decision, decided, give, know_clients, sender
from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

UNKNOWN = "0177ec61-3ab9-7893-923f-00000000ffff"
PAYDAY = datetime(2021, 10, 15, 6, tzinfo=UTC)
SCOPES = ("payments.read", "payments.write")


def keha(ledger: Ledger, organisation: str = "keha", *more: str) -> Caller:
    """Return who pays."""
    return ledger.caller(organisation, *SCOPES, *more)


def a_payment(decision_id: str, number: int = 1, **changes: Any) -> Json:  # noqa: ANN401
    """Return the agreed payment of September under a reference of its own."""
    return {
        "payer_reference": f"KEHA-2021-{number:07}",
        "decision_id": decision_id,
        "kind": "payment",
        "month": "2021-09",
        "amount_cents": 106_000,
        "paid_on": "2021-10-15",
        **changes,
    }


def a_recovery(decision_id: str, number: int, *, cents: int, **changes: Any) -> Json:  # noqa: ANN401
    """Return a recovery of so much, given above zero."""
    members = {"kind": "recovery", "amount_cents": -cents, "reason_code": "absence_without_pay"}
    return a_payment(decision_id, number, **{**members, **changes})


async def report(
    ledger: Ledger, *items: Json, key: str | None = None, report_id: str = "KEHA-2021-10-15"
) -> Json:
    """Report payments, and return the answer to a report that is taken."""
    answer = await keha(ledger).post(
        "/payments",
        {"report_id": report_id, "items": list(items)},
        headers={"Idempotency-Key": key or another_key()},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def report_lines(ledger: Ledger, items: list[Json]) -> list[Json]:
    """Report payments line by line, and return the lines of the answer."""
    answer = await keha(ledger).post(
        "/payments:bulk?report_id=KEHA-2021-10-15",
        b"\n".join(msgspec.json.encode(item) for item in items),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


async def committed(ledger: Ledger, number: int = 44, **changes: Any) -> str:  # noqa: ANN401
    """Decide, and commit what is reserved; return the id of the decision."""
    case_system = sender(ledger, "cs-sotkamo", "events.restricted")
    decision = await decided(case_system, a_decision(number, **changes))
    await acted(case_system, decision, "grant")
    decision_id: str = decision["decision_id"]
    return decision_id


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
