"""Reviews as values: an open question about a client, owned by a TE office."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from routing_api.rules.judging import Outcome, ReviewReason

ReviewState = Literal["open", "resolved", "superseded"]


class Review(Struct, frozen=True, kw_only=True):
    """An open question: why, what is missing, until when; and how it ended."""

    review_id: str
    client_id: str
    registration_id: str
    decision_id: str
    te_office_code: str
    reason: ReviewReason
    missing_facts: tuple[str, ...]
    is_restricted: bool
    state: ReviewState
    version: int
    opened_at: datetime
    due_on: date
    resolved_at: datetime | None = None
    outcome: Outcome | None = None
    resolution_reason: str | None = None
    resolving_decision_id: str | None = None

    @property
    def missing_facts_text(self) -> str:
        """Return the names of the missing facts, joined by commas."""
        return ",".join(self.missing_facts)


class ReviewFilter(Struct, frozen=True, kw_only=True):
    """Which reviews are asked for; what is None does not filter. `due_before` is exclusive."""

    te_office_code: str | None = None
    state: str | None = None
    reason: str | None = None
    due_before: date | None = None
    may_see_restricted: bool = False
