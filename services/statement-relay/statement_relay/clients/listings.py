"""What a receiver says that it took on a day, page by page; nothing in it is believed unread."""

from collections.abc import Sequence
from datetime import UTC, date
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

from kuntavayla.values.codes import Id, Instant, Reference
from statement_relay.clients.answers import JSON_TYPES
from statement_relay.clients.exchanges import Received
from statement_relay.rules.answers import Receipt
from statement_relay.rules.digests import Digest
from statement_relay.rules.reconciliations import HeldItem

PAGE_LINES = 200
"""Lines asked for at once, so that a page stays below what is read of it."""
PAGE_BYTES_MAX = 1_048_576
"""Bytes that are read of a page; the receiver contract names this bound."""
_OK = 200


class Question(Struct, frozen=True, kw_only=True):
    """One page of a day's list; `request_id` names this call."""

    day: date
    after: str | None
    request_id: str

    @property
    def query(self) -> str:
        """Return the query of the page."""
        pairs = {"received_on": self.day.isoformat(), "limit": str(PAGE_LINES)}
        return urlencode(pairs if self.after is None else {**pairs, "after": self.after})


class _Line(Struct, frozen=True):
    information_id: Id
    receipt_id: Reference
    received_at: Instant
    digest: Digest


class _Page(Struct, frozen=True):
    items: Annotated[list[_Line], Meta(max_length=PAGE_LINES)]
    next_cursor: Annotated[str, Meta(min_length=1, max_length=255)] | None


class Page(Struct, frozen=True):
    """One page as it was read."""

    items: Sequence[HeldItem]
    next_cursor: str | None


_decode = msgspec.json.Decoder(_Page).decode


def question_headers(question: Question) -> dict[str, str]:
    """Return the headers of a GET."""
    return {"X-Request-Id": question.request_id}


def page_of(received: Received) -> Page | None:
    """Return the page that came, or None for what is none."""
    if received.status != _OK or received.media_type not in JSON_TYPES:
        return None
    try:
        page = _decode(received.body)
        items = [_held(line) for line in page.items]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    return Page(items, page.next_cursor)


def _held(line: _Line) -> HeldItem:
    """Return an item with its time in UTC; raises OverflowError for one of no time that is."""
    received_at = line.received_at.astimezone(UTC)
    return HeldItem(line.information_id, Receipt(line.receipt_id, received_at, line.digest))
