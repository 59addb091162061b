"""Publish the outbox to a broker, hold recipients back, send events again"""

import sqlalchemy as sa
from alembic import context, op

from kuntavayla.database.preparing import grants

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("redelivery_id", sa.Uuid(), nullable=True))
    op.create_table(
        "outbox_publisher",
        sa.Column("is_only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("is_only_row", name=op.f("ck_outbox_publisher_one_row")),
        sa.PrimaryKeyConstraint("is_only_row", name=op.f("pk_outbox_publisher")),
    )
    op.create_table(
        "outbox_holds",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_from", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('paused', 'draining')", name=op.f("ck_outbox_holds_known_state")
        ),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_outbox_holds")),
    )
    op.create_table(
        "outbox_readings",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "channel", name=op.f("pk_outbox_readings")),
    )
    op.create_table(
        "outbox_redeliveries",
        sa.Column("redelivery_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("behind_position", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("redelivery_id", name=op.f("pk_outbox_redeliveries")),
    )
    op.execute("INSERT INTO outbox_publisher DEFAULT VALUES")
    for statement in grants(
        context.config.attributes["role"],
        append_only=("outbox_redeliveries",),
        mutable=("outbox_publisher", "outbox_holds", "outbox_readings"),
    ):
        op.execute(statement)
