"""Pages of lists: how many items, and opaque cursors that say where a page begins."""

import base64
import binascii
import uuid
from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from kuntavayla.auth import Refusal
from kuntavayla.http import CURSOR_MALFORMED

T = TypeVar("T")
LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
NUMBER_DIGITS_MAX = 18
"""Digits of the largest number that a cursor of ours holds; all of them fit into a bigint."""
NIL_ID = str(uuid.UUID(int=0))

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items of one page, at most.")]
After = Annotated[
    str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
]


def cursor_text(place: str) -> str:
    """Return an opaque cursor of a list."""
    return base64.urlsafe_b64encode(place.encode()).decode()


def place_of_id(after: str | None) -> str:
    """Return the id behind which a page begins; a cursor of another kind is refused."""
    if after is None:
        return NIL_ID
    try:
        return str(uuid.UUID(_place(after)))
    except ValueError as error:
        raise Refusal(CURSOR_MALFORMED) from error


def cursor_of_snapshot(place: str, *, epoch: int) -> str:
    """Return the cursor of a page of a snapshot; it holds as long as its epoch."""
    return cursor_text(f"{epoch}.{place}")


def place_of_snapshot(after: str | None) -> tuple[int | None, str]:
    """Return epoch and id behind which a page of a snapshot begins."""
    if after is None:
        return None, NIL_ID
    epoch, _, place = _place(after).partition(".")
    if len(epoch) > NUMBER_DIGITS_MAX or not epoch.isdecimal():
        raise Refusal(CURSOR_MALFORMED)
    return int(epoch), place_of_id(cursor_text(place))


def place_of_number(after: str | None) -> int:
    """Return the number behind which a page begins; a cursor of another kind is refused."""
    if after is None:
        return 0
    place = _place(after)
    if len(place) > NUMBER_DIGITS_MAX or not place.isdecimal():
        raise Refusal(CURSOR_MALFORMED)
    return int(place)


def _place(after: str) -> str:
    try:
        return base64.urlsafe_b64decode(after.encode("ascii")).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise Refusal(CURSOR_MALFORMED) from error


def next_cursor(places: Sequence[str], *, limit: int) -> str | None:
    """Return the cursor behind a full page, None where the list has ended."""
    return cursor_text(places[-1]) if len(places) == limit else None


def page_of(
    items: Sequence[T], keys: Sequence[str], *, after: str | None, limit: int
) -> tuple[list[T], str | None]:
    """Return a page of a list in memory, sorted by its keys, and the cursor behind it."""
    first = 0 if after is None else bisect_right(keys, _place(after))
    page = list(items[first : first + limit])
    has_more = first + limit < len(items)
    return page, cursor_text(keys[first + limit - 1]) if has_more else None
