"""Where batches come from: messages of one stream in order, with the cursor behind them."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec import Struct

Headers = tuple[tuple[str, bytes], ...]
"""Headers of a broker's record as they came: names may repeat, values are bytes."""

EARLIEST = "earliest"
"""The cursor of a stream that was never read."""


class Speaker(StrEnum):
    """Who writes a stream: our own services, or an organisation outside."""

    OURS = "ours"
    OUTSIDE = "outside"


class IncomingEvent(Struct, frozen=True):
    """An event as a consumer reads it; unknown attributes are accepted and ignored.

    `sequence` is the publisher's; of a stream from outside, which has none, it is the record's
    offset as text of fixed width. `key` (its bytes as they came, None where it has none), `place`
    (topic/partition/offset) and `headers` are those of a broker's record.
    """

    id: str
    type: str
    subject: str
    time: str
    sequence: str
    data: msgspec.Raw
    traceparent: str = ""
    causationid: str = ""
    redeliveryid: str = ""
    key: bytes | None = None
    place: str = ""
    headers: Headers = ()


class Malformed(Struct, frozen=True, kw_only=True):
    """A record that is no event: bytes and headers as they came, and the code of what is wrong.

    `key` and `body` are None where the record has none, which is not the same as empty.
    `sequence` is as that of an event, and empty where none can be read.
    """

    headers: Headers
    body: bytes | None
    reason: str
    key: bytes | None = None
    place: str = ""
    sequence: str = ""


Incoming = IncomingEvent | Malformed


class SourceBatch(Struct, frozen=True):
    """Messages of one stream in order, and the cursor behind them."""

    events: Sequence[Incoming]
    next_cursor: str


class SourceAway(Exception):
    """The publisher cannot be read now; the same read again later is safe."""


class CursorRefused(Exception):
    """The publisher no longer knows the cursor: start again from its snapshot."""


class Source(Protocol):
    """Where the batches of one stream come from."""

    async def next_batch(self, cursor: str) -> SourceBatch:
        """Return the messages behind a cursor, waiting a while for the first."""


class Streams(Protocol):
    """What a consumer reads: one feed, or the partitions of a broker that are its own now.

    A stream may be taken away at any moment and given to another process of the consumer; whoever
    then gives a batch effect twice finds the position moved.
    """

    async def names(self) -> Collection[str]:
        """Return the streams to read now, waiting a while for the first."""

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return what is behind the cursors, by stream, waiting a while for the first."""


class OneStream:
    """One source as all that a consumer reads."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name

    async def names(self) -> Collection[str]:
        """Return the stream's name."""
        return (self._name,)

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return the source's next batch."""
        return {self._name: await self._source.next_batch(cursors[self._name])}
