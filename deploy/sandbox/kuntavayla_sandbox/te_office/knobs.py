"""How a receiver misbehaves: set over HTTP, kept with its store, all off at first."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Answer(StrEnum):
    """How the answer to an item that was taken looks."""

    RECEIPT = "receipt"
    """As the contract says."""
    RECEIPT_FOLLOWS = "receipt_follows"
    """202; the receipt is posted to the relay later."""
    NO_RECEIPT = "no_receipt"
    OTHER_DIGEST = "other_digest"
    HTML = "html"
    REDIRECT = "redirect"
    BIG_BODY = "big_body"
    """A receipt in 10 MiB of white space."""
    CUT_OFF = "cut_off"
    """The connection ends in the middle of the receipt."""


class Breach(StrEnum):
    """A promise of the contract that the receiver does not keep."""

    TAKES_ANYBODY = "takes_anybody"
    IGNORES_DIGEST = "ignores_digest"
    IGNORES_KEY = "ignores_key"
    IGNORES_SIZE = "ignores_size"
    IGNORES_MEDIA_TYPE = "ignores_media_type"
    TAKES_OTHER_CONTENT = "takes_other_content"
    NEW_RECEIPT_EACH_TIME = "new_receipt_each_time"
    KNOWS_EVERY_CLIENT = "knows_every_client"
    KNOWS_EVERY_KIND = "knows_every_kind"
    KNOWS_EVERY_ORIGINAL = "knows_every_original"
    REFUSES_NEW_MEMBERS = "refuses_new_members"
    KEEPS_NOTHING = "keeps_nothing"
    """It answers 201 and forgets the item."""
    LISTS_NOTHING = "lists_nothing"
    LISTS_OTHER_DIGESTS = "lists_other_digests"
    IGNORES_LIMIT = "ignores_limit"


class Knobs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All knobs of one receiver.

    Errors come evenly: of a thousand calls so many, always the same ones. With
    `error_after_storing` the item is kept before the error is answered.
    """

    latency_ms: Milliseconds = 0
    error_per_mille: Annotated[int, Meta(ge=0, le=1_000)] = 0
    error_status: Annotated[int, Meta(ge=400, le=599)] = 503
    error_code: Code = "not_now"
    error_retry_after: Annotated[str, Meta(pattern=r"^[\x20-\x7E]{1,64}$")] | None = None
    error_x_road: Annotated[str, Meta(pattern=r"^[\x21-\x7E]{1,128}$")] | None = None
    error_after_storing: bool = False
    is_away: bool = False
    is_silent: bool = False
    answer: Answer = Answer.RECEIPT
    slow_byte_ms: Milliseconds = 0
    receipt_after_ms: Milliseconds = 0
    receipt_rejects: Code | None = None
    receipt_has_other_digest: bool = False
    clock_skew_s: Annotated[int, Meta(ge=-31_536_000, le=31_536_000)] = 0
    unknown_client_numbers: frozenset[str] = frozenset()
    rejected_kinds: dict[str, Code] = {}
    breaches: frozenset[Breach] = frozenset()


def is_faulty(call: int, *, per_mille: int) -> bool:
    """Tell whether this call of a receiver, counted from 1, is one that fails."""
    return call * per_mille // 1_000 > (call - 1) * per_mille // 1_000
