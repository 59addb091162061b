"""Overrides of a history: asked for by the area, and approved at once by its ELY centre."""

from collections.abc import Awaitable, Callable
from typing import Any

from httpx import Response

from tests.quota_ledger.exceptions import an_override, answer_to, area, ask, ely
from tests.quota_ledger.service import Ledger

ASKED = "SELECT override_id::text FROM overrides WHERE decision_id = $1 AND state <> 'refused'"
UNAVAILABLE = 503


async def overridden(ledger: Ledger, decision_id: str, *, cents: int, year: int = 2022) -> str:
    """Ask for an override and have it approved; return done, or the code of the problem.

    It waits for its cover as long as money of the year may be used. What is not approved is
    refused, so that it can be asked for again.
    """
    last_on = f"{year + 1}-12-31"
    cover = {"kind": "addition", "expected_on": last_on, "reason": "It is on its way"}
    body = an_override(
        {"decision_id": decision_id}, amount_cents=cents, cover=cover, expires_on=last_on
    )
    key = f"override-{decision_id}-{cents}"
    answer = await answered(lambda: ask(area(ledger), body, key=key))
    if answer.status_code != 201:
        return str(answer.json()["code"])
    its_id = answer.json()["override_id"]
    answer = await answered(lambda: answer_to(ely(ledger), its_id, key=f"approve-{its_id}"))
    if answer.status_code == 200:
        return "done"
    await answered(lambda: answer_to(ely(ledger), its_id, "refuse", key=f"refuse-{its_id}"))
    return str(answer.json()["code"])


async def override_of(ledger: Ledger, decision_id: str) -> str:
    """Return the override by which a decision was reserved."""
    rows: list[Any] = await ledger.fetch(ASKED, decision_id)
    [row] = rows
    return str(row[0])


async def answered(call: Callable[[], Awaitable[Response]]) -> Response:
    """Call until it is answered: 503 says that nothing was done and that a repeat is safe."""
    answer = await call()
    while answer.status_code == UNAVAILABLE:
        answer = await call()
    return answer
