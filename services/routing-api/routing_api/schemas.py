"""The wire types of routing-api: what callers send and read. Field names are binding (contracts.md, examples.md)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.audit import StoredLine
from kuntavayla.http import Problem
from kuntavayla.values.codes import (
    Identity,
    Instant,
    LanguageCode,
    Reference,
)
from kuntavayla.values.officials import ActingOfficial, Purpose
from routing_api.operations.profiles import ProfileService
from routing_api.operations.reviews import ResolvedFacts
from routing_api.rules.explaining import ClientText, Ground
from routing_api.rules.registrations import Contact, OpenMatter, Plan, Registration

RegistrationRequest = Registration
"""The wire type of a registration is the domain value itself: `routing_api.rules.registrations`."""

CALL_ITEMS_MAX = 1_000
Id = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        title="id",
        description="Give an id as Kuntaväylä gave it: a UUID in small letters.",
    ),
]
Reason = Annotated[
    str,
    Meta(min_length=1, max_length=1000, title="reason", description="Give 1 to 1,000 characters."),
]


class Responsible(Struct, frozen=True, omit_defaults=True):
    """Who is responsible for the client."""

    authority: Literal["municipality", "te_office"]
    municipality_code: str | None = None
    area_code: str | None = None
    case_system_id: str | None = None
    te_office_code: str | None = None


class RuleSetName(Struct, frozen=True):
    """The rule set that judged, and its version."""

    id: str
    version: str


class OfferedTransfer(Struct, frozen=True):
    """The transfer that a decision offers."""

    transfer_id: str
    state: Literal["offered"]
    acknowledge_due_at: datetime


class DueNotice(Struct, frozen=True):
    """The notice that the TE office owes the person."""

    state: Literal["due"]
    due_on: date


class OpenedReview(Struct, frozen=True):
    """The open question that a decision leaves."""

    review_id: str
    reason: str
    missing_facts: Sequence[str]
    due_on: date
    resolve: str


class Recomputed(Struct, frozen=True):
    """What the stored facts give when they are judged again by the stored rule-set version."""

    is_equal: bool
    outcome: str
    decided_by: str


class DecisionResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A decision with every ground; the answer to a registration."""

    registration_id: str | None = None
    decision_id: str | None = None
    client_id: str | None = None
    outcome: Literal["municipality", "te_office", "review"]
    cause: Literal["first_entry", "return", "move", "update"]
    decided_by: str
    effective_on: date
    decided_at: datetime
    responsible: Responsible
    grounds: Sequence[Ground]
    rule_set: RuleSetName
    register_version: str
    transfer: OfferedTransfer | None = None
    notice: DueNotice | None = None
    review: OpenedReview | None = None
    client_text: ClientText
    recomputed: Recomputed | None = None


class ShortDecision(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A decision as a bulk call tells it: ids, outcome, the deciding rule, and who is responsible."""

    registration_id: str
    decision_id: str
    client_id: str
    outcome: Literal["municipality", "te_office", "review"]
    decided_by: str
    responsible: Responsible
    transfer_id: str | None = None
    review_id: str | None = None


class BulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call."""

    line: int
    key: str | None
    status: int
    result: ShortDecision | None = None
    problem: Problem | None = None
    replayed: bool = False


class DetailedBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one accepted line of a bulk call with `?detail=full`."""

    line: int
    key: str
    status: int
    result: DecisionResponse
    replayed: bool = False


class BulkSummary(Struct, frozen=True):
    """What a bulk call came to; an answer without it is incomplete."""

    lines: int
    created: int
    replayed: int
    failed: int


class BulkEnd(Struct, frozen=True):
    """The last line of a bulk answer."""

    summary: BulkSummary


class RegistrationResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A stored registration with the decision that answered it; no name, contact or identity code."""

    registration_id: str
    client_id: str
    source_system: str
    source_registration_id: str
    source_client_number: str | None = None
    te_office_code: str
    registered_at: datetime
    received_at: datetime
    decision: DecisionResponse


class ReviewResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A review: the open question, its owner and due day, and how it ended."""

    review_id: str
    client_id: str
    registration_id: str
    decision_id: str
    owner: str
    reason: str
    missing_facts: Sequence[str]
    state: Literal["open", "resolved", "superseded"]
    opened_at: datetime
    due_on: date
    resolved_at: datetime | None = None
    outcome: str | None = None
    resolution_reason: str | None = None
    resolving_decision_id: str | None = None


class ResolveRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an official resolves a review."""

    outcome: Literal["municipality", "te_office"]
    reason: Reason
    facts: ResolvedFacts = ResolvedFacts()
    acting_official: ActingOfficial | None = None


class ClienthoodResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One version of a client's responsibility; `valid_to` is its last day."""

    version: int
    responsible: Responsible
    decision_id: str
    valid_from: date
    valid_to: date | None = None


class ClientResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A client: who is responsible now, and the history."""

    client_id: str
    clienthood_version: int
    responsible: Responsible
    transfer_id: str | None = None
    review_id: str | None = None
    clienthoods: Sequence[ClienthoodResponse]


class LookupRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The identity code to look for; it stands in the body only."""

    identity_code: Identity
    acting_official: ActingOfficial | None = None


class HeldClienthoodResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A client of the calling case system."""

    client_id: str
    clienthood_version: int
    transfer_id: str
    transfer_state: str
    cause: str
    municipality_code: str
    area_code: str
    te_office_code: str
    valid_from: date
    valid_to: date | None = None
    acknowledge_due_at: datetime
    notice_state: Literal["due", "given"]


class TransferResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A transfer and its hand-shake."""

    transfer_id: str
    client_id: str
    clienthood_version: int
    case_system_id: str
    municipality_code: str
    area_code: str
    te_office_code: str
    cause: str
    effective_on: date
    state: Literal["offered", "acknowledged", "disputed", "withdrawn"]
    flags: Sequence[str]
    acknowledge_due_at: datetime
    acknowledged_at: datetime | None = None
    taken_over_at: datetime | None = None
    caseworker_id: str | None = None
    contact_point: str | None = None
    notice_due_on: date
    notified_at: datetime | None = None
    notice_channel: str | None = None
    notice_language_code: str | None = None


class Caseworker(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes care of the client at the municipality."""

    official_id: Reference | None = None
    contact_point: Reference | None = None


class AcknowledgementItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One client taken over."""

    transfer_id: Id
    taken_over_at: Instant
    caseworker: Caseworker = Caseworker()


class AcknowledgeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Clients taken over."""

    items: Annotated[list[AcknowledgementItem], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]


class NoticeItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One person told about a transfer."""

    transfer_id: Id
    channel: Literal["letter", "e_service", "in_person", "phone"]
    language_code: LanguageCode
    notified_at: Instant
    template: Reference | None = None


class NoticeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Persons told about their transfers."""

    items: Annotated[list[NoticeItem], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]
    acting_official: ActingOfficial | None = None


class ItemResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one item of a call on many."""

    transfer_id: str
    result: Literal["done", "refused"]
    state: str | None = None
    problem: Problem | None = None


class ItemsResponse(Struct, frozen=True):
    """One outcome per item, in order."""

    items: Sequence[ItemResult]


class FetchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose data a case system needs, for what, on whose behalf."""

    purpose: Purpose
    transfer_ids: Annotated[list[Id], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]
    acting_official: ActingOfficial | None = None


class FetchedPerson(Struct, frozen=True, kw_only=True):
    """The person: identity, contact, and how to serve them; neither citizenship nor mother tongue."""

    identity_code: str
    family_name: str
    given_names: str
    service_language_code: str
    has_interpreter_need: bool
    has_security_ban: bool
    contact: Contact


class FetchedItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One person disclosed, or the refusal, which is alike for unknown and not yours."""

    transfer_id: str
    result: Literal["disclosed", "refused"]
    disclosure_id: str | None = None
    client_id: str | None = None
    clienthood_version: int | None = None
    person: FetchedPerson | None = None
    service: ProfileService | None = None
    plans: Sequence[Plan] | None = None
    open_matters: Sequence[OpenMatter] | None = None
    source_client_number: str | None = None
    problem: Problem | None = None


class FetchResponse(Struct, frozen=True):
    """One person or refusal per transfer, in order."""

    items: Sequence[FetchedItem]


class ReviewList(Struct, frozen=True):
    """A page of reviews."""

    items: Sequence[ReviewResponse]
    next_cursor: str | None


class TransferList(Struct, frozen=True):
    """A page of transfers."""

    items: Sequence[TransferResponse]
    next_cursor: str | None


class ClienthoodList(Struct, frozen=True):
    """A page of the snapshot, and the cursor from which the feed goes on."""

    items: Sequence[HeldClienthoodResponse]
    next_cursor: str | None
    feed_cursor: str


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
    """What an operator asks first: where the events stand, what waits, which law and register hold."""

    epoch: int
    head_position: int
    open_reviews: int
    overdue_reviews: int
    offered_transfers: int
    overdue_transfers: int
    transfers_without_notice: int
    register_version: str
    unconfirmed_memberships: int
    queues: Sequence[QueueStatus]
