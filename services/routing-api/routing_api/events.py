"""Event data of routing-api, version 1: pseudonyms, codes and days.

They hold no name, no identity code and no ground. Within a version changes are additive. The
envelope is `kuntavayla.events`; the committed schemas are compared in tests.
"""

from datetime import date, datetime
from typing import ClassVar, Literal

from msgspec import Struct

from kuntavayla.service.events import AuditSealedV1

SERVICE = "routing-api"
SOURCE = f"/kuntavayla/{SERVICE}"
Cause = Literal[
    "first_entry", "return", "move", "transfer_request", "register_change", "correction"
]
Authority = Literal["municipality", "te_office"]
ChangedGroup = Literal[
    "identity",
    "contact",
    "service_language",
    "service",
    "plans",
    "open_matters",
    "source_client_number",
    "channel",
]


class ClientTransferredV1(Struct, frozen=True, kw_only=True):
    """A municipality has become responsible for a client; offered to its case system."""

    type_name: ClassVar[str] = "client.transferred"
    transfer_id: str
    client_id: str
    clienthood_version: int
    cause: Cause
    municipality_code: str
    area_code: str
    effective_on: date
    previous_authority: Authority
    te_office_code: str
    acknowledge_due_at: datetime
    notice_state: Literal["due", "given"]


class ClientNotifiedV1(Struct, frozen=True, kw_only=True):
    """The TE office has told the person about the transfer."""

    type_name: ClassVar[str] = "client.notified"
    transfer_id: str
    client_id: str
    clienthood_version: int
    notice_id: str
    channel: str
    language_code: str
    notified_at: datetime


class ClientUpdatedV1(Struct, frozen=True, kw_only=True):
    """What is known about a client has changed; names the groups only."""

    type_name: ClassVar[str] = "client.updated"
    transfer_id: str
    client_id: str
    clienthood_version: int
    changed_groups: tuple[ChangedGroup, ...]


class ClientWithdrawnV1(Struct, frozen=True, kw_only=True):
    """The municipality's responsibility for a client ends."""

    type_name: ClassVar[str] = "client.withdrawn"
    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    ends_on: date
    next_authority: Authority


class ResponsibilityChangedV1(Struct, frozen=True, kw_only=True):
    """Who is responsible for a client from a day on; for the other services.

    Told again for the same version where what names the client has changed, and, in the feed that
    then applies, where the client's events change over to the other.
    """

    type_name: ClassVar[str] = "responsibility.changed"
    client_id: str
    clienthood_version: int
    authority: Authority
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    source_system: str | None
    source_client_number: str | None
    valid_from: date
    valid_to: date | None


class TransferAcknowledgedV1(Struct, frozen=True, kw_only=True):
    """The case system has taken the client over."""

    type_name: ClassVar[str] = "transfer.acknowledged"
    transfer_id: str
    client_id: str
    clienthood_version: int
    municipality_code: str
    taken_over_at: datetime
    contact_point: str | None


class TransferOverdueV1(Struct, frozen=True, kw_only=True):
    """The case system has let the time to take a client over pass; told once a transfer."""

    type_name: ClassVar[str] = "transfer.overdue"
    transfer_id: str
    client_id: str
    clienthood_version: int
    case_system_id: str
    municipality_code: str
    te_office_code: str
    effective_on: date
    acknowledge_due_at: datetime


class ReviewResolvedV1(Struct, frozen=True, kw_only=True):
    """An open question about a client has its answer."""

    type_name: ClassVar[str] = "review.resolved"
    review_id: str
    client_id: str
    registration_id: str
    decision_id: str
    outcome: Literal["municipality", "te_office", "review", "superseded"]


class AcknowledgementRefusedV1(Struct, frozen=True, kw_only=True):
    """An acknowledgement that came by a topic was not taken; says which record, and why.

    `codes` are those of the problems that the same acknowledgement over HTTP would be answered
    with, or of the record's own faults. A parked record waits for an operator, with all that came
    behind it under its key.
    """

    type_name: ClassVar[str] = "acknowledgement.refused"
    transfer_id: str | None
    codes: tuple[str, ...]
    topic: str
    partition: int
    offset: int
    is_parked: bool


EVENT_TYPES = (
    ClientTransferredV1,
    ClientNotifiedV1,
    ClientUpdatedV1,
    ClientWithdrawnV1,
    ResponsibilityChangedV1,
    TransferAcknowledgedV1,
    TransferOverdueV1,
    ReviewResolvedV1,
    AcknowledgementRefusedV1,
    AuditSealedV1,
)
EventData = (
    ClientTransferredV1
    | ClientNotifiedV1
    | ClientUpdatedV1
    | ClientWithdrawnV1
    | ResponsibilityChangedV1
    | TransferAcknowledgedV1
    | TransferOverdueV1
    | ReviewResolvedV1
)
