"""What came of one call to a receiver, in the terms by which it is judged."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Failure = Literal[
    "unreachable",
    "certificate_refused",
    "token_unavailable",
    "too_slow",
    "cut_off",
    "malformed",
]
"""Why there is no answer of the receiver's.

With the first three nothing was sent. With the others the receiver may have the item.
"""
Content = Literal["receipt", "other_digest", "problem", "nothing", "unreadable", "too_large"]
"""What the body was: a receipt, one with another digest, a problem document, empty, or not ours."""


class Receipt(Struct, frozen=True, kw_only=True):
    """A receiver's word that it has an item; further members are accepted and left out."""

    receipt_id: Annotated[str, Meta(pattern=r"^[!-~]{1,255}$")]
    received_at: Annotated[datetime, Meta(tz=True)]
    digest: Annotated[str, Meta(max_length=200)]


class Answer(Struct, frozen=True, kw_only=True):
    """One call's outcome: either `failure`, or `status` with what was read of the rest.

    `code` is the receiver's own problem code. `is_from_bus` says that X-Road itself failed and the
    receiver may or may not have the item.
    """

    failure: Failure | None = None
    status: int | None = None
    content: Content = "nothing"
    code: str | None = None
    receipt: Receipt | None = None
    retry_after_s: int | None = None
    is_from_bus: bool = False
    request_hash: str | None = None
