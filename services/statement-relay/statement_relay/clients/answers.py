"""From what came over the line to an `Answer`: nothing in it is believed without a look."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from statement_relay.clients.exchanges import Received
from statement_relay.rules.answers import Answer, Content, Failure, Receipt

JSON_TYPES = frozenset({"application/json", "application/problem+json"})
BUS_ERROR = "X-Road-Error"
REQUEST_HASH = "X-Road-Request-Hash"
REQUEST_HASH_LENGTH_MAX = 200
RETRY_AFTER_S_MAX = 86_400
"""A receiver that wants us back later than in a day is asked again after a day."""
_SECONDS_DIGITS_MAX = 9
_SUCCESSES = (200, 201)


class _Problem(Struct, frozen=True):
    """A problem document's code; what else it says is the receiver's own."""

    code: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


_decode_receipt = msgspec.json.Decoder(Receipt).decode
_decode_problem = msgspec.json.Decoder(_Problem).decode


def answer_of(
    received: Received | Failure, *, digest: str, clock: Callable[[], datetime]
) -> Answer:
    """Return the answer to an item whose bytes have this digest."""
    if isinstance(received, str):
        return Answer(failure=received)
    content, receipt, code = _content_of(received, digest=digest)
    return Answer(
        status=received.status,
        content=content,
        code=code,
        receipt=receipt,
        retry_after_s=retry_after_s_of(received, clock=clock),
        is_from_bus=BUS_ERROR in received.headers,
        request_hash=_request_hash_of(received),
    )


def _content_of(received: Received, *, digest: str) -> tuple[Content, Receipt | None, str | None]:
    """Return what the body is, its receipt, and its problem's code."""
    body = received.body
    if body is None:
        return "too_large", None, None
    if not body:
        return "nothing", None, None
    if received.media_type not in JSON_TYPES:
        return "unreadable", None, None
    try:
        if received.status in _SUCCESSES:
            receipt = _decode_receipt(body)
            same: Content = "receipt" if receipt.digest == digest else "other_digest"
            return same, receipt, None
        return "problem", None, _decode_problem(body).code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unreadable", None, None


def retry_after_s_of(received: Received, *, clock: Callable[[], datetime]) -> int | None:
    """Return how long the receiver wants to be left alone, at most a day.

    A date is measured from the receiver's own `Date`, so that a clock that is off does no harm.
    """
    text = received.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        is_long = len(text) > _SECONDS_DIGITS_MAX
        return RETRY_AFTER_S_MAX if is_long else min(int(text), RETRY_AFTER_S_MAX)
    until = _instant_of(text)
    if until is None:
        return None
    since = _instant_of(received.headers.get("Date", "")) or clock()
    return min(max(0, int((until - since).total_seconds())), RETRY_AFTER_S_MAX)


def _instant_of(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _request_hash_of(received: Received) -> str | None:
    text = received.headers.get(REQUEST_HASH, "")
    is_fit = text.isascii() and text.isprintable() and 0 < len(text) <= REQUEST_HASH_LENGTH_MAX
    return text if is_fit else None
