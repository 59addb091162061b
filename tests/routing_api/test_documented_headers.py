"""The headers that a reader of openapi.json learns of, against those that calls take and answer."""

from pathlib import Path

import msgspec

from tests.builders import a_registration
from tests.routing_api.service import Routing
from tests.routing_api.test_reviews import NOT_ENTITLED, UNKNOWN, resolve
from tests.served import Json

DOCUMENT: Json = msgspec.json.decode(
    (Path(__file__).parents[2] / "services" / "routing-api" / "openapi.json").read_bytes()
)
NEEDED = {
    ("post", "/registrations"): {"Idempotency-Key"},
    ("post", "/reviews/{review_id}:resolve"): {"Idempotency-Key", "If-Match"},
    ("get", "/clients/{client_id}"): {"Acting-Official"},
}
TAKEN = {
    ("post", "/reviews/{review_id}:resolve"): {"Acting-Official"},
    ("post", "/clients:lookup"): {"Acting-Official"},
    ("post", "/persons:fetch"): {"Acting-Official"},
    ("post", "/transfers:acknowledge"): {"Acting-Official"},
    ("post", "/transfers:notice"): {"Acting-Official"},
}


def headers_of(*, required: object) -> dict[tuple[str, str], set[str]]:
    """Return the request headers that the document names, by method and path."""
    named = {
        (method, path.removeprefix("/routing/v1")): {
            parameter["name"]
            for parameter in call.get("parameters", [])
            if parameter["in"] == "header" and parameter["required"] is required
        }
        for path, calls in DOCUMENT["paths"].items()
        for method, call in calls.items()
    }
    return {call: names for call, names in named.items() if names}


def answered(method: str, path: str, status: str) -> set[str]:
    responses = DOCUMENT["paths"][f"/routing/v1{path}"][method]["responses"]
    return set(responses[status].get("headers", {}))


def test_the_document_names_the_headers_that_calls_need_and_take() -> None:
    assert headers_of(required=True) == NEEDED
    assert headers_of(required=False) == TAKEN


def test_every_call_that_may_have_to_wait_says_how_it_learns_for_how_long() -> None:
    missing = [
        (method, path, status)
        for path, calls in DOCUMENT["paths"].items()
        for method, call in calls.items()
        for status in ("429", "503")
        if "Retry-After" not in call["responses"][status].get("headers", {})
    ]

    assert missing == []


async def test_answers_carry_the_headers_that_the_document_names(routing: Routing) -> None:
    first = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
    again = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
    review_id = first.json()["review"]["review_id"]
    review = await routing.office().get(f"/reviews/{review_id}")
    resolved = await resolve(routing.office(), review_id, key="k-2", facts=NOT_ENTITLED)
    replayed = await resolve(routing.office(), review_id, key="k-2", facts=NOT_ENTITLED)
    page = await routing.case_system().get("/events")

    for call, answers in {
        ("post", "/registrations", "201"): (first, again),
        ("get", "/reviews/{review_id}", "200"): (review,),
        ("post", "/reviews/{review_id}:resolve", "200"): (resolved, replayed),
        ("get", "/events", "200"): (page,),
    }.items():
        carried = {name for answer in answers for name in answer.headers}
        assert {name.lower() for name in answered(*call)} <= carried
        assert answered(*call)
