"""Event data of statement-relay, version 1: ids, codes, times and digests.

They hold no fact, no name and no identity code. Within a version changes are additive. The envelope
is `kuntavayla.events`; the committed schemas are compared in tests. All go to the case system that
sent the item.
"""

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import Struct

from kuntavayla.service.events import AuditSealedV1

SERVICE = "statement-relay"
SOURCE = f"/kuntavayla/{SERVICE}"
Action = Literal["new", "correct", "withdraw"]


class InformationAcceptedV1(Struct, frozen=True, kw_only=True):
    """An item was accepted: it goes to its receiver, waits, or is not relayed."""

    type_name: ClassVar[str] = "information.accepted"
    information_id: str
    municipal_id: str
    client_id: str
    municipality_code: str
    kind: str
    action: Action
    state: Literal["accepted", "waiting", "waiting_for_client", "not_relayed", "withdrawn"]
    receiver_id: str | None
    waiting_behind: str | None
    deliver_by_at: datetime | None
    digest: str | None


class InformationRefusedV1(Struct, frozen=True, kw_only=True):
    """An item was not taken, or is no longer tried, with the codes of why.

    Of an item that came by a topic it says which record; a parked record waits for an operator,
    with all that came behind it under its key.
    """

    type_name: ClassVar[str] = "information.refused"
    information_id: str | None
    municipal_id: str | None
    client_id: str | None
    codes: tuple[str, ...]
    topic: str | None
    partition: int | None
    offset: int | None
    is_parked: bool


class InformationDeliveredV1(Struct, frozen=True, kw_only=True):
    """The receiver has an item, and this is the proof."""

    type_name: ClassVar[str] = "information.delivered"
    information_id: str
    municipal_id: str
    client_id: str
    receiver_id: str
    receipt_id: str
    received_at: datetime
    digest: str


class InformationRejectedV1(Struct, frozen=True, kw_only=True):
    """The receiver, or the end of what an item depends on, has rejected it for good."""

    type_name: ClassVar[str] = "information.rejected"
    information_id: str
    municipal_id: str
    client_id: str
    receiver_id: str
    code: str


class InformationParkedV1(Struct, frozen=True, kw_only=True):
    """A human has to look at an item; what comes behind it in its queue waits."""

    type_name: ClassVar[str] = "information.parked"
    information_id: str
    municipal_id: str
    client_id: str
    receiver_id: str
    code: str


class InformationDelayedV1(Struct, frozen=True, kw_only=True):
    """An item has not been delivered a working day before it should be."""

    type_name: ClassVar[str] = "information.delayed"
    information_id: str
    municipal_id: str
    client_id: str
    receiver_id: str
    state: str
    deliver_by_at: datetime


class InformationOverdueV1(Struct, frozen=True, kw_only=True):
    """The time to deliver an item has passed; it is still tried."""

    type_name: ClassVar[str] = "information.overdue"
    information_id: str
    municipal_id: str
    client_id: str
    receiver_id: str
    state: str
    deliver_by_at: datetime


class InformationRequestReceivedV1(Struct, frozen=True, kw_only=True):
    """A TE office asks about a client; the question is read by GET /information-requests/{id}."""

    type_name: ClassVar[str] = "information-request.received"
    information_request_id: str
    client_id: str
    municipality_code: str
    due_at: datetime


class InformationRequestRemindedV1(Struct, frozen=True, kw_only=True):
    """A question is still open, and its time is nearly over."""

    type_name: ClassVar[str] = "information-request.reminded"
    information_request_id: str
    client_id: str
    municipality_code: str
    due_at: datetime


class InformationRequestOverdueV1(Struct, frozen=True, kw_only=True):
    """A question is still open although its time is over."""

    type_name: ClassVar[str] = "information-request.overdue"
    information_request_id: str
    client_id: str
    municipality_code: str
    due_at: datetime


class InformationRequestAnsweredV1(Struct, frozen=True, kw_only=True):
    """A municipality has answered; to the TE office that asked."""

    type_name: ClassVar[str] = "information-request.answered"
    information_request_id: str
    client_id: str
    answered_at: datetime


class StatementGivenV1(Struct, frozen=True, kw_only=True):
    """A statement was given; what it says is read by GET /statements/{id}."""

    type_name: ClassVar[str] = "statement.given"
    statement_id: str
    client_id: str


EVENT_TYPES = (
    InformationAcceptedV1,
    InformationRefusedV1,
    InformationDeliveredV1,
    InformationRejectedV1,
    InformationParkedV1,
    InformationDelayedV1,
    InformationOverdueV1,
    InformationRequestReceivedV1,
    InformationRequestRemindedV1,
    InformationRequestOverdueV1,
    InformationRequestAnsweredV1,
    StatementGivenV1,
    AuditSealedV1,
)
EventData = (
    InformationAcceptedV1
    | InformationRefusedV1
    | InformationDeliveredV1
    | InformationRejectedV1
    | InformationParkedV1
    | InformationDelayedV1
    | InformationOverdueV1
    | InformationRequestReceivedV1
    | InformationRequestRemindedV1
    | InformationRequestOverdueV1
    | InformationRequestAnsweredV1
    | StatementGivenV1
)
