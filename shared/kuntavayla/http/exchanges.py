"""One exchange: what the edge learned about a request before its route is called."""

from starlette.requests import Request
from starlette.types import Scope

from kuntavayla.auth import Caller
from kuntavayla.telemetry import Trace, trace_of
from kuntavayla.values.officials import ActingOfficial

_KEY = "kuntavayla.exchange"


class Exchange:
    """Headers by lower-case name, the trace, the caller once admitted, the official once known."""

    __slots__ = ("caller", "headers", "official", "trace")

    def __init__(self, scope: Scope) -> None:
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.caller: Caller | None = None
        self.official: ActingOfficial | None = None
        request_id = self.headers.get(b"x-request-id")
        traceparent = self.headers.get(b"traceparent")
        self.trace: Trace = trace_of(
            request_id.decode("latin-1") if request_id else None,
            traceparent.decode("latin-1") if traceparent else None,
        )

    def header(self, name: bytes) -> str | None:
        """Return a header's text, or None; the name is in small letters."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def exchange_in(scope: Scope) -> Exchange:
    """Return the exchange of an ASGI scope, made at its first use."""
    exchange = scope.get(_KEY)
    if exchange is None:
        exchange = scope[_KEY] = Exchange(scope)
    assert isinstance(exchange, Exchange)
    return exchange


def exchange_of(request: Request) -> Exchange:
    """Return the exchange of a request."""
    return exchange_in(request.scope)


def caller_of(request: Request) -> Caller:
    """Return who calls; only for routes that need a token, where it was verified already."""
    caller = exchange_in(request.scope).caller
    assert caller is not None, "an open route has no caller"
    return caller
