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
from kuntavayla.outbox.restoring import Epoch, EpochRefused, Restore, raise_epoch
from kuntavayla.outbox.tables import add_tables

__all__ = [
    "EVERYBODY",
    "NOTIFY_CHANNEL",
    "Epoch",
    "EpochRefused",
    "Restore",
    "add_tables",
    "append",
    "load_bounds",
    "load_head",
    "raise_epoch",
    "wake_of",
]
