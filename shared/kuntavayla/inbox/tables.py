"""The tables of the inbox, which every consumer adds to its own."""

import sqlalchemy as sa

MUTABLE = (
    "inbox_positions",
    "inbox_consumers",
    "inbox_tallies",
    "inbox_keys",
    "inbox_parked",
)
"""The tables whose rows a consumer changes; repairs are only added, and no row is ever deleted."""


def add_table(metadata: sa.MetaData) -> None:
    """Add the consumer positions to a service's tables."""
    sa.Table(
        "inbox_positions",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
    )


def add_parking_tables(metadata: sa.MetaData) -> None:
    """Add what parks to a service's tables: consumers, their keys, messages, and repairs."""
    sa.Table(
        "inbox_consumers",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('running', 'stopped')", name="known_state"),
    )
    sa.Table(
        "inbox_tallies",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("messages", sa.BigInteger, nullable=False),
    )
    sa.Table(
        "inbox_keys",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('parked', 'free')", name="known_state"),
    )
    _add_parked(metadata)
    _add_repairs(metadata)


def _add_parked(metadata: sa.MetaData) -> None:
    """Add the parked messages: the first of a key is parked, later ones are queued behind it.

    `ordinal` is the message's number in its stream, of those parked on their arrival; `content`
    holds headers and bytes, sealed where `content_key_id` names a key. A row is never deleted.
    """
    sa.Table(
        "inbox_parked",
        metadata,
        sa.Column("parked_id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("sequence", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("speaker", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("event_type", sa.Text),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("content_key_id", sa.Text),
        sa.Column("edited_content", sa.LargeBinary),
        sa.Column("edited_key_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("ordinal", sa.BigInteger),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("repair_id", sa.Uuid),
        *_checks_of_parked(),
        *_indexes_of_parked(),
    )


def _checks_of_parked() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint("state IN ('parked', 'queued', 'done', 'skipped')", name="known_state"),
        sa.CheckConstraint("speaker IN ('ours', 'outside')", name="known_speaker"),
        sa.CheckConstraint(
            "(state IN ('done', 'skipped')) = (settled_at IS NOT NULL)", name="settled_has_time"
        ),
        sa.CheckConstraint("state <> 'parked' OR reason IS NOT NULL", name="parked_has_reason"),
        sa.CheckConstraint(
            "speaker = 'ours' OR content_key_id IS NOT NULL", name="outside_is_sealed"
        ),
        sa.CheckConstraint(
            "edited_content IS NULL OR (speaker = 'outside' AND edited_key_id IS NOT NULL)",
            name="only_outside_is_edited",
        ),
    )


def _indexes_of_parked() -> tuple[sa.Index, ...]:
    return (
        sa.Index(
            "ix_inbox_parked_one_parked",
            "consumer",
            "key",
            unique=True,
            postgresql_where=sa.text("state = 'parked'"),
        ),
        sa.Index(
            "ix_inbox_parked_waiting",
            "consumer",
            "key",
            "number",
            postgresql_where=sa.text("state IN ('parked', 'queued')"),
        ),
        sa.Index("ix_inbox_parked_consumer_event_id", "consumer", "event_id", "number"),
        sa.Index(
            "ix_inbox_parked_arrivals",
            "consumer",
            "stream",
            "ordinal",
            postgresql_where=sa.text("ordinal IS NOT NULL"),
        ),
        sa.Index("ix_inbox_parked_consumer_parked_at", "consumer", "parked_at"),
    )


def _add_repairs(metadata: sa.MetaData) -> None:
    """Add what each repair has done, by whom and why."""
    sa.Table(
        "inbox_repairs",
        metadata,
        sa.Column("repair_id", sa.Uuid, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("parked_id", sa.Uuid),
        sa.Column("matched", sa.Integer, nullable=False),
        sa.Column("handled", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("parked", sa.Integer, nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("official_id", sa.Text, nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("action IN ('retry', 'skip', 'edit')", name="known_action"),
    )
