"""Payments as KEHA reports them, after the agreed example, and decisions that can be paid."""

from typing import Any

import msgspec

from quota_ledger.operations.booking import book
from quota_ledger.rules.posting import Holds
from tests.quota_ledger.accounts import held_leg, posting
from tests.quota_ledger.decided import a_decision, decided, sender
from tests.quota_ledger.responsibles import CLIENT
from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

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
    body = a_decision(number, **changes)
    decision_id: str = (await decided(sender(ledger), body))["decision_id"]
    draws = await ledger.fetch(
        "SELECT account_id::text, reserved_cents FROM decision_draws WHERE decision_id = $1",
        decision_id,
    )
    legs = [
        held_leg(
            draw["account_id"],
            "grant",
            client_id=body.get("client_id", CLIENT),
            holds=Holds(reserved=-1, committed=1),
            reserved_cents=-draw["reserved_cents"],
            committed_cents=draw["reserved_cents"],
        )
        for draw in draws
    ]
    granted = posting(*legs)
    refs = msgspec.structs.replace(granted.refs, decision_id=decision_id)
    async with ledger.desk.transaction() as connection:
        await book(
            connection,
            [msgspec.structs.replace(granted, refs=refs)],
            moment=ledger.desk.moment(),
        )
    await ledger.execute(
        "UPDATE decision_draws SET committed_cents = reserved_cents, reserved_cents = 0"  # noqa: S608
        f" WHERE decision_id = '{decision_id}';"
        f"UPDATE decisions SET state = 'granted' WHERE decision_id = '{decision_id}'"
    )
    return decision_id
