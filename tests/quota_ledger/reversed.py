"""Reversals as they are ordered."""

from typing import Any

from httpx import Response

from tests.quota_ledger.orders import ALLOCATION, order
from tests.quota_ledger.paid import keha
from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

WHY: Json = {"document": ALLOCATION["document"], "reason": "Booked in error"}
KIND_OF_REVERSALS = (
    "SELECT kind, reverses::text, reason, document FROM entries WHERE reverses IS NOT NULL"
)


async def reverse(caller: Caller, made: Json, **changes: Any) -> Response:  # noqa: ANN401
    """Reverse an allocation or a transfer by its answer; `changes` replace members of the body."""
    key = changes.pop("key", None)
    return await order(caller, f"{path_of(made)}:reverse", {**WHY, **changes}, key=key)


def path_of(made: Json) -> str:
    """Return the path of an allocation or a transfer that was made."""
    if "transfer_id" in made:
        return f"/allocation-transfers/{made['transfer_id']}"
    return f"/allocations/{made['allocation_id']}"


async def reversed_by(caller: Caller, made: Json) -> Json:
    """Reverse what is reversed, and return the answer."""
    answer = await reverse(caller, made)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def reverse_payment(
    ledger: Ledger, payment_id: str, *, key: str | None = None, organisation: str = "keha"
) -> Response:
    """Reverse a payment, under a key of its own unless one is given."""
    return await keha(ledger, organisation).post(
        f"/payments/{payment_id}:reverse", WHY, headers={"Idempotency-Key": key or another_key()}
    )
