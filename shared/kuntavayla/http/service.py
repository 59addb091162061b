"""A service's app, the same for all: secured routes, open ones, documents, handlers, the edge.

`create_service` is called by a service's composition root; nothing here knows a service.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope
from typing_extensions import override

from kuntavayla.auth import Refusal, ScopeTable, TokenVerifier
from kuntavayla.errors import Fault
from kuntavayla.http.answers import json_answer
from kuntavayla.http.edge import Edge
from kuntavayla.http.failures import OnRefused, add_handlers
from kuntavayla.http.openapi import build_openapi
from kuntavayla.http.problems import NOT_READY, PATH_NOT_FOUND
from kuntavayla.http.rates import RateLimiter
from kuntavayla.http.routes import SecuredRoute
from kuntavayla.telemetry import RequestMetrics

_PROBE_S_MAX = 2.0
_READY_RETRY_AFTER_S = "2"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Probe = Callable[[], Awaitable[None]]
"""Returns if a part works; raises one of the service's `unavailable` exceptions if not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDocuments:
    """What the service publishes: its AsyncAPI document, and event schemas by name and version.

    `examples` are made when somebody asks for openapi.json: values of wire types, by the type's
    name.
    """

    asyncapi: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    schemas: Mapping[tuple[str, str], Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    examples: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """All that makes one service's app different from another's.

    `prefix` is that of every path ("/routing/v1"); `unavailable` are the exceptions that mean
    "away, or the outcome of a commit unknown"; `on_refused` records refusals by right; without
    `rates` an organisation may call as often as it likes.
    """

    name: str
    title: str
    version: str
    description: str
    prefix: str
    routers: Sequence[APIRouter]
    scopes: ScopeTable
    verifier: TokenVerifier
    metrics: RequestMetrics
    documents: ServiceDocuments = ServiceDocuments()
    probes: Mapping[str, Probe] = field(default_factory=lambda: MappingProxyType({}))
    unavailable: tuple[type[BaseException], ...] = (OSError, TimeoutError)
    lifespan: Lifespan | None = None
    on_refused: OnRefused | None = None
    rates: RateLimiter | None = None


def create_service(spec: ServiceSpec) -> FastAPI:
    """Return the app of a service; fails at once where a route has no scope or a scope no route."""
    app = FastAPIOffline(
        title=spec.title,
        version=spec.version,
        docs_url=f"{spec.prefix}/docs",
        redoc_url=None,
        openapi_url=f"{spec.prefix}/openapi.json",
        swagger_ui_oauth2_redirect_url=f"{spec.prefix}/docs/oauth2-redirect",
        static_url=f"{spec.prefix}/docs-files",
        lifespan=spec.lifespan,
        redirect_slashes=False,
        # FastAPI's own spans would hold addresses and messages of exceptions.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.verifier = spec.verifier
    app.state.rates = spec.rates
    routes = _secured_routes(spec)
    # Ahead of the documents, whole paths ahead of templates: the router takes the first that fits.
    ordered = sorted(routes, key=_has_template)
    app.router.routes[:0] = ordered
    _add_open_routes(app, spec)
    app.router.routes[:] = [_with_template(route) for route in app.router.routes]
    add_handlers(app, unavailable=spec.unavailable, on_refused=spec.on_refused)
    app.add_middleware(Edge, metrics=spec.metrics)
    # Made when somebody asks: no start of a process waits for it.
    app.openapi = cache(  # type: ignore[method-assign]  # FastAPI's documented way
        partial(build_openapi, app, description=spec.description, examples=spec.documents.examples)
    )
    return app


class _OpenRoute(Route):
    """A route of Starlette's that tells the edge its template, as FastAPI's own routes do."""

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the route fits, and what it adds to the request's scope."""
        match, added = super().matches(scope)
        return match, {**added, "route": self}


def _with_template(route: BaseRoute) -> BaseRoute:
    """Return the route itself, or, in place of a plain one, one that tells its template."""
    if type(route) is not Route:
        return route
    methods = sorted(route.methods or ())
    return _OpenRoute(route.path, route.endpoint, methods=methods, include_in_schema=False)


def _has_template(route: SecuredRoute) -> bool:
    return "{" in route.path


def _secured_routes(spec: ServiceSpec) -> list[SecuredRoute]:
    """Return the routes with their scopes; the table names each call and no other."""
    routes: list[SecuredRoute] = []
    unused = set(spec.scopes)
    for router in spec.routers:
        for route in router.routes:
            assert isinstance(route, SecuredRoute), f"{route} is no secured route"
            for method in route.methods or ():
                call = (method, route.path.removeprefix(spec.prefix))
                assert call in spec.scopes, f"{call} has no scope"
                route.secure(spec.scopes[call])
                unused.discard(call)
            routes.append(route)
    assert not unused, f"no route for {sorted(unused)}"
    return routes


def _add_open_routes(app: FastAPI, spec: ServiceSpec) -> None:
    """Add what needs no token, under the prefix and at the root."""
    answers = {
        "/livez": _answer_live,
        "/readyz": _readiness_of(spec),
        "/version": _version_of(spec),
        "/asyncapi.json": _document_of(spec.documents.asyncapi),
        "/schemas/{name}/{version}.json": _schemas_of(spec.documents),
    }
    for path, answer in answers.items():
        app.router.add_route(f"{spec.prefix}{path}", answer, include_in_schema=False)
        app.router.add_route(path, answer, include_in_schema=False)
    for path in ("/docs", "/openapi.json"):
        app.router.add_route(path, _redirect_to(f"{spec.prefix}{path}"), include_in_schema=False)


_Endpoint = Callable[[Request], Awaitable[Response]]


async def _answer_live(_: Request) -> Response:
    return json_answer({"status": "live"})


def _redirect_to(path: str) -> _Endpoint:
    async def answer(_: Request) -> Response:
        return RedirectResponse(path)

    return answer


def _version_of(spec: ServiceSpec) -> _Endpoint:
    async def answer(_: Request) -> Response:
        return json_answer({"service": spec.name, "version": spec.version})

    return answer


def _document_of(document: Mapping[str, Any]) -> _Endpoint:
    async def answer(_: Request) -> Response:
        return json_answer(dict(document))

    return answer


def _schemas_of(documents: ServiceDocuments) -> _Endpoint:
    async def answer(request: Request) -> Response:
        names = request.path_params
        schema = documents.schemas.get((names["name"], names["version"]))
        if schema is None:
            raise Refusal(PATH_NOT_FOUND)
        return json_answer(dict(schema))

    return answer


def _readiness_of(spec: ServiceSpec) -> _Endpoint:
    away: tuple[type[BaseException], ...] = (TimeoutError, *spec.unavailable)

    async def is_well(probe: Probe) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S_MAX):
                await probe()
        except away:
            return False
        return True

    async def answer(_: Request) -> Response:
        wells = await asyncio.gather(*(is_well(probe) for probe in spec.probes.values()))
        faults = tuple(
            Fault(f"/{name}", "part_away", "This part does not answer.")
            for name, well in zip(spec.probes, wells, strict=True)
            if not well
        )
        if faults:
            raise Refusal(NOT_READY, headers={"Retry-After": _READY_RETRY_AFTER_S}, faults=faults)
        return json_answer({"status": "ready", "parts": list(spec.probes)})

    return answer
