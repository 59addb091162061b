"""From what came over the line to an `Answer`: nothing in it is believed without a look."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from statement_relay.clients.exchanges import Received
from statement_relay.rules.answers import Answer, Failure, Receipt

JSON_TYPES = frozenset({"application/json", "application/problem+json"})
BUS_ERROR = "X-Road-Error"
REQUEST_HASH = "X-Road-Request-Hash"
REQUEST_HASH_LENGTH_MAX = 200
RETRY_AFTER_S_MAX = 86_400
"""A receiver that wants us back later than in a day is asked again after a day."""
_SECONDS_DIGITS_MAX = 9


class _Problem(Struct, frozen=True):
    """A problem document's code; what else it says is the receiver's own."""

    code: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


_decode_receipt = msgspec.json.Decoder(Receipt).decode
_decode_problem = msgspec.json.Decoder(_Problem).decode
T = TypeVar("T")


def answer_of(received: Received | Failure, *, clock: Callable[[], datetime]) -> Answer:
    """Return what came back, as far as it can be read."""
    if isinstance(received, str):
        return Answer(failure=received)
    is_json = received.media_type in JSON_TYPES and _is_json(received.body)
    problem = _read(received.body, _decode_problem) if is_json else None
    return Answer(
        status=received.status,
        code=None if problem is None else problem.code,
        is_json=is_json,
        has_x_road_error=BUS_ERROR in received.headers,
        receipt=_receipt_of(received.body) if is_json else None,
        retry_after_s=retry_after_s_of(received, clock=clock),
        request_hash=_request_hash_of(received),
    )


def _is_json(body: bytes) -> bool:
    return _read(body, msgspec.json.Decoder(msgspec.Raw).decode) is not None


def _read(body: bytes, decode: Callable[[bytes], T]) -> T | None:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _receipt_of(body: bytes) -> Receipt | None:
    """Return the receipt with its time in UTC, or None for what is none, or of no time that is."""
    receipt = _read(body, _decode_receipt)
    if receipt is None:
        return None
    try:
        return replace(receipt, received_at=receipt.received_at.astimezone(UTC))
    except OverflowError:
        return None


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
