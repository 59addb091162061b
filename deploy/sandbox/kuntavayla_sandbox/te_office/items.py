"""An item of information as a receiver reads it: by the contract's words alone."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

KINDS = frozenset(
    {
        "JOB_OFFER_MADE",
        "JOB_OFFER_REFUSED",
        "JOB_OFFER_NOT_APPLIED",
        "JOB_OFFER_RESULT",
        "INTERVIEW_NO_SHOW",
        "PLAN_REFUSED",
        "PLAN_MEETING_MISSED",
        "PLAN_STEP_OMITTED",
        "JOB_SEARCH_DUTY_UNMET",
        "SERVICE_REFUSED",
        "SERVICE_NOT_STARTED",
        "SERVICE_STARTED",
        "SERVICE_INTERRUPTED",
        "SERVICE_REMOVED_FOR_CONDUCT",
        "SERVICE_ENDED",
        "SERVICE_ABSENCE",
        "EMPLOYMENT_STARTED",
        "EMPLOYMENT_ENDED",
        "RESIGNATION",
        "DISMISSAL_OWN_CONDUCT",
        "ENTREPRENEURSHIP_STARTED",
        "ENTREPRENEURSHIP_ENDED",
        "STUDIES_STARTED",
        "STUDIES_ENDED",
        "NOT_AVAILABLE_FOR_WORK",
        "WORK_CAPACITY_CHANGE",
        "JOB_SEARCH_ENDED",
        "JOB_SEARCH_RENEWED",
        "MOVED_ABROAD",
        "EU_JOB_SEARCH",
        "CLIENT_EXPLANATION_RECEIVED",
    }
)
UNKNOWN_PREFIX = "UNKNOWN"
"""No office knows a client number that begins so."""

Utc = Annotated[datetime, Meta(tz=True)]


class Client(Struct, frozen=True):
    """The person, by the ids that both sides know."""

    client_id: UUID
    source_system: str | None
    client_number: Annotated[str, Meta(max_length=64)] | None


class Period(Struct, frozen=True):
    """The days that the item is about."""

    starts_on: date
    ends_on: date | None


class Hearing(Struct, frozen=True):
    """Whether and when the client was heard."""

    state: str
    requested_at: Utc | None
    due_on: date | None
    answered_at: Utc | None


class Attachment(Struct, frozen=True):
    """A document that stays with the municipality."""

    reference: Annotated[str, Meta(max_length=64)]
    kind: str
    digest: Annotated[str, Meta(pattern=r"^sha-256=:[A-Za-z0-9+/]{43}=:$")]


class Item(Struct, frozen=True, kw_only=True):
    """One item; members that the contract does not name yet pass."""

    information_id: UUID
    sequence: Annotated[int, Meta(ge=1)]
    kind: str
    action: Literal["new", "correct", "withdraw"]
    replaces_information_id: UUID | None
    client: Client
    municipality_code: Annotated[str, Meta(pattern=r"^[0-9]{3}$")]
    period: Period | None
    facts: dict[str, Any]
    hearing: Hearing
    occurred_at: Utc
    known_at: Utc
    author_role: str
    attachments: list[Attachment]
    accepted_at: Utc
    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}$")]


class ClosedItem(Item, frozen=True, forbid_unknown_fields=True):
    """The same item by a receiver that takes no member it does not know."""


decode_item = msgspec.json.Decoder(Item).decode
decode_closed = msgspec.json.Decoder(ClosedItem).decode
