"""Leave claims out of the indexes of items, and room for them on the items' own pages"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
NAMED = ("unsettled", "waiting_for_client", "successor")


def upgrade() -> None:
    # First, so that adding the column, which writes the table anew, leaves the room at once.
    op.execute("ALTER TABLE information SET (fillfactor = 50)")
    op.add_column(
        "information",
        sa.Column(
            "indexed_state",
            sa.Text(),
            sa.Computed(
                "CASE state WHEN 'delivering' THEN 'waiting' ELSE state END", persisted=True
            ),
            nullable=False,
        ),
    )
    for name in NAMED:
        op.drop_index(f"ix_information_{name}", "information")
    op.create_index(
        "ix_information_unsettled",
        "information",
        ["indexed_state", "accepted_at"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_information_waiting_for_client",
        "information",
        ["client_id", "ordinal"],
        postgresql_where=sa.text("indexed_state = 'waiting_for_client'"),
    )
    op.create_index(
        "ix_information_successor",
        "information",
        ["replaces_information_id"],
        unique=True,
        postgresql_where=sa.text(
            "replaces_information_id IS NOT NULL AND indexed_state NOT IN ('rejected', 'refused')"
        ),
    )
