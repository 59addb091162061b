"""Create reversals; keep reconciliations one by one"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("reversals",)
MUTABLE = ("reconciliations",)


def upgrade() -> None:
    _create_reversals()
    _create_reconciliations_anew()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=APPEND_ONLY, mutable=MUTABLE):
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


def _create_reconciliations_anew() -> None:
    """No release has written to the table, so nothing is lost."""
    op.drop_table("reconciliations")
    op.create_table(
        "reconciliations",
        sa.Column("reconciliation_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=False),
        sa.Column("their_count", sa.BigInteger(), nullable=False),
        sa.Column("our_count", sa.BigInteger(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("differences", postgresql.JSONB(), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "first_month <= last_month", name=op.f("ck_reconciliations_months_in_order")
        ),
        sa.PrimaryKeyConstraint("reconciliation_id", name=op.f("pk_reconciliations")),
        sa.UniqueConstraint(
            "organisation",
            "first_month",
            "last_month",
            name=op.f("uq_reconciliations_organisation_first_month_last_month"),
        ),
    )
