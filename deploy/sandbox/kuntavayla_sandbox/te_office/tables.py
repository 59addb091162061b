"""The tables of the simulated receivers; every row carries the id of its receiver."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel

from kuntavayla.database.preparing import grants, sqlalchemy_url

ROLE = "te_offices"
DATABASE = "te_offices"


class Row(SQLModel):
    """The base of these tables: its own metadata."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData()


class ItemRow(Row, table=True):
    """An item as it came, its receipt, and how often it came again.

    `position` is the order of reception. A waiting one has been answered 202.
    """

    __tablename__ = "items"
    receiver_id: str = Field(primary_key=True)
    information_id: UUID = Field(primary_key=True)
    position: int = Field(sa_column=sa.Column(sa.BigInteger, sa.Identity(), nullable=False))
    client_id: UUID
    sequence: int = Field(sa_type=sa.BigInteger)
    kind: str
    action: str
    replaces_information_id: UUID | None
    digest: str
    body: bytes
    receipt_id: str
    received_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    received_on: date
    state: str
    rejection_code: str | None
    repeats: int
    receipt_due_at: datetime | None = Field(sa_type=sa.DateTime(timezone=True))
    __table_args__ = (
        sa.CheckConstraint("state IN ('held', 'waiting', 'rejected')", name="ck_items_known_state"),
        sa.Index("ix_items_in_order", "receiver_id", "position", unique=True),
        sa.Index("ix_items_by_day", "receiver_id", "received_on", "position"),
        sa.Index(
            "ix_items_replaced",
            "receiver_id",
            "replaces_information_id",
            unique=True,
            postgresql_where=sa.text("replaces_information_id IS NOT NULL AND state <> 'rejected'"),
        ),
        sa.Index(
            "ix_items_receipt_due",
            "receipt_due_at",
            postgresql_where=sa.text("receipt_due_at IS NOT NULL"),
        ),
    )


class KnobsRow(Row, table=True):
    """The knobs of a receiver, where any were ever set."""

    __tablename__ = "knobs"
    receiver_id: str = Field(primary_key=True)
    knobs: str = Field(sa_type=JSONB)


MUTABLE = ("items", "knobs")


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
