import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Query
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OPEN, TokenVerifier
from kuntavayla.auth.keys import KeySource
from kuntavayla.errors import DomainError, Fault, InvalidContent, Kind, Unavailable
from kuntavayla.http import (
    BodyLimits,
    JsonDecoder,
    ServiceDocuments,
    ServiceSpec,
    caller_of,
    create_service,
    described,
    etag_of,
    idempotency_key,
    json_answer,
    ndjson_answer,
    read_lines,
    require_match,
    secured_router,
    to_instant_text,
)
from kuntavayla.register import Organisation, OrganisationKind
from kuntavayla.telemetry import RequestMetrics
from kuntavayla.values.codes import Identity, Name
from tests.shared.test_auth_tokens import AUDIENCE, ISSUER, NOW_S, Issuer, header

PREFIX = "/example/v1"
ITEM_ID = "0177ec61-3ab8-726b-b2a7-4de452e6b438"
LIMITS = BodyLimits(received_bytes_max=1_000, inflated_bytes_max=2_000)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ItemRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent."""

    identity_code: Identity
    name: Name


class ItemTaken(DomainError):
    """The item was taken before."""

    kind = Kind.CONFLICT
    code = "item_taken"


class AwayError(Exception):
    """The database is away."""


DECODER = JsonDecoder(ItemRequest)
router = secured_router(PREFIX)
FAILURES: dict[str, Exception] = {
    "taken": ItemTaken(limit="cents", available_cents=730),
    "away": AwayError("Aino"),
    "unavailable": Unavailable(retry_after_s=7),
    "fault": KeyError("Aino Esimerkki 240587-921N"),
    "invalid": InvalidContent((Fault("/name", "too_long", "Shorter."),)),
}


@router.post("/items", openapi_extra=described(body=ItemRequest, answers={201: None}))
async def create_item(request: Request) -> Response:
    """Create an item."""
    item = await DECODER.read(request, limits=LIMITS)
    if item.name in FAILURES:
        raise FAILURES[item.name]
    answer = {"key": idempotency_key(request), "organisation": caller_of(request).organisation}
    return json_answer(answer, status=201)


@router.post("/items:bulk", openapi_extra=described(answers={200: None}))
async def create_items(request: Request) -> Response:
    """Create many."""
    lines = await read_lines(request, limits=LIMITS, lines_max=5)
    return ndjson_answer(b"".join(b'{"line":%d}\n' % (at + 1) for at in range(len(lines))))


@router.get("/items/{item_id}")
async def get_item(item_id: UUID) -> Response:
    """Read an item."""
    return json_answer({"id": str(item_id)}, headers={"ETag": etag_of(3)})


@router.post("/items/{item_id}:correct")
async def correct_item(request: Request, item_id: UUID) -> Response:
    """Correct an item."""
    require_match(request, current=etag_of(3))
    return json_answer({"id": str(item_id)})


@router.get("/items")
async def list_items(limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """List items."""
    return json_answer({"limit": limit})


@router.get("/codes")
async def list_codes(request: Request) -> Response:
    """List codes, for everybody."""
    return json_answer({"is_open": request.url.path.endswith("codes")})


SCOPES = {
    ("POST", "/items"): "items.write",
    ("POST", "/items:bulk"): "items.write",
    ("POST", "/items/{item_id}:correct"): "items.write",
    ("GET", "/items/{item_id}"): "items.read",
    ("GET", "/items"): "items.read",
    ("GET", "/codes"): OPEN,
}
OFFICE = Organisation("te-kainuu", OrganisationKind.TE_OFFICE, "Kainuun TE-toimisto", "")


def app_of(keys: KeySource, registry: CollectorRegistry) -> FastAPI:
    verifier = TokenVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        organisation_of={"te-kainuu": OFFICE}.get,
        clock=lambda: NOW_S,
    )

    async def well() -> None:
        return None

    async def away() -> None:
        if registry.get_sample_value("broken") is not None:
            raise AwayError

    return create_service(
        ServiceSpec(
            name="example",
            title="Example",
            version="1.0.0",
            description="An example.",
            prefix=PREFIX,
            routers=[router],
            scopes=SCOPES,
            verifier=verifier,
            metrics=RequestMetrics(registry),
            documents=ServiceDocuments(
                asyncapi={"asyncapi": "3.0.0"},
                schemas={("client.transferred", "1"): {"type": "object"}},
            ),
            probes={"database": well, "other": away},
            unavailable=(AwayError,),
        )
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(registry: CollectorRegistry) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(Issuer(), registry)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=True),
        base_url="http://service",
        headers={"Authorization": header(scope="items.read items.write")},
    ) as found:
        yield found


ITEM = {"identity_code": "240587-921N", "name": "Esimerkki"}
KEY = {"Idempotency-Key": '"key-1"'}


async def test_a_good_call_is_answered_with_our_headers(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        f"{PREFIX}/items",
        json=ITEM,
        headers={**KEY, "X-Request-Id": ITEM_ID, "traceparent": PARENT},
    )

    assert answer.status_code == 201
    assert answer.json() == {"key": "key-1", "organisation": "te-kainuu"}
    assert answer.headers["x-request-id"] == ITEM_ID
    assert answer.headers["traceparent"][:36] == PARENT[:36]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "status", "code", "is_retryable"),
    [
        ("taken", 409, "item_taken", False),
        ("away", 503, "unavailable", True),
        ("unavailable", 503, "unavailable", True),
        ("fault", 500, "internal_fault", False),
        ("invalid", 422, "invalid_content", False),
    ],
)
async def test_each_failure_is_a_problem_document(
    client: httpx.AsyncClient, name: str, *, status: int, code: str, is_retryable: bool
) -> None:
    answer = await client.post(
        f"{PREFIX}/items?", json={**ITEM, "name": name}, headers={**KEY, "X-Request-Id": ITEM_ID}
    )

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"https://docs.kuntavayla.example/problems/{code.replace('_', '-')}"
    assert problem["instance"] == f"{PREFIX}/items"
    assert problem["request_id"] == ITEM_ID
    assert problem["is_retryable"] is is_retryable
    assert ("retry-after" in answer.headers) is is_retryable
    assert "Aino" not in answer.text


async def test_a_problem_carries_the_public_facts_of_the_failure(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(f"{PREFIX}/items", json={**ITEM, "name": "taken"}, headers=KEY)

    assert answer.json()["title"] == "The item was taken before"
    assert answer.json()["facts"] == {"limit": "cents", "available_cents": 730}


async def test_faults_of_the_content_are_listed_and_counted(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        f"{PREFIX}/items", json={"identity_code": 7, "name": ""}, headers=KEY
    )

    problem = answer.json()
    assert answer.status_code == 422
    assert problem["title"] == "The item has 2 faults"
    assert problem["detail"] == "Nothing was stored."
    assert [fault["code"] for fault in problem["errors"]] == ["identity_code_not_text", "too_short"]


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415, "media_type_refused"),
        ({"Content-Type": "application/json; charset=latin-1"}, b"{}", 415, "media_type_refused"),
        ({}, b"{}", 415, "media_type_refused"),
        ({"Content-Type": "application/json"}, b"{", 400, "json_malformed"),
        ({"Content-Type": "application/json"}, b"x" * 1_001, 413, "body_too_large"),
        (
            {"Content-Type": "application/json", "Content-Encoding": "br"},
            b"{}",
            415,
            "content_encoding_refused",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            b"{}",
            400,
            "gzip_malformed",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b"{}")[:-3],
            400,
            "gzip_malformed",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b"x" * 2_001),
            413,
            "body_too_large",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b"") * 17,
            400,
            "gzip_malformed",
        ),
    ],
)
async def test_a_body_that_is_not_taken_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], content: bytes, *, status: int, code: str
) -> None:
    answer = await client.post(f"{PREFIX}/items", content=content, headers={**KEY, **headers})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_body_without_a_length_is_counted_as_it_comes(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answer = await client.post(
        f"{PREFIX}/items", content=chunks(), headers={**KEY, "Content-Type": "application/json"}
    )

    assert answer.json()["code"] == "body_too_large"


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_gzip_body_is_inflated(client: httpx.AsyncClient, parts: int) -> None:
    text = json.dumps(ITEM).encode()
    size = len(text) // parts + 1
    content = b"".join(gzip.compress(text[at : at + size]) for at in range(0, len(text), size))

    answer = await client.post(
        f"{PREFIX}/items",
        content=content,
        headers={**KEY, "Content-Type": "application/json", "Content-Encoding": "gzip"},
    )

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_malformed"),
        ("with space", "idempotency_key_malformed"),
        ("x" * 256, "idempotency_key_malformed"),
        ('""', "idempotency_key_malformed"),
    ],
)
async def test_a_key_that_is_missing_or_malformed_is_refused(
    client: httpx.AsyncClient, key: str | None, code: str
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}

    answer = await client.post(f"{PREFIX}/items", json=ITEM, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "path_not_found"),
        ("GET", f"{PREFIX}/items/12", 404, "path_not_found"),
        ("POST", f"{PREFIX}/items/12:correct", 404, "path_not_found"),
        ("DELETE", f"{PREFIX}/items", 405, "method_not_allowed"),
        ("GET", f"{PREFIX}/items?limit=0", 422, "invalid_content"),
        ("GET", f"{PREFIX}/items?limit=many", 422, "invalid_content"),
        ("GET", f"{PREFIX}/items?limt=5", 422, "invalid_content"),
        ("GET", f"{PREFIX}/items?%ff=5", 422, "invalid_content"),
        ("POST", f"{PREFIX}/items/{ITEM_ID}:correct", 428, "if_match_missing"),
        ("GET", "/schemas/client.unknown/1.json", 404, "path_not_found"),
    ],
)
async def test_the_edges_own_refusals_are_problem_documents(
    client: httpx.AsyncClient, method: str, *, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    page = "not-found" if status == 404 else code.replace("_", "-")
    assert answer.json()["type"] == f"https://docs.kuntavayla.example/problems/{page}"


async def test_an_identity_code_in_a_path_is_not_repeated(client: httpx.AsyncClient) -> None:
    for path in ("240587-921N", "240587a921n", "aino%20esimerkki"):
        answer = await client.get(f"{PREFIX}/items/{path}")

        assert answer.json()["instance"] == f"{PREFIX}/items/[redacted]"


@pytest.mark.parametrize(("etag", "status"), [('"2"', 412), ('W/"3"', 412), ('"2", "3"', 200)])
async def test_an_edit_needs_the_current_version(
    client: httpx.AsyncClient, etag: str, status: int
) -> None:
    answer = await client.post(f"{PREFIX}/items/{ITEM_ID}:correct", headers={"If-Match": etag})

    assert answer.status_code == status


async def test_the_parameters_fault_has_a_pointer_and_no_value(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{PREFIX}/items?limit=Aino")

    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/query/limit", "parameter_malformed")
    assert "Aino" not in answer.text


async def test_lines_are_counted_and_limited(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    good = await client.post(
        f"{PREFIX}/items:bulk", content=gzip.compress(b"{}\n{}\n"), headers=headers
    )
    many = await client.post(
        f"{PREFIX}/items:bulk", content=gzip.compress(b"{}\n" * 6), headers=headers
    )

    assert good.text == '{"line":1}\n{"line":2}\n'
    assert many.json()["code"] == "too_many_lines"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        ("", 401, "token_missing"),
        (header(exp=NOW_S - 1), 401, "token_expired"),
        (header(aud="other"), 401, "token_wrong_audience"),
        (header(scope="items.read"), 403, "scope_missing"),
    ],
)
async def test_a_caller_is_judged_before_the_body_is_read(
    client: httpx.AsyncClient, authorization: str, *, status: int, code: str
) -> None:
    answer = await client.post(
        f"{PREFIX}/items", content=b"{", headers={"Authorization": authorization}
    )

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "Bearer" in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/version",
        "/asyncapi.json",
        "/openapi.json",
        "/docs",
        "/codes",
        "/schemas/client.transferred/1.json",
        "/docs-files/swagger-ui.css",
    ],
)
async def test_open_calls_need_no_token(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"{PREFIX}{path}", headers={"Authorization": ""})

    assert answer.status_code == 200


async def test_the_documentation_page_needs_no_internet(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs", follow_redirects=True)

    assert answer.status_code == 200
    assert "https://" not in answer.text


async def test_the_service_is_not_ready_while_a_part_is_away(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    Gauge("broken", "A part is away.", registry=registry)

    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["errors"][0]["pointer"] == "/other"
    assert answer.headers["retry-after"]


async def test_requests_are_counted_by_template(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    await client.get(f"{PREFIX}/items/{ITEM_ID}")
    await client.get("/nothing-240587-921N")

    def count(route: str, status: str) -> float | None:
        labels = {"method": "GET", "route": route, "status": status}
        return registry.get_sample_value("kuntavayla_http_requests_total", labels)

    assert count(f"{PREFIX}/items/{{item_id}}", "200") == 1
    assert count("unmatched", "404") == 1


async def test_the_document_holds_bodies_answers_problems_and_scopes(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get(f"{PREFIX}/openapi.json")).json()

    call = document["paths"][f"{PREFIX}/items"]["post"]
    body = call["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ItemRequest"}
    assert document["components"]["schemas"]["ItemRequest"]["additionalProperties"] is False
    assert set(call["responses"]) == {"201", "400", "401", "403", "413", "415", "422", "503"}
    assert call["security"] == [{"token": ["items.write"]}]
    assert "security" not in document["paths"][f"{PREFIX}/codes"]["get"]
    assert "HTTPValidationError" not in json.dumps(document)


async def test_every_reference_of_the_document_leads_somewhere(client: httpx.AsyncClient) -> None:
    document = (await client.get(f"{PREFIX}/openapi.json")).text

    for part in document.split("#/components/schemas/")[1:]:
        name = part.split('"')[0]
        assert f'"{name}":' in document


@pytest.mark.parametrize(
    "scopes",
    [
        {call: scope for call, scope in SCOPES.items() if call != ("GET", "/codes")},
        {**SCOPES, ("GET", "/nothing"): "items.read"},
    ],
)
def test_a_table_that_does_not_fit_the_routes_stops_the_start(
    scopes: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SCOPES", scopes)

    with pytest.raises(AssertionError):
        app_of(Issuer(), CollectorRegistry())


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    helsinki = timezone(timedelta(hours=2))

    assert to_instant_text(datetime(2021, 3, 1, 8, 2, 11, 4_999, helsinki)) == (
        "2021-03-01T06:02:11.004Z"
    )
    assert to_instant_text(datetime(2021, 3, 1, tzinfo=UTC)) == "2021-03-01T00:00:00.000Z"
