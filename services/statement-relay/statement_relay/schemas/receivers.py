"""Receivers: how they stand, pause and resumption."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.service.schemas.limits import Reason
from kuntavayla.values.codes import Instant
from kuntavayla.values.officials import ActingOfficial


class ReceiverPauseResponse(Struct, frozen=True, kw_only=True):
    """Why a receiver is sent nothing, by whom and until when."""

    reason: str
    official_id: str
    until: datetime | None


class ReceiverResponse(Struct, frozen=True, kw_only=True):
    """A receiver and what is on its way to it.

    `open`; `paused` by an operator; `resting` after failures of its own, or because it asked for
    it, at most until `rests_until`, by the machine's clock, which in a local stack is not the legal
    one; `probing` with one call. `address_known` is false where the
    settings do not say where it is. Rate and concurrency are those of the settings. Of each of the
    `leased_queues` a call is under way, or lies ready for the place of one that ends.
    """

    receiver_id: str
    state: Literal["open", "paused", "resting", "probing"]
    pause: ReceiverPauseResponse | None
    rests_until: datetime | None
    failures_in_a_row: int
    address_known: bool
    adapter: Literal["rest", "xroad"] | None
    rate_per_s: int | None
    concurrency: int | None
    opens: str | None
    closes: str | None
    leased_queues: int
    waiting_items: int
    delivering_items: int
    awaiting_receipt_items: int
    parked_items: int
    oldest_accepted_at: datetime | None


class ReceiverList(Struct, frozen=True):
    """All receivers."""

    items: Sequence[ReceiverResponse]
    next_cursor: str | None


class PauseReceiverRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Send a receiver nothing, at most until an instant."""

    reason: Reason
    until: Instant | None = None
    acting_official: ActingOfficial | None = None


class ResumeReceiverRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Let a receiver be sent items again."""

    acting_official: ActingOfficial | None = None
