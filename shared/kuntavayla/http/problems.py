"""Problem documents (RFC 9457): one shape for every failure, and the public problems of the edge.

What belongs here: from a failure to its document. How a document is sent stands in
`kuntavayla.http.failures`.
"""

import re
from http import HTTPStatus
from uuid import UUID

from msgspec import Struct

from kuntavayla.auth import AUTH_PROBLEMS, ProblemCode, Refusal
from kuntavayla.errors import DomainError, Fault, InvalidContent, Kind
from kuntavayla.telemetry import looks_like_identity_code

PAGES = "https://docs.kuntavayla.example/problems/"
_SEGMENT = re.compile(r"[A-Za-z0-9_.:-]{0,64}")

JSON_MALFORMED = ProblemCode("json_malformed", 400, "The body is not well-formed JSON")
GZIP_MALFORMED = ProblemCode("gzip_malformed", 400, "The body is not well-formed gzip")
KEY_MISSING = ProblemCode("idempotency_key_missing", 400, "The call has no Idempotency-Key")
KEY_MALFORMED = ProblemCode(
    "idempotency_key_malformed", 400, "The Idempotency-Key is not in the agreed form"
)
PATH_NOT_FOUND = ProblemCode("path_not_found", 404, "There is nothing at this address")
METHOD_NOT_ALLOWED = ProblemCode("method_not_allowed", 405, "This address has no such method")
VERSION_DIFFERS = ProblemCode("version_differs", 412, "Another version is current by now")
BODY_TOO_LARGE = ProblemCode("body_too_large", 413, "The body is larger than this call takes")
LINE_TOO_LARGE = ProblemCode("line_too_large", 413, "The line is longer than this call takes")
TOO_MANY_LINES = ProblemCode("too_many_lines", 413, "The body has more lines than this call takes")
MEDIA_TYPE_REFUSED = ProblemCode(
    "media_type_refused", 415, "The body is not of the media type that this call takes"
)
ENCODING_REFUSED = ProblemCode(
    "content_encoding_refused", 415, "The body's content encoding is not taken"
)
PARAMETERS_INVALID = ProblemCode("invalid_content", 422, "The parameters have faults")
CURSOR_MALFORMED = ProblemCode("cursor_malformed", 400, "The cursor is none of ours")
CURSOR_EXPIRED = ProblemCode("cursor_expired", 410, "What the cursor points at is kept no longer")
IF_MATCH_MISSING = ProblemCode("if_match_missing", 428, "The call needs If-Match")
TOO_MANY_CALLS = ProblemCode(
    "too_many_calls", 429, "The organisation makes more calls than it may", is_retryable=True
)
INTERNAL_FAULT = ProblemCode("internal_fault", 500, "The service met a fault of its own")
NOT_READY = ProblemCode("not_ready", 503, "The service is not ready", is_retryable=True)
REQUEST_REFUSED = ProblemCode("request_refused", 400, "The request cannot be answered")

EDGE_PROBLEMS: tuple[ProblemCode, ...] = (
    *AUTH_PROBLEMS,
    JSON_MALFORMED,
    GZIP_MALFORMED,
    KEY_MISSING,
    KEY_MALFORMED,
    PATH_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    VERSION_DIFFERS,
    BODY_TOO_LARGE,
    LINE_TOO_LARGE,
    TOO_MANY_LINES,
    MEDIA_TYPE_REFUSED,
    ENCODING_REFUSED,
    PARAMETERS_INVALID,
    CURSOR_MALFORMED,
    CURSOR_EXPIRED,
    IF_MATCH_MISSING,
    TOO_MANY_CALLS,
    INTERNAL_FAULT,
    NOT_READY,
    REQUEST_REFUSED,
)
"""Every problem that the edge itself answers."""


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller reads about a failure; it never holds a value of the request."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    code: str
    request_id: str | None = None
    is_retryable: bool
    facts: dict[str, str | int] | None = None
    errors: tuple[Fault, ...] = ()


def status_of(kind: Kind) -> int:
    """Return the HTTP status of a kind of failure; the one table of this edge."""
    match kind:
        case Kind.INVALID:
            return 422
        case Kind.NOT_FOUND:
            return 404
        case Kind.FORBIDDEN:
            return 403
        case Kind.CONFLICT:
            return 409
        case Kind.UNAVAILABLE:
            return 503


def problem_codes() -> tuple[ProblemCode, ...]:
    """Return every public problem of this process: the edge's and every failure class's."""
    failures = {
        kind.code: ProblemCode(
            kind.code,
            status_of(kind.kind),
            kind.title(),
            is_retryable=kind.kind is Kind.UNAVAILABLE,
        )
        for kind in _failure_classes(DomainError)
    }
    known = {problem.code: problem for problem in EDGE_PROBLEMS}
    return tuple(sorted({**known, **failures}.values(), key=lambda problem: problem.code))


def _failure_classes(parent: type[DomainError]) -> list[type[DomainError]]:
    found: list[type[DomainError]] = []
    for child in parent.__subclasses__():
        if "code" in child.__dict__:
            found.append(child)
        found.extend(_failure_classes(child))
    return found


def retry_after_s(failure: DomainError | Refusal) -> int | None:
    """Return after how many seconds the same call may succeed, where the failure says so."""
    if isinstance(failure, Refusal):
        text = failure.headers.get("Retry-After")
        return int(text) if text else None
    told = getattr(failure, "retry_after_s", None) or failure.facts.get("retry_after_s")
    return told if isinstance(told, int) else None


def problem_of(
    failure: DomainError | Refusal,
    *,
    instance: str | None = None,
    request_id: str | None = None,
) -> Problem:
    """Return the document of a failure; the short one of an item or line has no instance."""
    if isinstance(failure, Refusal):
        problem = failure.problem
        return Problem(
            type=page_of(problem.code, status=problem.status),
            title=problem.title,
            status=problem.status,
            detail=failure.detail,
            instance=instance,
            code=problem.code,
            request_id=request_id,
            is_retryable=problem.is_retryable,
            errors=failure.faults,
        )
    return Problem(
        type=page_of(failure.code, status=status_of(failure.kind)),
        title=_title_of(failure),
        status=status_of(failure.kind),
        detail=_detail_of(failure),
        instance=instance,
        code=failure.code,
        request_id=request_id,
        is_retryable=failure.kind is Kind.UNAVAILABLE or retry_after_s(failure) is not None,
        facts=dict(failure.facts) or None,
        errors=failure.faults if isinstance(failure, InvalidContent) else (),
    )


def item_problem(failure: Exception) -> Problem:
    """Return the short document of one item or line; what is no failure of ours is a 500."""
    if isinstance(failure, DomainError | Refusal):
        return problem_of(failure)
    return problem_of(Refusal(INTERNAL_FAULT))


def page_of(code: str, *, status: int) -> str:
    """Return the address of a problem's page; all that is not found has one page (examples.md)."""
    return PAGES + page_name(code, status=status)


def page_name(code: str, *, status: int) -> str:
    """Return the name of a problem's page, a file of `docs/problems`."""
    return "not-found" if status == HTTPStatus.NOT_FOUND else code.replace("_", "-")


def safe_instance(path: str) -> str:
    """Return the path of a request, without what a caller may have put in it by mistake."""
    return "/".join(_safe_segment(segment) for segment in path.split("/"))


def _safe_segment(segment: str) -> str:
    if _SEGMENT.fullmatch(segment) is None:
        return "[redacted]"
    if not looks_like_identity_code(segment):
        return segment
    try:
        return str(UUID(segment.partition(":")[0])) + "".join(segment.partition(":")[1:])
    except ValueError:
        return "[redacted]"


def _title_of(failure: DomainError) -> str:
    if not isinstance(failure, InvalidContent):
        return failure.title()
    count = len(failure.faults)
    noun = getattr(failure, "noun", "content")
    return f"The {noun} has {count} {'fault' if count == 1 else 'faults'}"


def _detail_of(failure: DomainError) -> str | None:
    match failure.kind:
        case Kind.INVALID:
            return "Nothing was stored."
        case Kind.UNAVAILABLE:
            return "Send the same request again after the time that Retry-After gives."
        case Kind.NOT_FOUND | Kind.CONFLICT | Kind.FORBIDDEN:
            return None
