"""Create reversals; keep reconciliations one by one"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = ("reversals",)


def upgrade() -> None:
    _create_reversals()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=APPEND_ONLY, mutable=()):
        op.execute(statement)


def _create_reversals() -> None:
    op.create_table(
        "reversals",
        sa.Column("reversal_id", sa.Uuid(), nullable=False),
        sa.Column("allocation_id", sa.Uuid(), nullable=True),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("entry_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("commitment_left_cents", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(allocation_id, transfer_id, payment_id) = 1",
            name=op.f("ck_reversals_of_one"),
        ),
        sa.ForeignKeyConstraint(
            ["allocation_id"],
            ["allocations.allocation_id"],
            name=op.f("fk_reversals_allocation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["allocation_transfers.transfer_id"],
            name=op.f("fk_reversals_transfer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.payment_id"], name=op.f("fk_reversals_payment_id")
        ),
        sa.PrimaryKeyConstraint("reversal_id", name=op.f("pk_reversals")),
        sa.UniqueConstraint("allocation_id", name=op.f("uq_reversals_allocation_id")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_reversals_payment_id")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_reversals_transfer_id")),
    )
