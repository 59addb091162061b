"""The inbox: events in, with effect once.

One transaction holds the effects of a batch, the consumer's next cursor, and the highest sequence
seen of the stream. A sequence at or below it is a redelivery: counted, without effect. A failure
that passes by itself repeats the batch and never drops one. A message that cannot be handled is
parked, and only its key waits; a consumer without parking stops before it, its position unmoved.
"""

from kuntavayla.inbox import parked, repairing
from kuntavayla.inbox.consuming import ConsumerStopped, Inbox, MessageRefused
from kuntavayla.inbox.feed_source import FeedSource, TokenSource
from kuntavayla.inbox.flowing import PASSING, Check, Handler
from kuntavayla.inbox.kafka_source import KafkaSource
from kuntavayla.inbox.parked import (
    ConsumerFigures,
    ParkedFilter,
    ParkedMessage,
    ParkedState,
    StoredMessage,
)
from kuntavayla.inbox.parking import Parking, Refused, Sealing, Vault
from kuntavayla.inbox.records import Record, incoming_of, offset_text, record_of
from kuntavayla.inbox.repairing import Consumption, Consumptions, Edited, Repair, Who
from kuntavayla.inbox.restarting import hold_back, restart
from kuntavayla.inbox.sources import (
    EARLIEST,
    CursorRefused,
    Headers,
    Incoming,
    IncomingEvent,
    Malformed,
    OneStream,
    Source,
    SourceAway,
    SourceBatch,
    Speaker,
    Streams,
)
from kuntavayla.inbox.stopping import StopLimits
from kuntavayla.inbox.tables import MUTABLE, add_parking_tables, add_table

__all__ = [
    "EARLIEST",
    "MUTABLE",
    "PASSING",
    "Check",
    "ConsumerFigures",
    "ConsumerStopped",
    "Consumption",
    "Consumptions",
    "CursorRefused",
    "Edited",
    "FeedSource",
    "Handler",
    "Headers",
    "Inbox",
    "Incoming",
    "IncomingEvent",
    "KafkaSource",
    "Malformed",
    "MessageRefused",
    "OneStream",
    "ParkedFilter",
    "ParkedMessage",
    "ParkedState",
    "Parking",
    "Record",
    "Refused",
    "Repair",
    "Sealing",
    "Source",
    "SourceAway",
    "SourceBatch",
    "Speaker",
    "StopLimits",
    "StoredMessage",
    "Streams",
    "TokenSource",
    "Vault",
    "Who",
    "add_parking_tables",
    "add_table",
    "hold_back",
    "incoming_of",
    "offset_text",
    "parked",
    "record_of",
    "repairing",
    "restart",
]
