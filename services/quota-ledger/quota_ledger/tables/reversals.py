"""Reversals, as they were ordered; never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from kuntavayla.database.constraints import instant
from quota_ledger.tables.rows import Row, amount, document


class ReversalRow(Row, table=True):
    """A reversal of an allocation, a transfer or a payment; each is reversed once at most."""

    __tablename__ = "reversals"
    reversal_id: UUID = Field(primary_key=True)
    allocation_id: UUID | None = Field(foreign_key="allocations.allocation_id", unique=True)
    transfer_id: UUID | None = Field(foreign_key="allocation_transfers.transfer_id", unique=True)
    payment_id: UUID | None = Field(foreign_key="payments.payment_id", unique=True)
    entry_ids: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    commitment_left_cents: int | None = amount()
    reason: str
    document: dict[str, Any] = document()
    organisation: str
    official_id: str | None
    created_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        sa.CheckConstraint(
            "num_nonnulls(allocation_id, transfer_id, payment_id) = 1", name="of_one"
        ),
    )
