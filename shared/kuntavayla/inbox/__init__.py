"""The inbox: events in, with effect once.

One transaction holds the effects of a batch, the consumer's next cursor, and the highest sequence
seen of the stream. A sequence at or below it is a redelivery: counted, without effect. A failure
that passes by itself repeats the batch and never drops one; any other stops the consumer with its
position unmoved.
"""

from kuntavayla.inbox.consuming import PASSING, Handler, Inbox
from kuntavayla.inbox.feed_source import FeedSource, TokenSource
from kuntavayla.inbox.restarting import restart
from kuntavayla.inbox.sources import (
    CursorRefused,
    IncomingEvent,
    Source,
    SourceAway,
    SourceBatch,
)
from kuntavayla.inbox.tables import add_table

__all__ = [
    "PASSING",
    "CursorRefused",
    "FeedSource",
    "Handler",
    "Inbox",
    "IncomingEvent",
    "Source",
    "SourceAway",
    "SourceBatch",
    "TokenSource",
    "add_table",
    "restart",
]
