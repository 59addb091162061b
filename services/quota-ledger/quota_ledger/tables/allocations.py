"""Allocations, transfers between accounts and lapses, as they were ordered; never changed."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from quota_ledger.rules.allocations import AllocationKind, AllocationStatus
from quota_ledger.tables.rows import Row, amount, document


class AllocationRow(Row, table=True):
    """An allocation; of an indicative one there is no entry."""

    __tablename__ = "allocations"
    allocation_id: UUID = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="accounts.account_id")
    kind: str
    status: str
    amount_cents: int = amount()
    persons: int
    valid_from_on: date
    basis: dict[str, Any] | None = document()
    document: dict[str, Any] = document()
    reason: str
    covers_override_id: UUID | None
    entry_id: UUID | None
    organisation: str
    official_id: str
    created_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        one_of("kind", AllocationKind),
        one_of("status", AllocationStatus),
        sa.CheckConstraint("amount_cents >= 1 AND persons >= 0", name="amount_from_one"),
        sa.CheckConstraint(
            "(status = 'confirmed') = (entry_id IS NOT NULL)", name="confirmed_has_entry"
        ),
        sa.Index(
            "uq_allocations_one_initial",
            "account_id",
            unique=True,
            postgresql_where=sa.text("kind = 'initial' AND status = 'confirmed'"),
        ),
        sa.Index("ix_allocations_account_id", "account_id", "allocation_id"),
    )


class AllocationTransferRow(Row, table=True):
    """What went from one account to another: two entries, or none."""

    __tablename__ = "allocation_transfers"
    transfer_id: UUID = Field(primary_key=True)
    from_account_id: UUID = Field(foreign_key="accounts.account_id")
    to_account_id: UUID = Field(foreign_key="accounts.account_id")
    amount_cents: int = amount()
    persons: int
    value_on: date
    reason: str
    document: dict[str, Any] = document()
    covers_override_id: UUID | None
    out_entry_id: UUID
    in_entry_id: UUID
    organisation: str
    official_id: str
    created_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        sa.CheckConstraint("amount_cents >= 1 AND persons >= 0", name="amount_from_one"),
        sa.CheckConstraint("from_account_id <> to_account_id", name="two_accounts"),
    )


class LapseRow(Row, table=True):
    """A year that was closed, with what lapsed in each account."""

    __tablename__ = "lapses"
    lapse_id: UUID = Field(primary_key=True)
    budget_year: int
    accounts: list[Any] = document()
    reason: str
    document: dict[str, Any] = document()
    organisation: str
    official_id: str
    created_at: datetime = instant()  # type: ignore[assignment]
