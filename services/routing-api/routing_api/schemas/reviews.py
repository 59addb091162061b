"""Reviews and their resolution."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.service.schemas.limits import Reason
from kuntavayla.values.officials import ActingOfficial
from routing_api.operations.reviews import ResolvedFacts


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


class ReviewList(Struct, frozen=True):
    """A page of reviews."""

    items: Sequence[ReviewResponse]
    next_cursor: str | None
