"""Parked messages and their repair."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.service.schemas.limits import Reason
from kuntavayla.values.codes import Reference
from kuntavayla.values.officials import ActingOfficial

BODY_LENGTH_MAX = 65_536
HEADERS_MAX = 50
BEHIND_MAX = 100
"""Messages that wait behind one and are listed with it."""


class ParkedMessageResponse(Struct, frozen=True, kw_only=True):
    """A message that could not be handled, or that waits behind such a one."""

    parked_id: str
    consumer: str
    stream: str
    place: str
    key: str
    speaker: Literal["ours", "outside"]
    event_id: str | None
    event_type: str | None
    state: Literal["parked", "queued", "done", "skipped"]
    reason: str | None
    attempts: int
    parked_at: datetime
    settled_at: datetime | None
    repair_id: str | None


class ParkedMessageList(Struct, frozen=True):
    """A page of parked messages."""

    items: Sequence[ParkedMessageResponse]
    next_cursor: str | None


class ShownBytes(Struct, frozen=True):
    """Bytes as text, or, where they are none, in base64."""

    encoding: Literal["text", "base64"]
    content: str

    @classmethod
    def of(cls, value: bytes) -> "ShownBytes":
        """Return bytes in the form that shows them whole."""
        try:
            return cls("text", value.decode("utf-8"))
        except UnicodeDecodeError:
            return cls("base64", base64.b64encode(value).decode())


class ShownHeader(Struct, frozen=True):
    """A header of a record."""

    name: str
    value: ShownBytes


class ParkedContent(Struct, frozen=True, kw_only=True):
    """A parked message with its bytes as they came, and what waits behind it.

    An edited message shows what an operator has put in its place; what came first is kept.
    """

    message: ParkedMessageResponse
    is_edited: bool
    headers: Sequence[ShownHeader]
    body: ShownBytes
    waiting: int
    behind: Sequence[ParkedMessageResponse]


class ParkedSelection(Struct, frozen=True, forbid_unknown_fields=True):
    """Which parked messages are meant; what is left out does not narrow."""

    consumer: Reference | None = None
    key: Annotated[str, Meta(min_length=1, max_length=100, title="key")] | None = None
    reason: Reference | None = None


class ParkedCountRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How many messages a selection means."""

    filter: ParkedSelection = ParkedSelection()


class ParkedCountResponse(Struct, frozen=True):
    """How many messages are parked that the selection means."""

    count: int


class RepairRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a message is handled again, or skipped."""

    reason: Reason
    acting_official: ActingOfficial | None = None


class EditedHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """A header of an edited message."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$", title="header_name")]
    value: Annotated[str, Meta(min_length=1, max_length=1000, title="header_value")]


class EditRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in place of a message from outside; without headers its own stay."""

    body: Annotated[str, Meta(max_length=BODY_LENGTH_MAX, title="body")]
    reason: Reason
    headers: Annotated[list[EditedHeader], Meta(max_length=HEADERS_MAX)] | None = None
    acting_official: ActingOfficial | None = None


class RepairManyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages are handled again or skipped, how many they are, and why."""

    expected_count: Annotated[int, Meta(ge=1, le=1_000_000, title="expected_count")]
    reason: Reason
    filter: ParkedSelection = ParkedSelection()
    acting_official: ActingOfficial | None = None


class RepairResponse(Struct, frozen=True, kw_only=True):
    """What a repair has done: keys that it reached, and what became of their messages.

    `parked` keys stand still again; `waiting` messages wait under them.
    """

    repair_id: str
    action: Literal["retry", "skip", "edit"]
    parked_id: str | None
    matched: int
    handled: int
    skipped: int
    parked: int
    waiting: int
    repaired_at: datetime


class ConsumerResponse(Struct, frozen=True, kw_only=True):
    """A consumer that has parked messages, or that has stopped or was started again."""

    consumer: str
    state: Literal["running", "stopped"]
    reason: str | None
    changed_at: datetime | None
    parked_keys: int
    queued_messages: int
