"""Create the tables that every service has"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "audit",
    "audit_blocks",
    "audit_days",
    "outbox",
    "outbox_epochs",
    "outbox_redeliveries",
    "inbox_repairs",
)
MUTABLE = (
    "idempotency_keys",
    "outbox_head",
    "outbox_publisher",
    "outbox_holds",
    "outbox_readings",
    "inbox_positions",
    "inbox_consumers",
    "inbox_tallies",
    "inbox_keys",
    "inbox_parked",
)


def upgrade() -> None:
    _create_audit()
    _create_outbox()
    _create_inbox()
    _create_idempotency()
    op.execute("INSERT INTO outbox_head DEFAULT VALUES")
    op.execute("INSERT INTO outbox_publisher DEFAULT VALUES")
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=APPEND_ONLY, mutable=MUTABLE):
        op.execute(statement)
    # What was parked stays: not even a fault of ours can make a message go away.
    op.execute(f'REVOKE DELETE ON inbox_parked FROM "{role}"')


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("official_role", sa.Text(), nullable=True),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("rule_version", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "official_role IN ('caseworker', 'decider', 'import', 'operator', 'auditor')",
            name=op.f("ck_audit_known_official_role"),
        ),
        sa.CheckConstraint(
            "purpose IN ('client_service', 'statement', 'quota_decision', 'supervision')",
            name=op.f("ck_audit_known_purpose"),
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_client_id", "audit", ["client_id", "audit_id"], unique=False)
    op.create_index(
        "ix_audit_recorded_at", "audit", ["recorded_at"], unique=False, postgresql_using="brin"
    )
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
        sa.CheckConstraint("line_count >= 1", name=op.f("ck_audit_blocks_never_empty")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_audit_blocks_number_from_one")),
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


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("redelivery_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "channel IN ('common', 'restricted')", name=op.f("ck_outbox_known_channel")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_recipient_channel_position",
        "outbox",
        ["recipient", "channel", "position"],
        unique=False,
    )
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
        "outbox_head",
        sa.Column("is_only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept_from", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("is_only_row", name=op.f("ck_outbox_head_one_row")),
        sa.CheckConstraint(
            "kept_from BETWEEN 0 AND position", name=op.f("ck_outbox_head_kept_from_in_order")
        ),
        sa.PrimaryKeyConstraint("is_only_row", name=op.f("pk_outbox_head")),
    )
    op.create_table(
        "outbox_holds",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_from", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('paused', 'draining')", name=op.f("ck_outbox_holds_known_state")
        ),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_outbox_holds")),
    )
    op.create_table(
        "outbox_publisher",
        sa.Column("is_only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("is_only_row", name=op.f("ck_outbox_publisher_one_row")),
        sa.PrimaryKeyConstraint("is_only_row", name=op.f("pk_outbox_publisher")),
    )
    op.create_table(
        "outbox_readings",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "channel", name=op.f("pk_outbox_readings")),
    )
    op.create_table(
        "outbox_redeliveries",
        sa.Column("redelivery_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("behind_position", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("redelivery_id", name=op.f("pk_outbox_redeliveries")),
    )


def _create_inbox() -> None:
    op.create_table(
        "inbox_consumers",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'stopped')", name=op.f("ck_inbox_consumers_known_state")
        ),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_inbox_consumers")),
    )
    op.create_table(
        "inbox_keys",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('parked', 'free')", name=op.f("ck_inbox_keys_known_state")),
        sa.PrimaryKeyConstraint("consumer", "key", name=op.f("pk_inbox_keys")),
    )
    op.create_table(
        "inbox_parked",
        sa.Column("parked_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_key_id", sa.Text(), nullable=True),
        sa.Column("edited_content", sa.LargeBinary(), nullable=True),
        sa.Column("edited_key_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repair_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('done', 'skipped')) = (settled_at IS NOT NULL)",
            name=op.f("ck_inbox_parked_settled_has_time"),
        ),
        sa.CheckConstraint(
            "edited_content IS NULL OR (speaker = 'outside' AND edited_key_id IS NOT NULL)",
            name=op.f("ck_inbox_parked_only_outside_is_edited"),
        ),
        sa.CheckConstraint(
            "speaker = 'ours' OR content_key_id IS NOT NULL",
            name=op.f("ck_inbox_parked_outside_is_sealed"),
        ),
        sa.CheckConstraint(
            "speaker IN ('ours', 'outside')", name=op.f("ck_inbox_parked_known_speaker")
        ),
        sa.CheckConstraint(
            "state <> 'parked' OR reason IS NOT NULL",
            name=op.f("ck_inbox_parked_parked_has_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('parked', 'queued', 'done', 'skipped')",
            name=op.f("ck_inbox_parked_known_state"),
        ),
        sa.PrimaryKeyConstraint("parked_id", name=op.f("pk_inbox_parked")),
        sa.UniqueConstraint("number", name=op.f("uq_inbox_parked_number")),
    )
    op.create_index(
        "ix_inbox_parked_arrivals",
        "inbox_parked",
        ["consumer", "stream", "ordinal"],
        unique=False,
        postgresql_where=sa.text("ordinal IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_parked_consumer_event_id",
        "inbox_parked",
        ["consumer", "event_id", "number"],
        unique=False,
    )
    op.create_index(
        "ix_inbox_parked_consumer_parked_at",
        "inbox_parked",
        ["consumer", "parked_at"],
        unique=False,
    )
    op.create_index(
        "ix_inbox_parked_one_parked",
        "inbox_parked",
        ["consumer", "key"],
        unique=True,
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "ix_inbox_parked_waiting",
        "inbox_parked",
        ["consumer", "key", "number"],
        unique=False,
        postgresql_where=sa.text("state IN ('parked', 'queued')"),
    )
    op.create_table(
        "inbox_positions",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "stream", name=op.f("pk_inbox_positions")),
    )
    op.create_table(
        "inbox_repairs",
        sa.Column("repair_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("parked_id", sa.Uuid(), nullable=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("handled", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action IN ('retry', 'skip', 'edit')", name=op.f("ck_inbox_repairs_known_action")
        ),
        sa.PrimaryKeyConstraint("repair_id", name=op.f("pk_inbox_repairs")),
    )
    op.create_table(
        "inbox_tallies",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "stream", name=op.f("pk_inbox_tallies")),
    )


def _create_idempotency() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "route", "key", name=op.f("pk_idempotency_keys")),
    )
