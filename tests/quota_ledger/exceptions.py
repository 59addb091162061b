"""Overrides as areas ask for them and ELY centres answer them, and an area that runs short."""

from typing import Any

from httpx import Response

from tests.quota_ledger.decided import (
    COST,
    OFFICIAL,
    a_decision,
    decided,
    give,
    know_clients,
    sender,
)
from tests.quota_ledger.orders import ORDER_SCOPES
from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

SCOPES = ("overrides.read", "overrides.write")
FREE = 730_000
LACKING = COST - FREE
"""What the agreed pay subsidy lacks in the agreed example, in cents."""
ELY_OFFICIAL: Json = {"official_id": "ely-14:u-7", "role": "decider"}


def an_override(decision: Json, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return what is asked for a decision that lacks money, with members replaced."""
    return {
        "decision_id": decision["decision_id"],
        "amount_cents": LACKING,
        "cover": {
            "kind": "addition",
            "expected_on": "2021-09-10",
            "reason": "The supplementary budget gives it",
        },
        "expires_on": "2021-09-30",
        "acting_official": OFFICIAL,
        **changes,
    }


def area(ledger: Ledger, organisation: str = "cs-sotkamo", *more: str) -> Caller:
    """Return a case system that asks, and decides."""
    return sender(ledger, organisation, *SCOPES, *more)


def ely(ledger: Ledger, organisation: str = "ely-14") -> Caller:
    """Return an ELY centre that answers and orders."""
    return ledger.caller(organisation, *SCOPES, *ORDER_SCOPES)


async def a_short_one(ledger: Ledger, *, cents: int = FREE) -> Json:
    """Have the agreed pay subsidy refused in an area that has too little for it."""
    await know_clients(ledger)
    await give(ledger, cents=cents)
    made = await decided(sender(ledger), a_decision())
    assert made["outcome"] == "refused", made
    return made


async def ask(caller: Caller, body: Json, *, key: str | None = None) -> Response:
    """Ask for an override under a key of its own, unless one is given."""
    return await caller.post("/overrides", body, headers={"Idempotency-Key": key or another_key()})


async def asked(ledger: Ledger, decision: Json, **changes: Any) -> Json:  # noqa: ANN401
    """Ask for an override that is taken, and return the answer."""
    answer = await ask(area(ledger), an_override(decision, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def answer_to(
    caller: Caller,
    override_id: str,
    action: str = "approve",
    *,
    key: str | None = None,
    **changes: Any,  # noqa: ANN401 - members of any type
) -> Response:
    """Answer an override under a key of its own, unless one is given."""
    body = {"reason": "The year's money is on its way", "acting_official": ELY_OFFICIAL, **changes}
    headers = {"Idempotency-Key": key or another_key()}
    return await caller.post(f"/overrides/{override_id}:{action}", body, headers=headers)


async def an_approved(ledger: Ledger, **changes: Any) -> tuple[Json, Json]:  # noqa: ANN401
    """Have the agreed pay subsidy reserved by an override; return it and the answer."""
    decision = await a_short_one(ledger)
    made = await asked(ledger, decision, **changes)
    answer = await answer_to(ely(ledger), made["override_id"])
    assert answer.status_code == 200, answer.text
    return decision, answer.json()


async def standing(ledger: Ledger, override_id: str) -> tuple[str, int, int, int, int]:
    """Return the state of an override, what was raised, covered, returned, and what is left."""
    answer = await ely(ledger).get(f"/overrides/{override_id}")
    assert answer.status_code == 200, answer.text
    one = answer.json()
    return (
        one["state"],
        one["raised_cents"],
        one["covered_cents"],
        one["returned_cents"],
        one["left_cents"],
    )


async def limits_of(ledger: Ledger) -> tuple[int, int, int, int]:
    """Return what the only account has allocated, overridden, reserved and committed."""
    [row] = await ledger.fetch("SELECT * FROM accounts")
    return (
        row["allocated_cents"],
        row["overridden_cents"],
        row["reserved_cents"],
        row["committed_cents"],
    )


async def told_of(ledger: Ledger, recipient: str = "ely-14") -> list[str]:
    """Return the types of what was told of overrides."""
    events = await ledger.outbox(recipient)
    return [kind for _, kind, _ in events if kind.startswith("override.")]
