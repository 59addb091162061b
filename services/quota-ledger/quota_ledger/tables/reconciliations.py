"""What a payer says that it paid, compared: the newest result of the same months."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import instant
from quota_ledger.tables.rows import Row, amount, document


class ReconciliationRow(Row, table=True):
    """The result of a list; a later one of the same months takes its place."""

    __tablename__ = "reconciliations"
    reconciliation_id: UUID = Field(primary_key=True)
    organisation: str
    first_month: date
    last_month: date
    their_count: int = amount()
    our_count: int = amount()
    counts: dict[str, Any] = document()
    differences: list[Any] = document()
    reconciled_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        sa.UniqueConstraint("organisation", "first_month", "last_month"),
        sa.CheckConstraint("first_month <= last_month", name="months_in_order"),
    )
