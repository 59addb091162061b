"""Information requests of TE offices, and the statements that they give."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from statement_relay.rules.shape import TimeSpan


class InformationRequestResponse(Struct, frozen=True, kw_only=True):
    """A question of a TE office to a municipality, and its answer."""

    information_request_id: str
    reference: str
    client_id: str
    te_office_code: str
    case_system_id: str
    municipality_code: str
    kind: str | None
    period: TimeSpan
    question_code: str
    question: str
    state: str
    is_overdue: bool
    asked_at: datetime
    remind_at: datetime
    due_at: datetime
    reminded_at: datetime | None
    answered_at: datetime | None
    answer_code: str | None
    information_ids: Sequence[str]


class InformationRequestList(Struct, frozen=True):
    """A page of information requests."""

    items: Sequence[InformationRequestResponse]
    next_cursor: str | None


class StatementResponse(Struct, frozen=True, kw_only=True):
    """A statement; `organisation` gave it: TE, or the issuing municipality's case system."""

    statement_id: str
    organisation: str
    reference: str
    client_id: str
    te_office_code: str
    kind: str
    period: TimeSpan
    outcome_code: str
    given_on: date
    recorded_at: datetime
    information_ids: Sequence[str]
