"""The status: what every service tells of itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.service.schemas.parked import ConsumerResponse
from kuntavayla.telemetry import JobState


class QueueStatus(Struct, frozen=True):
    """What waits in one lane of one operation of this process."""

    operation: str
    lane: Literal["single", "bulk"]
    waiting: int


class PublishedStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the publisher has brought the events to the broker; `lag` counts what waits."""

    position: int
    lag: int
    oldest_unpublished_at: datetime | None = None


class HeldRecipient(Struct, frozen=True, kw_only=True):
    """A recipient that gets nothing now, or on Kafka is being sent what it is owed."""

    recipient: str
    state: Literal["paused", "draining"]
    paused_at: datetime
    until: datetime | None


class ServiceStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator asks every service first: where events stand, what waits, what is parked.

    What a deployment does not have is left out: `published` without a broker, for example. `jobs`
    are those of the process that answers.

    `published.position`: up to it the broker has acknowledged every common event of every
    recipient that is not held back.
    """

    epoch: int
    head_position: int
    transport: Literal["feed", "kafka"]
    published: PublishedStatus | None = None
    paused_recipients: int
    held_recipients: Sequence[HeldRecipient]
    audit_newest_block: int | None
    audit_oldest_unsealed_s: float
    parked_keys: int
    queued_messages: int
    consumers: Sequence[ConsumerResponse]
    jobs: Sequence[JobState]
