"""Items on their way, their repair, and receipts that come later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.service.schemas.limits import Id, Reason
from kuntavayla.values.codes import Instant, Reference
from kuntavayla.values.officials import ActingOfficial
from statement_relay.rules.digests import Digest
from statement_relay.rules.states import DeliveryState, InformationState

RejectionCode = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        title="code",
        description="Give a code of small letters, digits and low lines.",
    ),
]
ItemCount = Annotated[
    int,
    Meta(ge=0, le=1_000_000_000, title="count", description="Give the count that was previewed."),
]
ReceiverId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{1,31}$",
        title="receiver",
        description='Give the id of a receiver, such as "te-kainuu".',
    ),
]


class ReceiptRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a TE office says of an item later than in its answer.

    `received` with the receipt, or `rejected` with a code; `digest` is that of the bytes it is
    about.
    """

    information_id: Id
    digest: Digest
    result: Literal["received", "rejected"]
    receipt_id: Reference | None = None
    received_at: Instant | None = None
    code: RejectionCode | None = None


class ReceiptTakenResponse(Struct, frozen=True, kw_only=True):
    """How the item stands by the receipt; a receipt of other bytes parks it."""

    information_id: str
    state: InformationState


class DeliveryResponse(Struct, frozen=True, kw_only=True):
    """An item on its way. `is_first` says that nothing of the client goes before it."""

    information_id: str
    municipal_id: str
    organisation: str
    client_id: str
    receiver_id: str
    sequence: int
    state: DeliveryState
    code: str | None
    attempts: int
    accepted_at: datetime
    deliver_by_at: datetime
    is_first: bool


class DeliveryList(Struct, frozen=True):
    """A page of items on their way."""

    items: Sequence[DeliveryResponse]
    next_cursor: str | None


class DeliverySummaryItem(Struct, frozen=True, kw_only=True):
    """Items that stand alike at one receiver."""

    receiver_id: str
    state: DeliveryState
    code: str | None
    items: int
    overdue_items: int
    oldest_accepted_at: datetime


class DeliverySummaryResponse(Struct, frozen=True):
    """Everything on its way, by receiver, state and code."""

    items: Sequence[DeliverySummaryItem]


class DeliveryRepairRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why an item is tried again or given up."""

    reason: Reason
    acting_official: ActingOfficial | None = None


class StuckFilter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which items are meant: those that wait for a human, or for a receipt."""

    state: Literal["parked", "awaiting_receipt"]
    receiver_id: ReceiverId | None = None
    code: RejectionCode | None = None
    accepted_before: Instant | None = None


class DeliveryCountRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Count the items that a filter means."""

    filter: StuckFilter
    acting_official: ActingOfficial | None = None


class DeliveryCountResponse(Struct, frozen=True, kw_only=True):
    """How many items a filter means; above `items_max` a repair would be refused."""

    count: int
    items_max: int


class DeliveryRepairManyRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Try all items of a filter again, or give them up, if they are as many as expected."""

    filter: StuckFilter
    expected_count: ItemCount
    reason: Reason
    acting_official: ActingOfficial | None = None


class DeliveryRepairResponse(Struct, frozen=True, kw_only=True):
    """How many items were put back or given up."""

    handled: int
