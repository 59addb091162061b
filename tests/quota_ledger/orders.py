"""Allocations and transfers as they are ordered, after the agreed examples."""

from typing import Any

from httpx import Response

from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

ORDER_SCOPES = (
    "allocations.read",
    "allocations.write",
    "allocation-transfers.read",
    "allocation-transfers.write",
    "balances.read",
    "accounts.read",
)
OFFICIAL = "ely-14:u-7; role=decider"
ALLOCATION: Json = {
    "area_code": "kainuu",
    "instrument": "PAY_SUBSIDY",
    "budget_year": 2021,
    "kind": "initial",
    "status": "confirmed",
    "amount_cents": 161_200_000,
    "persons": 155,
    "valid_from_on": "2021-03-01",
    "basis": {
        "clients_moved": 2_500,
        "past_participation_per_mille": 62,
        "unit_cost_cents": 1_040_000,
        "reference_period": {"starts_on": "2019-01-01", "ends_on": "2019-12-31"},
        "own_posts_excluded": True,
    },
    "document": {
        "register_number": "ELY-KAI-2021-EXAMPLE",
        "decided_on": "2021-01-11",
        "decided_by": "ely-14",
    },
    "reason": "Initial allocation of the pilot area",
}
TRANSFER: Json = {
    "from_account": {"area_code": "kainuu"},
    "to_account": {"area_code": "kainuu", "municipality_code": "765"},
    "instrument": "PAY_SUBSIDY",
    "budget_year": 2021,
    "amount_cents": 1_000_000,
    "persons": 1,
    "value_on": "2021-08-24",
    "document": ALLOCATION["document"],
    "reason": "Sotkamo decides on its own",
}


def an_allocation(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the agreed example with members replaced."""
    return {**ALLOCATION, **changes}


def a_cut(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return a cut of the account of the example."""
    return an_allocation(**{"kind": "cut", "basis": None, "persons": 0, **changes})


def a_transfer(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return a transfer to the account of Sotkamo, with members replaced."""
    return {**TRANSFER, **changes}


def orderer(ledger: Ledger, organisation: str = "ely-14") -> Caller:
    """Return an organisation that orders, with all scopes for it."""
    return ledger.caller(organisation, *ORDER_SCOPES)


async def order(
    caller: Caller, path: str, body: Json, *, key: str | None = None, official: str = OFFICIAL
) -> Response:
    """Order by a call under a key of its own, unless one is given."""
    headers = {"Idempotency-Key": key or another_key(), "Acting-Official": official}
    return await caller.post(path, body, headers=headers)


async def ordered(caller: Caller, path: str, body: Json) -> Json:
    """Order what is done, and return the answer."""
    answer = await order(caller, path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()
