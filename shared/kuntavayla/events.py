"""Events as CloudEvents 1.0: the announced draft, its bytes, ids, and the sequence.

The id, time and bytes of an event are made once, when it is written to the outbox. What belongs
here is the envelope; the types of data stand in each service's `events.py`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils
from msgspec import Struct

NewId = Callable[[], str]
"""Draws one UUIDv7 as text; made at the edge, because it reads the clock and randomness."""

EPOCH_DIGITS = 6
POSITION_DIGITS = 18
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ID_BITS_BEHIND_TIME = 80
"""A UUIDv7 begins with 48 bits of milliseconds (RFC 9562)."""
_encode = msgspec.json.Encoder().encode


class Channel(StrEnum):
    """Which feed an event goes to; clients with a security ban are only in the restricted one."""

    COMMON = "common"
    RESTRICTED = "restricted"


class EventDraft(Struct, frozen=True, kw_only=True):
    """An event before it has a position.

    `type_name` is without prefix and version (`client.transferred`); `data` is a Struct that holds
    no personal data.
    """

    event_id: str
    type_name: str
    version: int
    subject: str
    recipient: str
    channel: Channel
    causation_id: str
    traceparent: str
    data: Struct


class Origin(Struct, frozen=True, kw_only=True):
    """What all events of one batch share: who speaks, and the moment as `instant_text`."""

    source: str
    at_text: str


def new_ids_at(now: datetime) -> NewId:
    """Return a source of UUIDv7 texts whose time part is `now`."""
    nanoseconds = (now - _EPOCH_START) // _MICROSECOND * 1000
    draw = uuid_utils.uuid7

    def new_id() -> str:
        return str(draw(nanoseconds=nanoseconds))

    return new_id


def instant_of_id(event_id: UUID) -> datetime:
    """Return the time in an id, to the millisecond."""
    return _EPOCH_START + timedelta(milliseconds=event_id.int >> _ID_BITS_BEHIND_TIME)


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def sequence_text(epoch: int, position: int) -> str:
    """Return epoch and position so that the order of texts is the order of events."""
    return f"{epoch:0{EPOCH_DIGITS}d}.{position:0{POSITION_DIGITS}d}"


def envelope(draft: EventDraft, origin: Origin) -> tuple[bytes, bytes]:
    """Return the bytes before and after the event's sequence, in the JSON form of CloudEvents.

    The sequence is known only under the head's lock, so everything else is made before it.
    """
    head = {
        "specversion": "1.0",
        "id": draft.event_id,
        "source": origin.source,
        "type": f"fi.kuntavayla.{draft.type_name}.v{draft.version}",
        "subject": draft.subject,
        "time": origin.at_text,
        "datacontenttype": "application/json",
        "dataschema": f"/schemas/{draft.type_name}/{draft.version}.json",
        "partitionkey": draft.subject,
        "traceparent": draft.traceparent,
        "causationid": draft.causation_id,
        "recipient": draft.recipient,
        "sequence": "",
    }
    return _encode(head)[:-2], b'","data":' + _encode(draft.data)[:-1] + b"}}"


def event_schemas(
    event_types: Sequence[type[Struct]], *, version: int = 1
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the JSON Schema of each type's data, by name and version, as served under /schemas.

    A reader must accept members that are not listed: within a version changes are additive.
    """
    return {
        (_name_of(event_type), str(version)): {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"/schemas/{_name_of(event_type)}/{version}.json",
            **_inlined(event_type),
        }
        for event_type in event_types
    }


def _name_of(event_type: type[Struct]) -> str:
    name: str = event_type.type_name  # type: ignore[attr-defined]
    return name


def _inlined(event_type: type[Struct]) -> dict[str, Any]:
    [schema], components = msgspec.json.schema_components([event_type])
    assert len(components) == 1, "event data nest no other types"
    return dict(components[schema["$ref"].rpartition("/")[2]])
