"""The tables of the outbox, which every service that announces adds to its own."""

import sqlalchemy as sa


def add_tables(metadata: sa.MetaData) -> None:
    """Add the outbox, its head row and the restores on record to a service's tables."""
    sa.Table(
        "outbox_head",
        metadata,
        sa.Column("is_only_row", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
        sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("kept_from", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("is_only_row", name="one_row"),
        sa.CheckConstraint("kept_from BETWEEN 0 AND position", name="kept_from_in_order"),
    )
    sa.Table(
        "outbox_epochs",
        metadata,
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("begins_behind", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("official_id", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    sa.Table(
        "outbox",
        metadata,
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("channel IN ('common', 'restricted')", name="known_channel"),
        sa.Index("ix_outbox_recipient_channel_position", "recipient", "channel", "position"),
    )
