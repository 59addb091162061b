"""What TE offices ask, and the statements that they give."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from statement_relay.rules.requests import AnswerCode, QuestionCode, RequestState
from statement_relay.rules.statements import OutcomeCode
from statement_relay.tables.rows import Row, index

OPEN = "state = 'open'"


class InformationRequestRow(Row, table=True):
    """A question of a TE office, with its reminders and its one answer."""

    __tablename__ = "information_requests"
    information_request_id: UUID = Field(primary_key=True)
    organisation: str
    reference: str
    fingerprint: bytes
    client_id: UUID
    te_office_code: str
    case_system_id: str
    municipality_code: str
    kind: str | None
    starts_on: date
    ends_on: date | None
    question_code: str
    question: str
    asked_at: datetime = instant()  # type: ignore[assignment]
    remind_at: datetime = instant()  # type: ignore[assignment]
    due_at: datetime = instant()  # type: ignore[assignment]
    reminded_at: datetime | None = instant()  # type: ignore[assignment]
    overdue_at: datetime | None = instant()  # type: ignore[assignment]
    state: str
    answered_at: datetime | None = instant()  # type: ignore[assignment]
    answer_code: str | None
    answer_fingerprint: bytes | None
    information_ids: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    __table_args__ = (
        sa.UniqueConstraint("organisation", "reference"),
        one_of("question_code", QuestionCode),
        one_of("state", RequestState),
        one_of("answer_code", AnswerCode),
        sa.CheckConstraint(
            "(state = 'answered') = (answered_at IS NOT NULL)"
            " AND (answered_at IS NULL) = (answer_code IS NULL)"
            " AND (answered_at IS NULL) = (answer_fingerprint IS NULL)",
            name="answered_has_answer",
        ),
        sa.Index("ix_information_requests_office", "te_office_code", "information_request_id"),
        sa.Index("ix_information_requests_system", "case_system_id", "information_request_id"),
        index(
            "ix_information_requests_to_remind",
            "remind_at",
            where=f"{OPEN} AND reminded_at IS NULL",
        ),
        index("ix_information_requests_due", "due_at", where=f"{OPEN} AND overdue_at IS NULL"),
        index(
            "ix_information_requests_overdue", "due_at", where=f"{OPEN} AND overdue_at IS NOT NULL"
        ),
    )


class StatementRow(Row, table=True):
    """A statement as given; never changed."""

    __tablename__ = "statements"
    statement_id: UUID = Field(primary_key=True)
    organisation: str
    reference: str
    fingerprint: bytes
    client_id: UUID
    te_office_code: str
    kind: str
    starts_on: date
    ends_on: date | None
    outcome_code: str
    given_on: date
    recorded_at: datetime = instant()  # type: ignore[assignment]
    information_ids: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    __table_args__ = (
        sa.UniqueConstraint("organisation", "reference"),
        one_of("outcome_code", OutcomeCode),
        sa.Index("ix_statements_client_id", "client_id"),
    )
