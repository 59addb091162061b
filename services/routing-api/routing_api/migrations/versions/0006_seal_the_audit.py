"""Seal the audit: signed blocks over its lines, and the days that were announced"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_blocks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("first_audit_id", sa.BigInteger(), nullable=False),
        sa.Column("last_audit_id", sa.BigInteger(), nullable=False),
        sa.Column("members", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("settled_to", sa.BigInteger(), nullable=False),
        sa.Column("ahead", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_audit_blocks_number_from_one")),
        sa.CheckConstraint("line_count >= 1", name=op.f("ck_audit_blocks_never_empty")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_blocks")),
    )
    op.create_table(
        "audit_days",
        sa.Column("sealed_on", sa.Date(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_count", sa.Integer(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sealed_on", name=op.f("pk_audit_days")),
    )
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=("audit_blocks", "audit_days"), mutable=()):
        op.execute(statement)
