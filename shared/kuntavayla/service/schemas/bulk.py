"""The last line of a bulk answer."""

from msgspec import Struct


class BulkSummary(Struct, frozen=True):
    """What a bulk call came to; an answer without it is incomplete."""

    lines: int
    created: int
    replayed: int
    failed: int


class BulkEnd(Struct, frozen=True):
    """The last line of a bulk answer."""

    summary: BulkSummary
