"""The one middleware, plain ASGI: ids, security headers, metrics, one log line, last resort.

Plain, because Starlette's BaseHTTPMiddleware runs each request in a task of its own and breaks
context variables.
"""

from collections.abc import MutableMapping
from time import perf_counter
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kuntavayla.http.exchanges import Exchange, exchange_in
from kuntavayla.http.failures import internal_fault
from kuntavayla.telemetry import RequestMetrics, enter_trace, log

UNMATCHED = "unmatched"
_CLIENT_GONE = 499
_INTERNAL = 500
_OK = 200
_QUIET = ("/livez", "/readyz")
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
_NOT_STORED = (b"cache-control", b"no-store")
_NO_CONTENT_RUNS = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Edge:
    """Wrap the app: what every request gets, whatever its route."""

    def __init__(self, app: ASGIApp, *, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never lets an exception of the app through before an answer began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        exchange = exchange_in(scope)
        enter_trace(exchange.trace)
        answer = _Answer(send, exchange)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = _CLIENT_GONE
        except Exception as error:  # the edge of the process: the caller gets a 500 in our form
            answer_fault = internal_fault(scope, error)
            if answer.is_started:
                raise
            await answer_fault(scope, receive, answer.send)
        finally:
            self._report(scope, answer, seconds=perf_counter() - started)

    def _report(self, scope: Scope, answer: "_Answer", *, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        method = scope["method"]
        self._metrics.observe((method, route, answer.status), seconds=seconds)
        if answer.status == _OK and route.endswith(_QUIET):
            return
        caller = exchange_in(scope).caller
        log.info(
            "request.answered",
            method=method,
            route=None if route is UNMATCHED else route,
            status=answer.status,
            duration_us=int(seconds * 1_000_000),
            organisation=caller.organisation if caller is not None else None,
        )


class _Answer:
    """The answer on its way out: adds our headers and remembers its status."""

    __slots__ = ("_exchange", "_send", "is_started", "status")

    def __init__(self, send: Send, exchange: Exchange) -> None:
        self._send = send
        self._exchange = exchange
        self.is_started = False
        self.status = _INTERNAL

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one gets our headers."""
        if message["type"] == "http.response.start":
            self.is_started = True
            self.status = message["status"]
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = message["headers"]
        names = dict(headers)
        trace = self._exchange.trace
        added = [
            *headers,
            *_ALWAYS,
            (b"x-request-id", trace.request_id.encode()),
            (b"traceparent", trace.traceparent.encode()),
        ]
        if b"cache-control" not in names:
            added.append(_NOT_STORED)
        if not names.get(b"content-type", b"").startswith(b"text/html"):
            added.append(_NO_CONTENT_RUNS)
        message["headers"] = added
