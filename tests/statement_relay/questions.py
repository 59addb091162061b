"""Questions of a TE office, asked and answered over HTTP."""

from collections.abc import Sequence
from typing import Any

from httpx import Response

from tests.served import Json
from tests.statement_relay.clients import CLIENT_ID, a_responsibility, know
from tests.statement_relay.service import Caller, Relay

UNKNOWN_ID = "01786408-ce50-7160-8999-50d836f675cc"
OF_OFFICE = {"Acting-Official": "kainuu:v-17; role=caseworker; office=te-kainuu"}
OF_MUNICIPALITY = {"Acting-Official": "sotkamo:u-1042; role=caseworker; municipality=765"}
SCOPES = ("information-requests.read", "information-requests.write", "events.read")
RESTRICTED = (*SCOPES, "events.restricted")
ENDS_FIRST = ("/period/ends_on", "day_before_another")
DUE_AT = "2021-03-29T13:15:00Z"
"""Three working days after Wednesday 24.3.2021, at 16:15, by then summer time."""


def question(**changes: Json) -> dict[str, Any]:
    return {
        "reference": "TE-KAI-2021-0044",
        "client_id": CLIENT_ID,
        "kind": "SERVICE_INTERRUPTED",
        "period": {"starts_on": "2021-03-08", "ends_on": "2021-03-19"},
        "question_code": "what_happened",
        "question": "Miksi palvelu keskeytyi?",
        **changes,
    }


def office_of(
    relay: Relay, organisation: str = "te-kainuu", *, scopes: Sequence[str] = SCOPES
) -> Caller:
    return relay.caller(organisation, *scopes)


def system_of(
    relay: Relay, organisation: str = "cs-sotkamo", *, scopes: Sequence[str] = SCOPES
) -> Caller:
    return relay.caller(organisation, *scopes)


async def ask(relay: Relay, *, key: str = "k1", **changes: Json) -> Response:
    headers = {**OF_OFFICE, "Idempotency-Key": key}
    return await office_of(relay).post(
        "/information-requests", question(**changes), headers=headers
    )


async def asked(relay: Relay, **changes: Json) -> str:
    """Ask, and return the id of the question."""
    await know(relay, a_responsibility())
    answer = await ask(relay, **changes)
    assert answer.status_code == 201, answer.text
    request_id: str = answer.json()["information_request_id"]
    return request_id


async def answer(relay: Relay, request_id: str, *, key: str = "a1", **body: Json) -> Response:
    headers = {**OF_MUNICIPALITY, "Idempotency-Key": key}
    path = f"/information-requests/{request_id}:answer"
    content = {"answer_code": "nothing_to_tell", **body}
    return await system_of(relay).post(path, content, headers=headers)


async def events(caller: Caller, feed: str = "/events") -> list[tuple[str, dict[str, Any]]]:
    found = await caller.get(feed, params={"after": "earliest"})
    assert found.status_code == 200, found.text
    prefix = "fi.kuntavayla."
    return [
        (event["type"].removeprefix(prefix).removesuffix(".v1"), event["data"])
        for event in found.json()
    ]
