"""Where batches come from: events of one stream in order, with the cursor behind them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Struct


class IncomingEvent(Struct, frozen=True):
    """An event as a consumer reads it; unknown attributes are accepted and ignored.

    `redeliveryid` marks one that somebody asked to have sent again: it has the id and the sequence
    of its first time, and comes later in the stream than they say.
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


class SourceBatch(Struct, frozen=True):
    """Events of one stream in order, and the cursor behind them."""

    events: Sequence[IncomingEvent]
    next_cursor: str


class SourceAway(Exception):
    """The publisher cannot be read now; the same read again later is safe."""


class CursorRefused(Exception):
    """The publisher no longer knows the cursor: start again from its snapshot."""


class Source(Protocol):
    """Where batches come from; a feed now, a broker's partition likewise."""

    async def next_batch(self, cursor: str) -> SourceBatch:
        """Return the events behind a cursor, waiting a while for the first."""
