"""Overrides of a history: asked for by the area, and approved at once by its ELY centre."""

from typing import Any

from tests.quota_ledger.exceptions import an_override, answer_to, area, ask, ely
from tests.quota_ledger.service import Ledger

LAST_DAY = "2023-12-31"
"""No history comes so far: what was raised waits for its cover."""
ASKED = "SELECT override_id::text FROM overrides WHERE decision_id = $1 AND state <> 'refused'"


async def overridden(ledger: Ledger, decision_id: str, *, cents: int) -> str:
    """Ask for an override and have it approved; return done, or the code of the problem.

    What is not approved is refused, so that it can be asked for again.
    """
    cover = {"kind": "addition", "expected_on": LAST_DAY, "reason": "It is on its way"}
    body = an_override(
        {"decision_id": decision_id}, amount_cents=cents, cover=cover, expires_on=LAST_DAY
    )
    answer = await ask(area(ledger), body)
    if answer.status_code != 201:
        return str(answer.json()["code"])
    override_id = answer.json()["override_id"]
    answer = await answer_to(ely(ledger), override_id)
    if answer.status_code == 200:
        return "done"
    await answer_to(ely(ledger), override_id, "refuse")
    return str(answer.json()["code"])


async def override_of(ledger: Ledger, decision_id: str) -> str:
    """Return the override by which a decision was reserved."""
    rows: list[Any] = await ledger.fetch(ASKED, decision_id)
    [row] = rows
    return str(row[0])
