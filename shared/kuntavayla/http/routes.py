"""Routes that admit a caller first: token, rate, scope and query come before the body.

A route whose only argument is the request runs without FastAPI's dependencies, which cost more than
all the rest of a small call. Routes with typed path and query parameters run through FastAPI.
"""

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from kuntavayla.auth import OPEN, Open, Refusal, TokenVerifier, require_scope
from kuntavayla.errors import Fault
from kuntavayla.http.exchanges import exchange_in
from kuntavayla.http.faults import pointer_of
from kuntavayla.http.problems import PARAMETERS_INVALID
from kuntavayla.http.rates import RateLimiter
from kuntavayla.values.identity_codes import holds_identity_code

_PARAMETERS_MAX = 50
_QUERY_ADVICE = {
    "unknown_parameter": "Leave out what openapi.json does not list.",
    "parameter_repeated": "Give each parameter once.",
    "parameter_holds_identity_code": "Give no personal identity code in an address.",
}


class SecuredRoute(APIRoute):
    """A route of the API; `create_service` gives it its scope and its verifier by `secure`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401
        super().__init__(path, endpoint, **options)
        self._inner: ASGIApp = self.app if _has_parameters(endpoint) else _Direct(endpoint)
        self._query_names = self._declared_query_names()
        self.scope_needed: str | Open | None = None
        self.app = self._admit

    def secure(self, scope: str | Open) -> None:
        """Say which scope callers need."""
        self.scope_needed = scope

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        needed = self.scope_needed
        assert needed is not None, "a route without a scope is never served"
        if needed is not OPEN:
            verifier: TokenVerifier = scope["app"].state.verifier
            exchange = exchange_in(scope)
            caller = await verifier.verify(exchange.header(b"authorization"))
            exchange.caller = caller
            rates: RateLimiter | None = scope["app"].state.rates
            if rates is not None:
                rates.take(caller.organisation)
            if needed not in caller.scopes:
                require_scope(caller, str(needed))
        if scope["query_string"]:
            self._check_query(scope["query_string"])
        await self._inner(scope, receive, send)

    def _declared_query_names(self) -> frozenset[str]:
        declared = (self.openapi_extra or {}).get("parameters", ())
        named = {entry["name"] for entry in declared if entry.get("in") == "query"}
        return frozenset(named | {field.alias for field in self.dependant.query_params})

    def _check_query(self, query: bytes) -> None:
        """Refuse a query that the call does not know to the last name.

        A mistyped filter would answer too much, one given twice leaves open which of them counts,
        and an identity code in an address stands in the logs of everybody on the way.
        """
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, max_num_fields=_PARAMETERS_MAX
            )
        except ValueError:
            fault = Fault("/query", "parameter_malformed", "Give the query as name=value pairs.")
            raise Refusal(PARAMETERS_INVALID, faults=(fault,)) from None
        seen: set[str] = set()
        faults: list[Fault] = []
        for name, value in pairs:
            code = self._query_fault(name, value, seen=seen)
            if code is not None:
                faults.append(Fault(pointer_of(("query", name)), code, _QUERY_ADVICE[code]))
            seen.add(name)
        if faults:
            raise Refusal(PARAMETERS_INVALID, faults=tuple(faults))

    def _query_fault(self, name: str, value: str, *, seen: set[str]) -> str | None:
        if name not in self._query_names:
            return "unknown_parameter"
        if name in seen:
            return "parameter_repeated"
        return "parameter_holds_identity_code" if holds_identity_code(value) else None


class _Direct:
    """Call an endpoint with the request alone; failures go to the app's handlers."""

    def __init__(self, endpoint: Callable[..., Any]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def _has_parameters(endpoint: Callable[..., Any]) -> bool:
    parameters = tuple(inspect.signature(endpoint).parameters.values())
    is_request = len(parameters) == 1 and parameters[0].annotation is Request
    return not (is_request and inspect.iscoroutinefunction(endpoint))


def secured_router(prefix: str) -> APIRouter:
    """Return a router of secured routes under the service's prefix, such as "/routing/v1"."""
    return APIRouter(prefix=prefix, route_class=SecuredRoute)
