"""The status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.telemetry import JobState
from routing_api.schemas.parked import ConsumerResponse


class QueueStatus(Struct, frozen=True):
    """What waits in one lane of one operation of this process."""

    operation: str
    lane: Literal["single", "bulk"]
    waiting: int


class PublishedStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the publisher has brought the events to the broker; `lag` counts what waits."""

    position: int
    lag: int
    published_at: datetime | None = None
    oldest_unpublished_at: datetime | None = None


class ParkedStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not be handled, what waits behind it, and the consumers concerned.

    `messages` and `keys` count what is parked, one a key; `waiting` what is queued behind them.
    """

    messages: int
    keys: int
    waiting: int
    stopped_consumers: Sequence[str] = ()
    consumers: Sequence[ConsumerResponse] = ()


class SealStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the audit is sealed, and since when the oldest line without a seal waits."""

    blocks: int
    unsealed_lines: int
    sealed_at: datetime | None = None
    oldest_unsealed_at: datetime | None = None


class StatusResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator asks first: where events stand, what waits, which law holds.

    What a deployment does not have is left out: `published` without a broker, for example. `queues`
    and `jobs` are those of the process that answers.

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
    published: PublishedStatus | None = None
    parked: ParkedStatus | None = None
    seal: SealStatus | None = None
    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int
    overdue_notices: int
    register_version: str
    unconfirmed_memberships: int
    audit_newest_block: int | None
    audit_oldest_unsealed_s: float
    queues: Sequence[QueueStatus]
    jobs: Sequence[JobState]
