"""The status."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla.service.schemas.operating import ServiceStatus


class UnsettledStatus(Struct, frozen=True, kw_only=True):
    """How many items stand in a state that is not their last, and how many of them are late."""

    state: str
    items: int
    delayed_items: int
    overdue_items: int


class StatusResponse(ServiceStatus, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator asks first: where events stand, what is parked, what is not settled.

    What a deployment does not have is left out: `published` without a broker, for example. `jobs`
    are those of the process that answers.
    """

    register_version: str
    unsettled: Sequence[UnsettledStatus]
    oldest_unsettled_s: float
    overdue_requests: int
