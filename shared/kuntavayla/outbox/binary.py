"""A stored event in the binary form of CloudEvents: attributes as headers, data as they stand.

The data bytes are cut out of the stored body and are never made anew, so the feed and the broker
carry the same ones.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

_TO_DATA = b'","data":'
_TO_KEY = b'"partitionkey":"'
_TO_REDELIVERY = b',"redeliveryid":"'
_END_OF_REDELIVERY = b'"}'
_REDELIVERY_BYTES = len(_TO_REDELIVERY) + 36 + len(_END_OF_REDELIVERY)
ATTRIBUTES = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "partitionkey",
    "traceparent",
    "causationid",
    "recipient",
    "sequence",
)
"""The attributes of an event of ours, in the order in which `kuntavayla.events` writes them."""
_QUOTED = [name.encode() for name in ATTRIBUTES]
_KEY_PLACE = ATTRIBUTES.index("partitionkey")
_CONTENT_TYPE = "datacontenttype"


def header_of(attribute: str) -> str:
    """Return the header that carries an attribute."""
    return "content-type" if attribute == _CONTENT_TYPE else f"ce_{attribute}"


_HEADERS = [header_of(name) for name in ATTRIBUTES]


class BinaryEvent(Struct, frozen=True):
    """A record of the broker: key, value, headers."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def key_of(body: bytes) -> bytes:
    """Return the key of a stored body: its `partitionkey`, which stands in front of the data."""
    start = body.index(_TO_KEY) + len(_TO_KEY)
    return body[start : body.index(b'"', start)]


def binary_of(body: bytes) -> BinaryEvent:
    """Return the record of a stored body.

    No cut can be mistaken: inside a JSON text a quote has a backslash before it, so what closes a
    text and opens the next member stands nowhere else. The data are an object and the last member,
    so a body ends with two brackets, and one that was redelivered with a quote and a bracket.
    """
    head, _, rest = body.partition(_TO_DATA)
    more: list[tuple[str, bytes]] = []
    value = rest[:-1]
    if body.endswith(_END_OF_REDELIVERY):
        value = rest[:-_REDELIVERY_BYTES]
        more = [("ce_redeliveryid", rest[-_REDELIVERY_BYTES:][len(_TO_REDELIVERY) : -2])]
    texts = head.split(b'"')
    if b"\\" in head or texts[1::4] != _QUOTED:
        return _binary_of_any(head, value, more)
    values = texts[3::4]
    return BinaryEvent(values[_KEY_PLACE], value, [*zip(_HEADERS, values, strict=True), *more])


def _binary_of_any(head: bytes, value: bytes, more: list[tuple[str, bytes]]) -> BinaryEvent:
    """Return the record of a head with other attributes, or with escapes in them."""
    attributes = msgspec.json.decode(head + b'"}', type=dict[str, str])
    headers = [(header_of(name), text.encode()) for name, text in attributes.items()]
    return BinaryEvent(attributes["partitionkey"].encode(), value, [*headers, *more])
