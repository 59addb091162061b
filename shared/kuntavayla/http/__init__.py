"""The HTTP edge that all services share: bodies, answers, problems, batches, and the app itself."""

from kuntavayla.http.answers import (
    csv_answer,
    etag_of,
    json_answer,
    ndjson_answer,
    require_match,
    to_instant_text,
)
from kuntavayla.http.batching import BatchLimits, MicroBatcher
from kuntavayla.http.bodies import BodyLimits, read_body
from kuntavayla.http.clients import open_client
from kuntavayla.http.decoding import InvalidBody, JsonDecoder
from kuntavayla.http.exchanges import caller_of, exchange_of
from kuntavayla.http.failures import problem_answer
from kuntavayla.http.halving import Remedy, run_halving
from kuntavayla.http.headers import (
    ACTING_OFFICIAL,
    ACTING_OFFICIAL_IF_ANY,
    ACTING_OFFICIAL_UNLESS_IN_BODY,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    LOCATION,
    NEXT_CURSOR,
    REPLAYED,
    AlsoCsv,
    Headed,
)
from kuntavayla.http.idempotency_keys import idempotency_key
from kuntavayla.http.lines import read_lines, split_lines
from kuntavayla.http.openapi import described
from kuntavayla.http.problems import (
    CURSOR_EXPIRED,
    CURSOR_MALFORMED,
    EDGE_PROBLEMS,
    IF_MATCH_MISSING,
    VERSION_DIFFERS,
    Problem,
    item_problem,
    problem_codes,
    problem_of,
)
from kuntavayla.http.rates import RateLimit, RateLimiter
from kuntavayla.http.routes import SecuredRoute, secured_router
from kuntavayla.http.service import ServiceDocuments, ServiceSpec, create_service

__all__ = [
    "ACTING_OFFICIAL",
    "ACTING_OFFICIAL_IF_ANY",
    "ACTING_OFFICIAL_UNLESS_IN_BODY",
    "CURSOR_EXPIRED",
    "CURSOR_MALFORMED",
    "EDGE_PROBLEMS",
    "ETAG",
    "IDEMPOTENCY_KEY",
    "IF_MATCH",
    "IF_MATCH_MISSING",
    "LOCATION",
    "NEXT_CURSOR",
    "REPLAYED",
    "VERSION_DIFFERS",
    "AlsoCsv",
    "BatchLimits",
    "BodyLimits",
    "Headed",
    "InvalidBody",
    "JsonDecoder",
    "MicroBatcher",
    "Problem",
    "RateLimit",
    "RateLimiter",
    "Remedy",
    "SecuredRoute",
    "ServiceDocuments",
    "ServiceSpec",
    "caller_of",
    "create_service",
    "csv_answer",
    "described",
    "etag_of",
    "exchange_of",
    "idempotency_key",
    "item_problem",
    "json_answer",
    "ndjson_answer",
    "open_client",
    "problem_answer",
    "problem_codes",
    "problem_of",
    "read_body",
    "read_lines",
    "require_match",
    "run_halving",
    "secured_router",
    "split_lines",
    "to_instant_text",
]
