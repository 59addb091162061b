"""What events do to a case system.

Decoded by type, grouped by effect, ready for a handful of statements per batch.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from msgspec import Struct

from kuntavayla.inbox import IncomingEvent

TRANSFERRED = "fi.kuntavayla.client.transferred.v1"
NOTIFIED = "fi.kuntavayla.client.notified.v1"
UPDATED = "fi.kuntavayla.client.updated.v1"
WITHDRAWN = "fi.kuntavayla.client.withdrawn.v1"


class Transferred(Struct, frozen=True):
    """A client is offered to this case system."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    effective_on: date


class Notified(Struct, frozen=True):
    """The person was told."""

    transfer_id: str
    notified_at: datetime


class Updated(Struct, frozen=True):
    """What is known about the client has changed."""

    transfer_id: str


class Withdrawn(Struct, frozen=True):
    """The client is no longer this case system's."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str


class Effects(Struct, frozen=True):
    """The effects of one batch, each list by transfer id without repetition.

    Whatever the order of the events in a batch, the statements run in this order: a transfer comes
    before everything else about it, and nothing follows its withdrawal.
    """

    transferred: dict[str, Transferred]
    notified: dict[str, Notified]
    updated: dict[str, int]
    withdrawn: dict[str, Withdrawn]


_transferred = msgspec.json.Decoder(Transferred).decode
_notified = msgspec.json.Decoder(Notified).decode
_updated = msgspec.json.Decoder(Updated).decode
_withdrawn = msgspec.json.Decoder(Withdrawn).decode


def effects_of(events: Sequence[IncomingEvent]) -> Effects:
    """Return what the events do; types that this reader does not know do nothing."""
    effects = Effects({}, {}, {}, {})
    for event in events:
        kind = event.type
        if kind == TRANSFERRED:
            transfer = _transferred(event.data)
            effects.transferred[transfer.transfer_id] = transfer
        elif kind == NOTIFIED:
            notice = _notified(event.data)
            effects.notified[notice.transfer_id] = notice
        elif kind == UPDATED:
            transfer_id = _updated(event.data).transfer_id
            effects.updated[transfer_id] = effects.updated.get(transfer_id, 0) + 1
        elif kind == WITHDRAWN:
            withdrawal = _withdrawn(event.data)
            effects.withdrawn[withdrawal.transfer_id] = withdrawal
    return effects
