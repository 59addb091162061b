"""Who is responsible for a client from when to when, as routing-api's events tell it."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import one_of
from statement_relay.rules.responsibilities import Authority
from statement_relay.tables.rows import Row


class ResponsibilityRow(Row, table=True):
    """One version of a client's clienthood; `sequence` is that of the event which told it last."""

    __tablename__ = "responsibilities"
    client_id: UUID = Field(primary_key=True)
    clienthood_version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    authority: str
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    source_system: str | None
    source_client_number: str | None
    valid_from: date
    valid_to: date | None
    is_restricted: bool
    sequence: str
    __table_args__ = (
        one_of("authority", Authority),
        sa.CheckConstraint("clienthood_version >= 1", name="version_from_one"),
    )
