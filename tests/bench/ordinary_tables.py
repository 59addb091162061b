"""Tables of the ordinary ledger: what a decision leaves behind, as quota-ledger keeps it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

metadata = sa.MetaData()
INSTANT = sa.DateTime(timezone=True)


class Table(SQLModel):
    """Keeps these tables apart from those of the services."""

    metadata = metadata


class Account(Table, table=True):
    """The account with its balance."""

    __tablename__ = "accounts"
    account_id: UUID = Field(primary_key=True)
    area_code: str
    instrument: str
    budget_year: int
    allocated_cents: int = Field(sa_type=sa.BigInteger)
    reserved_cents: int = Field(sa_type=sa.BigInteger)
    reserved_persons: int
    last_position: int = Field(sa_type=sa.BigInteger)
    __table_args__ = (
        sa.UniqueConstraint("area_code", "instrument", "budget_year"),
        sa.CheckConstraint("reserved_cents BETWEEN 0 AND allocated_cents"),
    )

    @property
    def free_cents(self) -> int:
        """Return what may still be promised."""
        return self.allocated_cents - self.reserved_cents


class Client(Table, table=True):
    """A client and who is responsible."""

    __tablename__ = "clients"
    client_id: UUID = Field(primary_key=True)
    municipality_code: str


class AccountClient(Table, table=True):
    """How many decisions hold money of an account for a client."""

    __tablename__ = "account_clients"
    account_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(primary_key=True)
    holds: int


class Decision(Table, table=True):
    """A decision, unique by the municipal id of its sender."""

    __tablename__ = "decisions"
    decision_id: UUID = Field(primary_key=True)
    organisation: str
    municipal_id: str
    fingerprint: bytes
    client_id: UUID = Field(index=True)
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    decided_on: date
    content: dict[str, Any] = Field(sa_type=JSONB)
    calculation: dict[str, Any] | None = Field(sa_type=JSONB)
    outcome: str
    expires_at: datetime = Field(sa_type=INSTANT)
    created_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (sa.UniqueConstraint("organisation", "municipal_id"),)


class Draw(Table, table=True):
    """What a decision holds of an account."""

    __tablename__ = "decision_draws"
    decision_id: UUID = Field(primary_key=True)
    account_id: UUID = Field(primary_key=True)
    reserved_cents: int = Field(sa_type=sa.BigInteger)


class Step(Table, table=True):
    """The first step of a decision's story."""

    __tablename__ = "decision_steps"
    decision_id: UUID = Field(primary_key=True)
    number: int = Field(default=1, primary_key=True)
    action: str
    at: datetime = Field(sa_type=INSTANT)
    official_id: str


class Entry(Table, table=True):
    """A change of the account, with the balance behind it."""

    __tablename__ = "entries"
    account_id: UUID = Field(primary_key=True)
    position: int = Field(sa_type=sa.BigInteger, primary_key=True)
    kind: str
    booked_at: datetime = Field(sa_type=INSTANT)
    value_on: date
    reserved_cents: int = Field(sa_type=sa.BigInteger)
    reserved_persons: int
    allocated_cents_after: int = Field(sa_type=sa.BigInteger)
    reserved_cents_after: int = Field(sa_type=sa.BigInteger)
    reserved_persons_after: int
    decision_id: UUID = Field(index=True)
    official_id: str


class Key(Table, table=True):
    """An idempotency key with the answer that it got."""

    __tablename__ = "idempotency_keys"
    organisation: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: bytes
    answer: dict[str, Any] = Field(sa_type=JSONB)


class Event(Table, table=True):
    """An event that waits to be published."""

    __tablename__ = "outbox"
    event_id: int | None = Field(default=None, sa_type=sa.BigInteger, primary_key=True)
    recipient: str
    kind: str
    at: datetime = Field(sa_type=INSTANT)
    body: dict[str, Any] = Field(sa_type=JSONB)


class AuditLine(Table, table=True):
    """Who did what."""

    __tablename__ = "audit"
    audit_id: int | None = Field(default=None, sa_type=sa.BigInteger, primary_key=True)
    at: datetime = Field(sa_type=INSTANT)
    organisation: str
    official_id: str
    action: str
    outcome: str
    client_id: UUID
    resource_id: UUID
