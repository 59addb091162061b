import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from kuntavayla.auth import ScopeTable
from kuntavayla.http import (
    to_instant_text,
)
from tests.shared.http_example import ITEM_ID, PREFIX, SCOPES, app_of, client_of
from tests.shared.test_auth_tokens import NOW_S, Issuer, header


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(registry: CollectorRegistry) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(registry) as found:
        yield found


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
    await client.get("/livez")
    await client.get(f"{PREFIX}/openapi.json")

    def count(route: str, status: str) -> float | None:
        labels = {"method": "GET", "route": route, "status": status}
        return registry.get_sample_value("kuntavayla_http_requests_total", labels)

    assert count(f"{PREFIX}/items/{{item_id}}", "200") == 1
    assert count("unmatched", "404") == 1
    assert count("/livez", "200") == 1
    assert count(f"{PREFIX}/openapi.json", "200") == 1


async def test_the_document_holds_bodies_answers_problems_and_scopes(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get(f"{PREFIX}/openapi.json")).json()

    call = document["paths"][f"{PREFIX}/items"]["post"]
    body = call["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ItemRequest"}
    assert document["components"]["schemas"]["ItemRequest"]["additionalProperties"] is False
    assert set(call["responses"]) == {"201", "400", "401", "403", "413", "415", "422", "429", "503"}
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
    scopes: ScopeTable,
) -> None:
    with pytest.raises(AssertionError):
        app_of(Issuer(), CollectorRegistry(), scopes=scopes)


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    helsinki = timezone(timedelta(hours=2))

    assert to_instant_text(datetime(2021, 3, 1, 8, 2, 11, 4_999, helsinki)) == (
        "2021-03-01T06:02:11.004Z"
    )
    assert to_instant_text(datetime(2021, 3, 1, tzinfo=UTC)) == "2021-03-01T00:00:00.000Z"
