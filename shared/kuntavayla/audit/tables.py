"""The tables of the audit, which every service adds to its own; all of them append-only."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from kuntavayla.database.constraints import one_of
from kuntavayla.values.officials import Purpose, Role


def add_tables(metadata: sa.MetaData) -> None:
    """Add the lines, the blocks that seal them, and the announced days to a service's tables."""
    _add_lines(metadata)
    sa.Table(
        "audit_blocks",
        metadata,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("line_count", sa.Integer, nullable=False),
        sa.Column("first_audit_id", sa.BigInteger, nullable=False),
        sa.Column("last_audit_id", sa.BigInteger, nullable=False),
        sa.Column("members", postgresql.INT8MULTIRANGE, nullable=False),
        sa.Column("settled_to", sa.BigInteger, nullable=False),
        sa.Column("ahead", postgresql.INT8MULTIRANGE, nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("number >= 1", name="number_from_one"),
        sa.CheckConstraint("line_count >= 1", name="never_empty"),
    )
    sa.Table(
        "audit_days",
        metadata,
        sa.Column("sealed_on", sa.Date, primary_key=True),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_count", sa.Integer, nullable=False),
        sa.Column("line_count", sa.BigInteger, nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
    )


def _add_lines(metadata: sa.MetaData) -> None:
    sa.Table(
        "audit",
        metadata,
        sa.Column("audit_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("official_id", sa.Text),
        sa.Column("official_role", sa.Text),
        sa.Column("municipality_code", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("client_id", sa.Uuid),
        sa.Column("resource_id", sa.Uuid),
        sa.Column("rule_version", sa.Text),
        sa.Column("request_id", sa.Text, nullable=False),
        one_of("official_role", Role),
        one_of("purpose", Purpose),
        sa.Index("ix_audit_client_id", "client_id", "audit_id"),
        sa.Index("ix_audit_recorded_at", "recorded_at", postgresql_using="brin"),
    )
