"""The table of who is responsible, which a service that keeps the projection adds to its own."""

import sqlalchemy as sa

from kuntavayla.database.constraints import one_of
from kuntavayla.values.responsibilities import Authority

MUTABLE = ("responsibilities",)
"""The table whose rows the service changes; a version is told again, and none is deleted."""


def add_table(metadata: sa.MetaData) -> None:
    """Add versions of clients' clienthood; `sequence` is that of the event which told it last."""
    sa.Table(
        "responsibilities",
        metadata,
        sa.Column("client_id", sa.Uuid, primary_key=True),
        sa.Column("clienthood_version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("municipality_code", sa.Text),
        sa.Column("area_code", sa.Text),
        sa.Column("case_system_id", sa.Text),
        sa.Column("te_office_code", sa.Text, nullable=False),
        sa.Column("source_system", sa.Text),
        sa.Column("source_client_number", sa.Text),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.Column("is_restricted", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
        one_of("authority", Authority),
        sa.CheckConstraint("clienthood_version >= 1", name="version_from_one"),
    )
