"""Who calls, what they may do, on whose behalf: tokens, scopes, officials, refusals of the edge."""

from kuntavayla.auth.callers import Caller, KnownOrganisation, require_kind, require_scope
from kuntavayla.auth.granting import (
    HttpTokenLine,
    TokenCache,
    TokenLine,
    TokenReply,
    TokenRequest,
)
from kuntavayla.auth.keys import HttpKeySource, KeySource, SigningKeys
from kuntavayla.auth.officials import official_of, parse_official, require_official
from kuntavayla.auth.refusals import (
    AUTH_PROBLEMS,
    OFFICIAL_MALFORMED,
    OFFICIAL_MISSING,
    ProblemCode,
    Refusal,
)
from kuntavayla.auth.scopes import OPEN, Open, ScopeTable
from kuntavayla.auth.tokens import TokenVerifier

__all__ = [
    "AUTH_PROBLEMS",
    "OFFICIAL_MALFORMED",
    "OFFICIAL_MISSING",
    "OPEN",
    "Caller",
    "HttpKeySource",
    "HttpTokenLine",
    "KeySource",
    "KnownOrganisation",
    "Open",
    "ProblemCode",
    "Refusal",
    "ScopeTable",
    "SigningKeys",
    "TokenCache",
    "TokenLine",
    "TokenReply",
    "TokenRequest",
    "TokenVerifier",
    "official_of",
    "parse_official",
    "require_kind",
    "require_official",
    "require_scope",
]
