"""Refusals of the edge, answered before an operation is called, and the public codes they carry.

What belongs here: the value that names a public problem, the exception that carries it, and the
problems that identity and rights can cause. Those of bodies and headers stand in
`kuntavayla.http.problems`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kuntavayla.errors import Fault

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """A public problem: its code, HTTP status, title, and whether the same call may succeed later.

    Each has a page `docs/problems/<code with hyphens>.md`.
    """

    code: str
    status: int
    title: str
    is_retryable: bool = False


class Refusal(Exception):
    """The edge answers this call itself; no operation was called and nothing was stored."""

    def __init__(
        self,
        problem: ProblemCode,
        *,
        detail: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.detail = detail
        self.headers = headers
        self.faults = faults


TOKEN_MISSING = ProblemCode("token_missing", 401, "No access token was given")
TOKEN_EXPIRED = ProblemCode("token_expired", 401, "The access token has expired")
TOKEN_INVALID = ProblemCode("token_invalid", 401, "The access token is not valid")
TOKEN_WRONG_AUDIENCE = ProblemCode(
    "token_wrong_audience", 401, "The access token is meant for another service"
)
ISSUER_AWAY = ProblemCode(
    "issuer_away", 503, "The token issuer cannot be asked now", is_retryable=True
)
ORGANISATION_UNKNOWN = ProblemCode(
    "organisation_unknown", 403, "The token's organisation is not in the register"
)
SCOPE_MISSING = ProblemCode("scope_missing", 403, "The access token lacks the scope of this call")
CALLER_KIND_REFUSED = ProblemCode(
    "caller_kind_refused", 403, "This call is not for organisations of the caller's kind"
)
OFFICIAL_MISSING = ProblemCode(
    "acting_official_missing", 400, "The call does not name the official who acts"
)
OFFICIAL_MALFORMED = ProblemCode(
    "acting_official_malformed", 400, "The acting official is not in the agreed form"
)

AUTH_PROBLEMS: tuple[ProblemCode, ...] = (
    TOKEN_MISSING,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_WRONG_AUDIENCE,
    ISSUER_AWAY,
    ORGANISATION_UNKNOWN,
    SCOPE_MISSING,
    CALLER_KIND_REFUSED,
    OFFICIAL_MISSING,
    OFFICIAL_MALFORMED,
)
"""Every problem that identity and rights can cause."""
