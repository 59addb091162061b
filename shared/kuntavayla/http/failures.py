"""How failures leave the service: each becomes a problem document with its status and headers."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from kuntavayla.auth import ProblemCode, Refusal
from kuntavayla.errors import DomainError, Fault, Unavailable
from kuntavayla.http.exchanges import exchange_in
from kuntavayla.http.faults import pointer_of
from kuntavayla.http.problems import (
    INTERNAL_FAULT,
    METHOD_NOT_ALLOWED,
    PARAMETERS_INVALID,
    PATH_NOT_FOUND,
    REQUEST_REFUSED,
    problem_of,
    retry_after_s,
    safe_instance,
)
from kuntavayla.telemetry import log

AWAY_RETRY_AFTER_S = 2


class OnRefused(Protocol):
    """Puts on record that an admitted caller was refused by right (403), before the answer leaves.

    It bounds its own time. Where it raises TimeoutError or one of the service's `unavailable`
    exceptions the caller is refused all the same, and the log says that the record is missing.
    """

    async def __call__(self, request: Request, *, route: str, code: str) -> None:
        """Record the refusal of a request; `route` is the template of its route."""


_encode = msgspec.json.Encoder().encode


class ProblemAnswer(Response):
    """A problem document on its way out."""

    media_type = "application/problem+json"


def problem_answer(scope: Scope, failure: DomainError | Refusal) -> Response:
    """Return the answer to a failure of this request."""
    exchange = exchange_in(scope)
    problem = problem_of(
        failure,
        instance=safe_instance(scope["path"]),
        request_id=exchange.trace.request_id,
    )
    headers = dict(failure.headers) if isinstance(failure, Refusal) else {}
    wait_s = retry_after_s(failure)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    return ProblemAnswer(_encode(problem), status_code=problem.status, headers=headers)


def internal_fault(scope: Scope, error: Exception) -> Response:
    """Log an unforeseen error by type and frames; return a 500 that says nothing of it."""
    log.error("request.failed", exc_info=error)
    return problem_answer(scope, Refusal(INTERNAL_FAULT))


def add_handlers(
    app: Starlette,
    *,
    unavailable: tuple[type[BaseException], ...],
    on_refused: OnRefused | None = None,
) -> None:
    """Make every failure of the app's routes a problem document.

    `unavailable` are the exceptions that mean "the database is away, or a commit's outcome
    unknown": 503.
    """
    answer_failure = _failure_handler(on_refused, away=(TimeoutError, *unavailable))
    app.add_exception_handler(Refusal, answer_failure)
    app.add_exception_handler(DomainError, answer_failure)
    app.add_exception_handler(HTTPException, _answer_starlette)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    for kind in unavailable:
        assert issubclass(kind, Exception), "only exceptions can be answered"
        app.add_exception_handler(kind, _answer_away)


_Handler = Callable[[Request, Exception], Awaitable[Response]]


def _failure_handler(
    on_refused: OnRefused | None, *, away: tuple[type[BaseException], ...]
) -> _Handler:
    async def answer_failure(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomainError | Refusal)
        answer = problem_answer(request.scope, error)
        is_admitted = exchange_in(request.scope).caller is not None
        if on_refused is not None and is_admitted and answer.status_code == HTTPStatus.FORBIDDEN:
            try:
                await on_refused(request, route=request.scope["route"].path, code=_code_of(error))
            except away as failure:
                log.warning("request.refusal_not_recorded", error_type=type(failure).__name__)
        return answer

    return answer_failure


def _code_of(failure: DomainError | Refusal) -> str:
    return failure.problem.code if isinstance(failure, Refusal) else failure.code


async def _answer_away(request: Request, error: Exception) -> Response:
    log.warning("request.unavailable", error_type=type(error).__name__)
    return problem_answer(request.scope, Unavailable(retry_after_s=AWAY_RETRY_AFTER_S))


async def _answer_starlette(request: Request, error: Exception) -> Response:
    """Answer the router's own refusals; their text is not ours and is not shown."""
    assert isinstance(error, HTTPException)
    return problem_answer(
        request.scope, Refusal(_problem_of_status(error.status_code), headers=error.headers or {})
    )


def _problem_of_status(status: int) -> ProblemCode:
    match status:
        case 404:
            return PATH_NOT_FOUND
        case 405:
            return METHOD_NOT_ALLOWED
        case _:
            return REQUEST_REFUSED


async def _answer_parameters(request: Request, error: Exception) -> Response:
    """Answer faults of path and query: a path that holds no id is no path, the rest is 422."""
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["loc"][0] == "path" for fault in faults):
        return problem_answer(request.scope, Refusal(PATH_NOT_FOUND))
    refusal = Refusal(PARAMETERS_INVALID, faults=tuple(_parameter_fault(fault) for fault in faults))
    return problem_answer(request.scope, refusal)


def _parameter_fault(fault: dict[str, Any]) -> Fault:
    """Return the fault of one parameter; pydantic's own text is not shown, because it quotes."""
    pointer = pointer_of(tuple(fault["loc"]))
    match fault["type"]:
        case "missing":
            return Fault(pointer, "required_parameter_missing", "Give this parameter.")
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return Fault(pointer, "parameter_out_of_range", "Give a value within its bounds.")
        case "enum" | "literal_error":
            return Fault(pointer, "value_not_listed", "Give one of the values in openapi.json.")
        case _:
            return Fault(pointer, "parameter_malformed", "Give the value as openapi.json says.")
