"""The tables of the simulated case systems; every row carries the id of its case system."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel

from kuntavayla import inbox
from kuntavayla.database.preparing import grants, sqlalchemy_url

ROLE = "case_systems"
DATABASE = "case_systems"


class Row(SQLModel):
    """The base of these tables: its own metadata."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData()


class ClientRow(Row, table=True):
    """A client as the case system knows them by events; one row per transfer.

    `revision` counts the events that ask for a fetch, `fetched_revision` is the one that the stored
    person answers. A row that a withdrawal made before its transfer was read is born ended, so that
    the order of the two feeds between them does not matter.
    """

    __tablename__ = "clients"
    case_system_id: str = Field(primary_key=True)
    transfer_id: UUID = Field(primary_key=True)
    client_id: UUID
    clienthood_version: int
    municipality_code: str
    effective_on: date | None
    state: str
    revision: int
    fetched_revision: int
    channel: str
    notified_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    refusal_code: str | None
    __table_args__ = (
        sa.CheckConstraint(
            "state IN ('received', 'fetched', 'acknowledged', 'ended', 'refused')",
            name="ck_clients_known_state",
        ),
        sa.Index(
            "ix_clients_to_fetch",
            "case_system_id",
            "transfer_id",
            postgresql_where=sa.text("fetched_revision < revision"),
        ),
        sa.Index(
            "ix_clients_to_acknowledge",
            "case_system_id",
            "transfer_id",
            postgresql_where=sa.text("state = 'fetched'"),
        ),
    )


class PersonRow(Row, table=True):
    """The person as fetched: the item as it came, and the two keys by which it is compared."""

    __tablename__ = "persons"
    case_system_id: str = Field(primary_key=True)
    transfer_id: UUID = Field(primary_key=True)
    identity_code: str
    source_client_number: str | None
    document: str = Field(sa_type=JSON)


class InformationRow(Row, table=True):
    """What the case system tells the TE office, and what it heard of it.

    `ordinal` is the order of sending. `answered_place` is the order in which the relay's answers
    came; of one client it is the order in which the receiver must get them. What is `sent` went by
    the topic and waits for its answer. `outcome` comes by event, with the proof where it was
    delivered.
    """

    __tablename__ = "information"
    case_system_id: str = Field(primary_key=True)
    municipal_id: str = Field(primary_key=True)
    ordinal: int
    client_id: UUID
    kind: str
    action: str
    replaces_municipal_id: str | None
    document: str = Field(sa_type=JSON)
    state: str
    information_id: UUID | None
    answered_place: int | None = Field(sa_type=sa.BigInteger)
    accepted_state: str | None
    receiver_id: str | None
    digest: str | None
    problem_code: str | None
    outcome: str | None
    outcome_code: str | None
    receipt_id: str | None
    receipt_digest: str | None
    is_delayed: bool
    is_overdue: bool
    __table_args__ = (
        sa.CheckConstraint(
            "state IN ('to_send', 'sent', 'answered', 'refused')",
            name="ck_information_known_state",
        ),
        sa.Index(
            "ix_information_unanswered",
            "case_system_id",
            "ordinal",
            postgresql_where=sa.text("state = 'sent'"),
        ),
        sa.Index(
            "ix_information_to_send",
            "case_system_id",
            "ordinal",
            postgresql_where=sa.text("state = 'to_send'"),
        ),
        sa.Index("ix_information_by_id", "case_system_id", "information_id"),
    )


inbox.add_table(Row.metadata)
MUTABLE = ("clients", "persons", "information", "inbox_positions")


async def create_tables(owner_url: str) -> None:
    """Create the tables where they do not stand yet, and give the role its rights."""
    engine = create_async_engine(sqlalchemy_url(owner_url), poolclass=sa.NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Row.metadata.create_all)
            for statement in grants(ROLE, append_only=(), mutable=MUTABLE):
                await connection.execute(sa.text(statement))
    finally:
        await engine.dispose()
