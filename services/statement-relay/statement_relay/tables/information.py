"""Items of information with their delivery, and every attempt to deliver one."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from statement_relay.rules.issuers import IssuerAuthority
from statement_relay.rules.states import AcceptedState, Action, InformationState, NoteAction
from statement_relay.tables.rows import Row, index, number

UNSETTLED = "settled_at IS NULL"
INDEXED_STATE = "CASE state WHEN 'delivering' THEN 'waiting' ELSE state END"


class InformationRow(Row, table=True):
    """An item as accepted, and where its delivery stands; nothing else duplicates that.

    `content` is the validated item, `body` the exact bytes that are sent. `accepted_state` and
    `waiting_behind` are what the first answer said, and so every repeat; `ordinal` is the order of
    acceptance. An item has a place in its queue, bytes and a receiver together, or none of them: it
    waits for its client, was refused, or is not relayed. It has one successor at most that was
    neither rejected nor refused. `first_delivered_at` is kept of what is sent again after it was
    delivered: figures and clocks go by that. `indexed_state` is the state as indexes have it, where
    what is being delivered waits: a claim writes no index, and finds room on the item's own page,
    of which acceptance fills one half. What is no column of `tables.CHANGING` never changes.
    """

    __tablename__ = "information"
    information_id: UUID = Field(primary_key=True)
    organisation: str
    municipal_id: str
    fingerprint: bytes
    client_id: UUID
    municipality_code: str
    kind: str
    action: str
    replaces_information_id: UUID | None = Field(foreign_key="information.information_id")
    root_information_id: UUID
    content: str = Field(sa_type=JSON)
    occurred_at: datetime = instant()  # type: ignore[assignment]
    known_at: datetime = instant()  # type: ignore[assignment]
    accepted_at: datetime = instant()  # type: ignore[assignment]
    ordinal: int = number(sa_column_args=(sa.Identity(always=True),))  # type: ignore[assignment]
    accepted_state: str
    waiting_behind: UUID | None
    official_id: str
    author_role: str
    issuer_authority: str | None
    issuer_rule: str | None
    issuer_from_on: date | None
    state: str
    state_reason: str | None
    receiver_id: str | None
    number: int | None = number()  # type: ignore[assignment]
    is_restricted: bool
    body: bytes | None
    digest: str | None
    deliver_by_at: datetime | None = instant()  # type: ignore[assignment]
    warn_at: datetime | None = instant()  # type: ignore[assignment]
    warned_at: datetime | None = instant()  # type: ignore[assignment]
    overdue_at: datetime | None = instant()  # type: ignore[assignment]
    settled_at: datetime | None = instant()  # type: ignore[assignment]
    attempts: int
    receipt_id: str | None
    received_at: datetime | None = instant()  # type: ignore[assignment]
    receipt_digest: str | None
    delivered_request_id: str | None
    is_by_topic: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    first_delivered_at: datetime | None = instant()  # type: ignore[assignment]
    indexed_state: str = Field(sa_column_args=(sa.Computed(INDEXED_STATE, persisted=True),))
    __table_args__ = (
        sa.UniqueConstraint("organisation", "municipal_id"),
        sa.UniqueConstraint("receiver_id", "client_id", "number"),
        sa.UniqueConstraint("ordinal"),
        one_of("action", Action),
        one_of("state", InformationState),
        one_of("accepted_state", AcceptedState),
        one_of("issuer_authority", IssuerAuthority),
        sa.CheckConstraint(
            "(action = 'new') = (replaces_information_id IS NULL)", name="successor_has_original"
        ),
        sa.CheckConstraint(
            "(receiver_id IS NULL) = (number IS NULL) AND (number IS NULL) = (body IS NULL)"
            " AND (body IS NULL) = (digest IS NULL)",
            name="queued_has_bytes",
        ),
        sa.CheckConstraint(
            "number IS NOT NULL OR state IN"
            " ('waiting_for_client', 'refused', 'not_relayed', 'withdrawn')",
            name="unqueued_is_not_sent",
        ),
        sa.CheckConstraint(
            "(state IN ('delivered', 'rejected', 'refused', 'not_relayed', 'withdrawn'))"
            " = (settled_at IS NOT NULL)",
            name="settled_has_time",
        ),
        sa.CheckConstraint(
            "state <> 'delivered' OR (receipt_id IS NOT NULL AND received_at IS NOT NULL"
            " AND receipt_digest = digest)",
            name="delivered_has_proof",
        ),
        sa.CheckConstraint("attempts >= 0", name="attempts_from_none"),
        sa.Index("ix_information_client_id", "client_id", "information_id"),
        sa.Index("ix_information_organisation", "organisation", "information_id"),
        sa.Index("ix_information_root", "root_information_id", "information_id"),
        sa.Index("ix_information_received", "receiver_id", "received_at"),
        sa.Index(
            "ix_information_successor",
            "replaces_information_id",
            unique=True,
            postgresql_where=sa.text(
                "replaces_information_id IS NOT NULL"
                " AND indexed_state NOT IN ('rejected', 'refused')"
            ),
        ),
        index(
            "ix_information_replaces",
            "replaces_information_id",
            "information_id",
            where="replaces_information_id IS NOT NULL",
        ),
        index(
            "ix_information_queue",
            "receiver_id",
            "client_id",
            "number",
            where=f"{UNSETTLED} AND number IS NOT NULL",
        ),
        index("ix_information_unsettled", "indexed_state", "accepted_at", where=UNSETTLED),
        index(
            "ix_information_waiting_for_client",
            "client_id",
            "ordinal",
            where="indexed_state = 'waiting_for_client'",
        ),
        index("ix_information_to_warn", "warn_at", where=f"{UNSETTLED} AND warned_at IS NULL"),
        index(
            "ix_information_to_be_overdue",
            "deliver_by_at",
            where=f"{UNSETTLED} AND overdue_at IS NULL",
        ),
    )


class DeliveryAttemptRow(Row, table=True):
    """One call to a receiver and what came of it; never changed."""

    __tablename__ = "delivery_attempts"
    information_id: UUID = Field(primary_key=True, foreign_key="information.information_id")
    attempt: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    request_id: str
    started_at: datetime = instant()  # type: ignore[assignment]
    ended_at: datetime = instant()  # type: ignore[assignment]
    status: int | None
    outcome: str
    code: str | None
    request_hash: str | None
    receipt_id: str | None
    received_at: datetime | None = instant()  # type: ignore[assignment]
    receipt_digest: str | None
    __table_args__ = (
        sa.CheckConstraint("attempt >= 1", name="attempt_from_one"),
        sa.CheckConstraint(
            "num_nulls(receipt_id, received_at, receipt_digest) IN (0, 3)", name="receipt_is_whole"
        ),
    )


class DeliveryNoteRow(Row, table=True):
    """What somebody other than a courier did to a delivery, and why; never changed."""

    __tablename__ = "delivery_notes"
    note_id: UUID = Field(primary_key=True)
    information_id: UUID = Field(foreign_key="information.information_id")
    action: str
    code: str | None
    reason: str | None
    organisation: str
    official_id: str | None
    noted_at: datetime = instant()  # type: ignore[assignment]
    receipt_id: str | None
    received_at: datetime | None = instant()  # type: ignore[assignment]
    receipt_digest: str | None
    __table_args__ = (
        sa.CheckConstraint(
            "num_nulls(receipt_id, received_at, receipt_digest) IN (0, 3)", name="receipt_is_whole"
        ),
        one_of("action", NoteAction),
        sa.Index("ix_delivery_notes_information_id", "information_id", "note_id"),
    )
