"""Keep every proof, and when what was sent again was delivered first"""

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("delivery_attempts", "delivery_notes"):
        op.add_column(table, sa.Column("receipt_id", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("received_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("receipt_digest", sa.Text(), nullable=True))
        op.create_check_constraint(
            op.f(f"ck_{table}_receipt_is_whole"),
            table,
            "num_nulls(receipt_id, received_at, receipt_digest) IN (0, 3)",
        )
    op.add_column(
        "information", sa.Column("first_delivered_at", sa.DateTime(timezone=True), nullable=True)
    )
    role = context.config.attributes["role"]
    op.execute(f'GRANT UPDATE (first_delivered_at) ON information TO "{role}"')
