"""The outbox: events with a gap-free position, written last by whoever announces.

The head row is locked by the UPDATE and held to commit, so position order is commit order and the
order per client is kept; no lock may be taken after it. A hole in the positions is an alarm.
Publishers and the feed only read.
"""

from kuntavayla.outbox.appending import (
    EVERYBODY,
    NOTIFY_CHANNEL,
    append,
    load_bounds,
    load_head,
    wake_of,
)
from kuntavayla.outbox.asyncapi import InboundMessage, Told, asyncapi_document
from kuntavayla.outbox.broker import PARTITIONS, topic_of
from kuntavayla.outbox.connecting import keep_whole
from kuntavayla.outbox.holding import Hold, Pause, find_hold, list_holds, pause, resume
from kuntavayla.outbox.measuring import PublisherMetrics
from kuntavayla.outbox.publishing import Publication, Publisher
from kuntavayla.outbox.recipients import WAITING_MAX, StreamStanding, list_streams
from kuntavayla.outbox.redelivering import (
    EVENTS_MAX,
    Choice,
    Redelivery,
    Request,
    count_chosen,
    load_redelivery,
    redeliver,
)
from kuntavayla.outbox.restoring import Epoch, EpochRefused, Restore, raise_epoch
from kuntavayla.outbox.standing import Standing, load_standing
from kuntavayla.outbox.tables import add_tables
from kuntavayla.outbox.topics import TopicsNotMade, inbound_topic_of, list_topics, make_topics

__all__ = [
    "EVENTS_MAX",
    "EVERYBODY",
    "NOTIFY_CHANNEL",
    "PARTITIONS",
    "WAITING_MAX",
    "Choice",
    "Epoch",
    "EpochRefused",
    "Hold",
    "InboundMessage",
    "Pause",
    "Publication",
    "Publisher",
    "PublisherMetrics",
    "Redelivery",
    "Request",
    "Restore",
    "Standing",
    "StreamStanding",
    "Told",
    "TopicsNotMade",
    "add_tables",
    "append",
    "asyncapi_document",
    "count_chosen",
    "find_hold",
    "inbound_topic_of",
    "keep_whole",
    "list_holds",
    "list_streams",
    "list_topics",
    "load_bounds",
    "load_head",
    "load_redelivery",
    "load_standing",
    "make_topics",
    "pause",
    "raise_epoch",
    "redeliver",
    "resume",
    "topic_of",
    "wake_of",
]
