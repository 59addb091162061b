"""Acts on decisions, as case systems send them."""

from typing import Any

from httpx import Response

from tests.quota_ledger.decided import OFFICIAL
from tests.quota_ledger.service import Caller, another_key
from tests.served import Json

BODIES: dict[str, Json] = {
    "grant": {},
    "cancel": {"reason_code": "applicant_withdrew"},
    "refuse": {"reason_code": "conditions_not_met"},
    "interrupt": {"last_on": "2021-12-31", "reason_code": "absence"},
    "end": {"last_on": "2021-12-31", "reason_code": "employment_ended"},
}


async def act(
    caller: Caller,
    decision: Json,
    action: str,
    /,
    *,
    version: int = 1,
    key: str | None = None,
    **changes: Any,  # noqa: ANN401 - members of any type
) -> Response:
    """Act on a decision in a version, under a key of its own unless one is given."""
    headers = {"Idempotency-Key": key or another_key(), "If-Match": f'"{version}"'}
    body = {"acting_official": OFFICIAL, **BODIES.get(action, {}), **changes}
    return await caller.post(
        f"/decisions/{decision['decision_id']}:{action}", body, headers=headers
    )


async def acted(
    caller: Caller,
    decision: Json,
    action: str,
    /,
    *,
    version: int = 1,
    **changes: Any,  # noqa: ANN401 - members of any type
) -> Json:
    """Act on a decision, and return the answer."""
    answer = await act(caller, decision, action, version=version, **changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def changed(body: Json, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the body of a change to a decision that was sent."""
    return {"decision": {**body, **changes}, "reason_code": "facts_corrected"}
