"""From a broker's record to an event and back: CloudEvents 1.0 in binary mode.

The same form keeps a parked message, whatever it was read from: headers `ce_…`, and the bytes of
the data.
"""

import re

import msgspec
from msgspec import Struct

from kuntavayla.inbox.sources import Headers, Incoming, IncomingEvent, Malformed, Speaker

PREFIX = "ce_"
REQUIRED_OF_OURS = ("id", "type", "subject", "time", "sequence")
REQUIRED_OF_OUTSIDE = ("id", "type")
OPTIONAL = ("traceparent", "causationid", "redeliveryid")
OFFSET_DIGITS = 19
"""Digits of the largest offset of a broker."""
_SEQUENCE = re.compile(r"[0-9]{6}\.[0-9]{18}")


class Record(Struct, frozen=True, kw_only=True):
    """A broker's record: `key` and `body` may be missing; `offset_text` orders a stream."""

    headers: Headers
    body: bytes | None
    key: bytes | None = None
    place: str = ""
    offset_text: str = ""


def offset_text(offset: int) -> str:
    """Return an offset so that the order of texts is the order of records."""
    return f"{offset:0{OFFSET_DIGITS}d}"


def incoming_of(record: Record, *, speaker: Speaker) -> Incoming:
    """Return the event that a record is, or the record with what is wrong with it."""
    attributes, reason = _attributes_of(record.headers)
    ours = speaker is Speaker.OURS
    sequence = attributes.get("sequence", "") if ours else record.offset_text
    if ours and _SEQUENCE.fullmatch(sequence) is None:
        # What has no order of ours must not move the highest sequence seen.
        sequence, reason = "", reason or "sequence_malformed"
    required = REQUIRED_OF_OURS if ours else REQUIRED_OF_OUTSIDE
    if not all(attributes.get(name) for name in required):
        reason = reason or "attribute_missing"
    if record.body is None:
        reason = reason or "body_missing"
    if reason:
        return Malformed(
            headers=record.headers,
            body=record.body,
            reason=reason,
            key=record.key,
            place=record.place,
            sequence=sequence,
        )
    return IncomingEvent(
        id=attributes["id"],
        type=attributes["type"],
        subject=attributes.get("subject", ""),
        time=attributes.get("time", ""),
        sequence=sequence,
        data=msgspec.Raw(record.body or b""),
        key=record.key,
        place=record.place,
        headers=record.headers,
        **{name: attributes[name] for name in OPTIONAL if name in attributes},
    )


def _attributes_of(headers: Headers) -> tuple[dict[str, str], str]:
    """Return the attributes by name, and the code of the first fault, or an empty one."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith(PREFIX):
            continue
        text = _text_of(value)
        if text is None:
            return attributes, "attribute_malformed"
        if name.removeprefix(PREFIX) in attributes:
            return attributes, "attribute_repeated"
        attributes[name.removeprefix(PREFIX)] = text
    return attributes, ""


def _text_of(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def record_of(incoming: Incoming) -> Record:
    """Return a message as the record that it was, or, of a feed, would have been."""
    key, place = incoming.key, incoming.place
    if isinstance(incoming, Malformed):
        return Record(headers=incoming.headers, body=incoming.body, key=key, place=place)
    if incoming.headers:
        body = bytes(incoming.data)
        return Record(headers=incoming.headers, body=body, key=key, place=place)
    given = {
        name: getattr(incoming, name)
        for name in (*REQUIRED_OF_OURS, *OPTIONAL)
        if getattr(incoming, name)
    }
    headers = tuple((f"{PREFIX}{name}", value.encode()) for name, value in given.items())
    return Record(headers=headers, body=bytes(incoming.data), key=key, place=place)
