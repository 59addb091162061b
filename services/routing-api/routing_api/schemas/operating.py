"""The status."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct


class QueueStatus(Struct, frozen=True):
    """What waits in one lane of one operation of this process."""

    operation: str
    lane: Literal["single", "bulk"]
    waiting: int


class StatusResponse(Struct, frozen=True, kw_only=True):
    """What an operator asks first: where events stand, what waits, which law holds."""

    epoch: int
    head_position: int
    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int
    register_version: str
    unconfirmed_memberships: int
    audit_newest_block: int | None
    audit_oldest_unsealed_s: float
    queues: Sequence[QueueStatus]
