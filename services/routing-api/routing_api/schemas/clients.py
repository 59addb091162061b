"""Clients, their history, and the snapshot of a case system."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.events import Channel
from kuntavayla.values.codes import Identity
from kuntavayla.values.officials import ActingOfficial
from routing_api.schemas.decisions import Responsible


class ClienthoodResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One version of a client's responsibility; `valid_to` is its last day."""

    version: int
    responsible: Responsible
    decision_id: str
    valid_from: date
    valid_to: date | None = None


class ClientResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A client: who is responsible now, and the history."""

    client_id: str
    clienthood_version: int
    responsible: Responsible
    transfer_id: str | None = None
    review_id: str | None = None
    clienthoods: Sequence[ClienthoodResponse]


class LookupRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The identity code to look for; it stands in the body only."""

    identity_code: Identity
    acting_official: ActingOfficial | None = None


class HeldClienthoodResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A client of the calling case system; `channel` is the feed that its events go to."""

    client_id: str
    clienthood_version: int
    transfer_id: str
    transfer_state: str
    cause: str
    municipality_code: str
    area_code: str
    te_office_code: str
    valid_from: date
    valid_to: date | None = None
    acknowledge_due_at: datetime
    notice_state: Literal["due", "given"]
    channel: Channel


class ClienthoodList(Struct, frozen=True):
    """A page of the snapshot, and the cursor from which the feed goes on."""

    items: Sequence[HeldClienthoodResponse]
    next_cursor: str | None
    feed_cursor: str
