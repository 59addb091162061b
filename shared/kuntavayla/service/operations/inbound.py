"""What a record of an inbound topic is answered by: its place, its trace, ids of our form."""

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where a record of a topic stands."""

    topic: str
    partition: int
    offset: int


class Received(Struct, frozen=True, kw_only=True):
    """What a record is answered by: its place, its trace, and ids of it that have our form.

    `subject` is the key by which the answer keeps its order, `cause_id` the record's own id.
    """

    place: Place
    subject: str
    cause_id: str
    traceparent: str
