"""The status."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kuntavayla.service.schemas.operating import HeldRecipient, PublishedStatus, QueueStatus
from kuntavayla.service.schemas.parked import ConsumerResponse
from kuntavayla.telemetry import JobState


class StatusResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator asks first: where events stand, what waits, which law holds.

    What a deployment does not have is left out: `published` without a broker, for example. `queues`
    and `jobs` are those of the process that answers.

    `published.position`: up to it the broker has acknowledged every common event of every
    recipient that is not held back.
    """

    epoch: int
    head_position: int
    transport: Literal["feed", "kafka"]
    published: PublishedStatus | None = None
    paused_recipients: int
    held_recipients: Sequence[HeldRecipient]
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
    parked_keys: int
    queued_messages: int
    consumers: Sequence[ConsumerResponse]
    jobs: Sequence[JobState]
