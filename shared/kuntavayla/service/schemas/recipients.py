"""Recipients of events, their pauses, and redeliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.service.schemas.limits import CALL_ITEMS_MAX, Id, Reason
from kuntavayla.values.codes import Instant
from kuntavayla.values.officials import ActingOfficial

RecipientId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{1,31}$",
        title="recipient",
        description='Give the id of an organisation, such as "cs-sotkamo", or "internal".',
    ),
]
CursorText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        title="cursor",
        description="Give `earliest`, or a Next-Cursor of the feed.",
    ),
]
EventCount = Annotated[
    int,
    Meta(ge=0, le=1_000_000_000, title="count", description="Give the count that was previewed."),
]


class StreamResponse(Struct, frozen=True, kw_only=True):
    """One stream of a recipient, and what waits in it.

    `waiting_events` counts the events behind `counted_from_position`, 10,000 at most, and is null
    where nothing is known. On the feed that is the cursor with which the recipient last came, at
    `read_at`: it has what lies before. On Kafka it is the publisher's position, or where the
    recipient's hold began: the broker has what lies before, whether or not it was read there.
    """

    newest_position: int | None
    counted_from_position: int | None
    waiting_events: int | None
    read_at: datetime | None


class PauseResponse(Struct, frozen=True, kw_only=True):
    """Why a recipient is held back, by whom, since when and until when."""

    reason: str
    organisation: str
    official_id: str
    paused_at: datetime
    until: datetime | None


class RecipientResponse(Struct, frozen=True, kw_only=True):
    """A recipient: open, paused, or draining: paused no longer, but not yet sent all it is owed."""

    recipient: str
    state: Literal["open", "paused", "draining"]
    pause: PauseResponse | None
    common: StreamResponse
    restricted: StreamResponse


class RecipientList(Struct, frozen=True, kw_only=True):
    """Everybody who has events or is held back, and how common events travel."""

    items: Sequence[RecipientResponse]
    next_cursor: str | None
    transport: Literal["feed", "kafka"]


class PauseRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hold a recipient's events back, at most until an instant."""

    reason: Reason
    until: Instant | None = None
    acting_official: ActingOfficial | None = None


class ResumeRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Let a recipient have its events again."""

    acting_official: ActingOfficial | None = None


class PausedResponse(Struct, frozen=True, kw_only=True):
    """How a recipient stands after the call."""

    recipient: str
    state: Literal["open", "paused", "draining"]
    pause: PauseResponse | None


class PreviewRedeliveryRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events of a recipient: those behind a cursor up to another, or some by their ids."""

    recipient: RecipientId
    after: CursorText | None = None
    until: CursorText | None = None
    event_ids: Annotated[list[Id], Meta(min_length=1, max_length=CALL_ITEMS_MAX)] | None = None


class RedeliveryRequest(PreviewRedeliveryRequest, frozen=True, kw_only=True):
    """Send these events of a recipient once more, with the same ids."""

    reason: Reason
    expected_count: EventCount | None = None
    acting_official: ActingOfficial | None = None


class RedeliveryPreview(Struct, frozen=True, kw_only=True):
    """How many events would be sent; above `events_max` the call would be refused."""

    recipient: str
    event_count: int
    events_max: int


class RedeliveryResponse(Struct, frozen=True, kw_only=True):
    """A redelivery: its events carry `redeliveryid`, and stand in the feed behind `after`."""

    redelivery_id: str
    recipient: str
    event_count: int
    after: str
    requested_at: datetime
