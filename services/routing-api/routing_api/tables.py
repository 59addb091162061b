"""The tables of routing-api with their constraints.

Only `store` imports them, and only migrations create them.
"""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field, SQLModel

from kuntavayla import audit, idempotency, inbox, outbox
from kuntavayla.database.constraints import NAMES, instant, one_of
from kuntavayla.register import ChangeKind
from routing_api.rules.clienthoods import Authority, DecisionCause
from routing_api.rules.judging import Outcome, ReviewReason
from routing_api.rules.reviews import ReviewState
from routing_api.rules.transfers import NoticeChannel, TransferCause, TransferState


class Row(SQLModel):
    """The base of this service's tables: its own metadata, its own names of constraints."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData(naming_convention=NAMES)


def _only_one(name: str, *, where: str) -> sa.Index:
    """Return the index that keeps at most one such row a client."""
    return sa.Index(name, "client_id", unique=True, postgresql_where=sa.text(where))


class ClientRow(Row, table=True):
    """A person, known by client_id; the identity code only as ciphertext and keyed look-ups.

    The columns from `version` on are the client's current state, kept equal to the newest
    clienthood and decision so that one locked row is all that a new registration needs.
    """

    __tablename__ = "clients"
    client_id: UUID = Field(primary_key=True)
    lookup_a: bytes = Field(unique=True)
    lookup_b: bytes = Field(unique=True)
    identity_ciphertext: bytes
    identity_key_id: str
    version: int
    authority: str
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    transfer_id: UUID | None
    decision_id: UUID
    registration_id: UUID
    review_id: UUID | None
    newest_effective_on: date
    is_restricted: bool
    valid_from: date
    client_since_on: date | None
    created_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        one_of("authority", Authority),
        sa.CheckConstraint(
            "(authority = 'municipality') = (municipality_code IS NOT NULL"
            " AND case_system_id IS NOT NULL AND transfer_id IS NOT NULL)",
            name="municipality_has_transfer",
        ),
    )


class RegistrationRow(Row, table=True):
    """A registration as received; what a case system may fetch stands in `profile_ciphertext`.

    `decision_id` is the decision that answered it and answers every repeat; the release before this
    column left it empty.
    """

    __tablename__ = "registrations"
    registration_id: UUID = Field(primary_key=True)
    organisation: str
    source_system: str
    source_registration_id: str
    client_number: str | None
    fingerprint: bytes
    client_id: UUID = Field(foreign_key="clients.client_id")
    decision_id: UUID | None
    te_office_code: str
    registered_at: datetime = instant()  # type: ignore[assignment]
    received_at: datetime = instant()  # type: ignore[assignment]
    profile_ciphertext: bytes | None
    profile_key_id: str | None
    __table_args__ = (
        sa.UniqueConstraint("organisation", "source_system", "source_registration_id"),
        sa.Index("ix_registrations_client_id", "client_id"),
        sa.CheckConstraint(
            "(profile_ciphertext IS NULL) = (profile_key_id IS NULL)", name="profile_has_key"
        ),
    )


class DecisionRow(Row, table=True):
    """A decision with all that explains it; never changed."""

    __tablename__ = "decisions"
    decision_id: UUID = Field(primary_key=True)
    registration_id: UUID = Field(foreign_key="registrations.registration_id")
    client_id: UUID
    outcome: str
    cause: str
    decided_by: str
    effective_on: date
    decided_at: datetime = instant()  # type: ignore[assignment]
    authority: str
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    rule_set_id: str
    rule_set_version: str
    register_version: str
    facts: str | None = Field(sa_type=JSON, nullable=True)
    grounds: str
    transfer_id: UUID | None
    acknowledge_due_at: datetime | None = instant()  # type: ignore[assignment]
    notice_due_on: date | None
    review_id: UUID | None
    review_reason: str | None
    missing_facts: str
    review_due_on: date | None
    names: str | None = Field(sa_type=JSON, nullable=True)
    __table_args__ = (
        sa.Index("ix_decisions_registration_id", "registration_id"),
        one_of("outcome", Outcome),
        one_of("cause", DecisionCause),
        one_of("authority", Authority),
        one_of("review_reason", ReviewReason),
        sa.CheckConstraint(
            "(outcome = 'review') = (review_reason IS NOT NULL)", name="review_has_reason"
        ),
    )


class ClienthoodRow(Row, table=True):
    """Which authority is responsible for a client, from when to when; one row a version.

    `valid_to` is the last day; a version that was replaced on its own first day has the day before
    and never counted.
    """

    __tablename__ = "clienthoods"
    client_id: UUID = Field(primary_key=True, foreign_key="clients.client_id")
    version: int = Field(primary_key=True)
    authority: str
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    decision_id: UUID
    valid_from: date
    valid_to: date | None
    __table_args__ = (
        one_of("authority", Authority),
        sa.CheckConstraint("valid_to >= valid_from - 1", name="period_in_order"),
        sa.CheckConstraint("version >= 1", name="version_from_one"),
        sa.Index("ix_clienthoods_case_system_id_client_id", "case_system_id", "client_id"),
        _only_one("ix_clienthoods_one_open", where="valid_to IS NULL"),
    )


class TransferRow(Row, table=True):
    """One change of responsibility to a municipality, offered to its case system."""

    __tablename__ = "transfers"
    transfer_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(foreign_key="clients.client_id")
    clienthood_version: int
    registration_id: UUID
    case_system_id: str
    municipality_code: str
    area_code: str
    te_office_code: str
    cause: str
    effective_on: date
    is_restricted: bool
    state: str
    offered_at: datetime = instant()  # type: ignore[assignment]
    acknowledge_due_at: datetime = instant()  # type: ignore[assignment]
    acknowledged_at: datetime | None = instant()  # type: ignore[assignment]
    taken_over_at: datetime | None = instant()  # type: ignore[assignment]
    caseworker_id: str | None
    contact_point: str | None
    notice_due_on: date
    notice_id: UUID | None
    notified_at: datetime | None = instant()  # type: ignore[assignment]
    notice_channel: str | None
    notice_language_code: str | None
    notice_template: str | None
    ends_on: date | None
    overdue_told_at: datetime | None = instant()  # type: ignore[assignment]
    __table_args__ = (
        sa.UniqueConstraint("client_id", "clienthood_version"),
        one_of("state", TransferState),
        one_of("cause", TransferCause),
        one_of("notice_channel", NoticeChannel),
        sa.CheckConstraint("(notice_id IS NULL) = (notified_at IS NULL)", name="notice_has_time"),
        sa.Index("ix_transfers_case_system_id_transfer_id", "case_system_id", "transfer_id"),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (ends_on IS NOT NULL)", name="withdrawn_has_last_day"
        ),
        sa.Index("ix_transfers_te_office_code_transfer_id", "te_office_code", "transfer_id"),
        sa.Index(
            "ix_transfers_offered_due",
            "acknowledge_due_at",
            postgresql_where=sa.text("state = 'offered'"),
        ),
        sa.Index(
            "ix_transfers_without_notice",
            "te_office_code",
            "transfer_id",
            postgresql_where=sa.text("notice_id IS NULL AND state <> 'withdrawn'"),
        ),
        sa.Index(
            "ix_transfers_to_be_overdue",
            "acknowledge_due_at",
            "transfer_id",
            postgresql_where=sa.text("state = 'offered' AND overdue_told_at IS NULL"),
        ),
        _only_one("ix_transfers_one_standing", where="state IN ('offered', 'acknowledged')"),
    )


class ReviewRow(Row, table=True):
    """An open question about a client; the TE office is responsible while it is open."""

    __tablename__ = "reviews"
    review_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(foreign_key="clients.client_id")
    registration_id: UUID
    decision_id: UUID
    te_office_code: str
    reason: str
    missing_facts: str
    is_restricted: bool
    state: str
    version: int
    opened_at: datetime = instant()  # type: ignore[assignment]
    due_on: date
    resolved_at: datetime | None = instant()  # type: ignore[assignment]
    outcome: str | None
    resolution_reason: str | None
    resolving_decision_id: UUID | None
    __table_args__ = (
        one_of("state", ReviewState),
        one_of("reason", ReviewReason),
        one_of("outcome", Outcome),
        sa.CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="resolved_has_time"),
        sa.Index("ix_reviews_te_office_code_review_id", "te_office_code", "review_id"),
        sa.Index("ix_reviews_client_id", "client_id"),
        _only_one("ix_reviews_one_open", where="state = 'open'"),
    )


class RegisterChangeRow(Row, table=True):
    """A recorded change of the register; the register's version counts them."""

    __tablename__ = "register_changes"
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    change_id: UUID = Field(unique=True)
    kind: str
    municipality_codes: list[str] = Field(sa_type=sa.ARRAY(sa.Text))
    reason: str
    organisation: str
    official_id: str
    recorded_at: datetime = instant()  # type: ignore[assignment]
    recorded_on: date
    __table_args__ = (one_of("kind", ChangeKind),)


class ReconciliationRow(Row, table=True):
    """What came of an organisation's own list of clients on a day; the newest of the day stands."""

    __tablename__ = "reconciliations"
    organisation: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    reconciled_at: datetime = instant()  # type: ignore[assignment]
    counts: str = Field(sa_type=JSON)
    differences: str = Field(sa_type=JSON)


outbox.add_tables(Row.metadata)
audit.add_tables(Row.metadata)
idempotency.add_table(Row.metadata)
inbox.add_table(Row.metadata)
inbox.add_parking_tables(Row.metadata)

APPEND_ONLY = (
    "audit",
    "audit_blocks",
    "audit_days",
    "outbox",
    "outbox_epochs",
    "outbox_redeliveries",
    "decisions",
    "register_changes",
    "inbox_repairs",
)
MUTABLE = (
    "clients",
    "registrations",
    "clienthoods",
    "transfers",
    "reviews",
    "reconciliations",
    "idempotency_keys",
    "outbox_head",
    "outbox_publisher",
    "outbox_holds",
    "outbox_readings",
    *inbox.MUTABLE,
)
