"""The audit and the status."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kuntavayla.audit import StoredLine
from routing_api.schemas.parked import ConsumerResponse


class AuditList(Struct, frozen=True):
    """A page of the audit."""

    items: Sequence[StoredLine]
    next_cursor: str | None


class QueueStatus(Struct, frozen=True):
    """What waits in one lane of one operation of this process."""

    operation: str
    lane: Literal["single", "bulk"]
    waiting: int


class StatusResponse(Struct, frozen=True, kw_only=True):
    """What an operator asks first: where events stand, what waits, which law holds.

    Up to `published_position` the broker has acknowledged every common event of every recipient
    that is not held back; `publishing_lag` is the number of positions behind it, and
    `oldest_unpublished_s` the age of the first event among them. All three are null on the feed.
    """

    epoch: int
    head_position: int
    transport: Literal["feed", "kafka"]
    published_position: int | None
    publishing_lag: int | None
    oldest_unpublished_s: int | None
    paused_recipients: int
    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int
    register_version: str
    unconfirmed_memberships: int
    queues: Sequence[QueueStatus]
    parked_keys: int
    queued_messages: int
    consumers: Sequence[ConsumerResponse]
