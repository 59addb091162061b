"""What came of receivers' own lists of what they took."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field

from kuntavayla.database.constraints import instant
from statement_relay.tables.rows import Row


class ReconciliationRow(Row, table=True):
    """The result of a receiver's list of a day; the newest of the day stands.

    A partial one, without clients with a security ban, never takes the place of a whole one.
    """

    __tablename__ = "reconciliations"
    receiver_id: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    reconciled_at: datetime = instant()  # type: ignore[assignment]
    their_count: int
    our_count: int
    counts: str = Field(sa_type=JSON)
    differences: str = Field(sa_type=JSON)
    is_partial: bool = Field(sa_column_kwargs={"server_default": sa.false()})
