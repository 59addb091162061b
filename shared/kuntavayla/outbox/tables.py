"""The tables of the outbox, which every service that announces adds to its own."""

import sqlalchemy as sa


def add_tables(metadata: sa.MetaData) -> None:
    """Add the outbox, and what stands beside it, to a service's tables."""
    _add_events(metadata)
    _add_publisher(metadata)
    _add_redeliveries(metadata)


def _add_events(metadata: sa.MetaData) -> None:
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
        sa.Column("redelivery_id", sa.Uuid),
        sa.CheckConstraint("channel IN ('common', 'restricted')", name="known_channel"),
        sa.Index("ix_outbox_recipient_channel_position", "recipient", "channel", "position"),
    )


def _add_publisher(metadata: sa.MetaData) -> None:
    """Add where publisher and readers stand, and which recipients are held back."""
    sa.Table(
        "outbox_publisher",
        metadata,
        sa.Column("is_only_row", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("is_only_row", name="one_row"),
    )
    sa.Table(
        "outbox_holds",
        metadata,
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("held_from", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("official_id", sa.Text, nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('paused', 'draining')", name="known_state"),
    )
    sa.Table(
        "outbox_readings",
        metadata,
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
    )


def _add_redeliveries(metadata: sa.MetaData) -> None:
    """Add what was sent again on request: how many events, to whom, and why."""
    sa.Table(
        "outbox_redeliveries",
        metadata,
        sa.Column("redelivery_id", sa.Uuid, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.Column("behind_position", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("official_id", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    )
