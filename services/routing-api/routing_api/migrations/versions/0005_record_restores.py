"""Record restores, reconciliations, and who was told of an overdue transfer"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_epochs",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begins_behind", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_outbox_epochs")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("differences", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "day", name=op.f("pk_reconciliations")),
    )
    op.add_column(
        "transfers", sa.Column("overdue_told_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_transfers_to_be_overdue",
        "transfers",
        ["acknowledge_due_at", "transfer_id"],
        unique=False,
        postgresql_where=sa.text("state = 'offered' AND overdue_told_at IS NULL"),
    )
    for statement in grants(
        context.config.attributes["role"],
        append_only=("outbox_epochs",),
        mutable=("reconciliations",),
    ):
        op.execute(statement)
