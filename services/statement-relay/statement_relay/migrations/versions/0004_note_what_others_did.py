"""Note what operators and receivers did to deliveries"""

import sqlalchemy as sa
from alembic import context, op

from kuntavayla.database.preparing import grants

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_notes",
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("information_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action IN ('retried', 'skipped', 'received', 'rejected', 'parked')",
            name=op.f("ck_delivery_notes_known_action"),
        ),
        sa.ForeignKeyConstraint(
            ["information_id"],
            ["information.information_id"],
            name=op.f("fk_delivery_notes_information_id"),
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_delivery_notes")),
    )
    op.create_index(
        "ix_delivery_notes_information_id", "delivery_notes", ["information_id", "note_id"]
    )
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=("delivery_notes",), mutable=()):
        op.execute(statement)
