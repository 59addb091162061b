import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tests.shared.http_example import ITEM, ITEM_ID, KEY, PARENT, PREFIX, client_of


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(registry: CollectorRegistry) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(registry) as found:
        yield found


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
            gzip.compress(b"{}", mtime=0)[:-3],
            400,
            "gzip_malformed",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b"x" * 2_001, mtime=0),
            413,
            "body_too_large",
        ),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b"", mtime=0) * 17,
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
    content = b"".join(
        gzip.compress(text[at : at + size], mtime=0) for at in range(0, len(text), size)
    )

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
        f"{PREFIX}/items:bulk", content=gzip.compress(b"{}\n{}\n", mtime=0), headers=headers
    )
    many = await client.post(
        f"{PREFIX}/items:bulk", content=gzip.compress(b"{}\n" * 6, mtime=0), headers=headers
    )

    assert good.text == '{"line":1}\n{"line":2}\n'
    assert many.json()["code"] == "too_many_lines"
