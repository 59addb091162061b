"""A small service of made-up items, on which the tests of the HTTP edge stand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import httpx
from fastapi import FastAPI, Query
from msgspec import Struct
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import OPEN, ScopeTable, TokenVerifier
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


SCOPES: ScopeTable = {
    ("POST", "/items"): "items.write",
    ("POST", "/items:bulk"): "items.write",
    ("POST", "/items/{item_id}:correct"): "items.write",
    ("GET", "/items/{item_id}"): "items.read",
    ("GET", "/items"): "items.read",
    ("GET", "/codes"): OPEN,
}
OFFICE = Organisation("te-kainuu", OrganisationKind.TE_OFFICE, "Kainuun TE-toimisto", "")


def app_of(keys: KeySource, registry: CollectorRegistry, *, scopes: ScopeTable = SCOPES) -> FastAPI:
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
            scopes=scopes,
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


ITEM = {"identity_code": "240587-921N", "name": "Esimerkki"}
KEY = {"Idempotency-Key": '"key-1"'}


@asynccontextmanager
async def client_of(registry: CollectorRegistry) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(Issuer(), registry)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    headers = {"Authorization": header(scope="items.read items.write")}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers=headers
    ) as client:
        yield client
