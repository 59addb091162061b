"""Keep what came of receivers' lists of what they took"""

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
        "reconciliations",
        sa.Column("receiver_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("their_count", sa.Integer(), nullable=False),
        sa.Column("our_count", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("differences", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("receiver_id", "day", name=op.f("pk_reconciliations")),
    )
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=(), mutable=("reconciliations",)):
        op.execute(statement)
