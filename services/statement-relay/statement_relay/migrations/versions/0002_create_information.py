"""Create information, its queues and receivers, and who is responsible"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHANGING = (
    "state",
    "state_reason",
    "receiver_id",
    "number",
    "is_restricted",
    "body",
    "digest",
    "issuer_authority",
    "issuer_rule",
    "issuer_from_on",
    "deliver_by_at",
    "warn_at",
    "warned_at",
    "overdue_at",
    "settled_at",
    "attempts",
    "receipt_id",
    "received_at",
    "receipt_digest",
    "delivered_request_id",
)


def upgrade() -> None:
    _create_queues()
    _create_information()
    role = context.config.attributes["role"]
    for statement in grants(
        role,
        append_only=("information", "delivery_attempts"),
        mutable=("client_queues", "receivers", "responsibilities"),
    ):
        op.execute(statement)
    # What a municipality has told is written once; only its way to the receiver goes on.
    op.execute(f'GRANT UPDATE ({", ".join(CHANGING)}) ON information TO "{role}"')


def _create_queues() -> None:
    op.create_table(
        "client_queues",
        sa.Column("receiver_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_until IS NULL)",
            name=op.f("ck_client_queues_lease_has_end"),
        ),
        sa.CheckConstraint("last_number >= 1", name=op.f("ck_client_queues_numbers_from_one")),
        sa.PrimaryKeyConstraint("receiver_id", "client_id", name=op.f("pk_client_queues")),
    )
    op.create_index(
        "ix_client_queues_due",
        "client_queues",
        ["receiver_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL AND NOT is_blocked"),
    )
    op.create_index(
        "ix_client_queues_leased",
        "client_queues",
        ["receiver_id"],
        unique=False,
        postgresql_where=sa.text("lease_token IS NOT NULL"),
    )
    op.create_table(
        "receivers",
        sa.Column("receiver_id", sa.Text(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("breaker_state", sa.Text(), nullable=False),
        sa.Column("breaker_failures", sa.Integer(), nullable=False),
        sa.Column("breaker_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_sent", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "breaker_state IN ('closed', 'open', 'half_open')",
            name=op.f("ck_receivers_known_breaker_state"),
        ),
        sa.CheckConstraint(
            "NOT is_paused OR (pause_reason IS NOT NULL AND paused_by IS NOT NULL)",
            name=op.f("ck_receivers_paused_has_reason"),
        ),
        sa.CheckConstraint(
            "breaker_failures >= 0 AND window_sent >= 0", name=op.f("ck_receivers_counts_from_none")
        ),
        sa.PrimaryKeyConstraint("receiver_id", name=op.f("pk_receivers")),
    )
    op.create_table(
        "responsibilities",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("clienthood_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("case_system_id", sa.Text(), nullable=True),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("source_system", sa.Text(), nullable=True),
        sa.Column("source_client_number", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "authority IN ('municipality', 'te_office')",
            name=op.f("ck_responsibilities_known_authority"),
        ),
        sa.CheckConstraint(
            "clienthood_version >= 1", name=op.f("ck_responsibilities_version_from_one")
        ),
        sa.PrimaryKeyConstraint(
            "client_id", "clienthood_version", name=op.f("pk_responsibilities")
        ),
    )


def _create_information() -> None:
    op.create_table(
        "information",
        sa.Column("information_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("municipal_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("replaces_information_id", sa.Uuid(), nullable=True),
        sa.Column("root_information_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("accepted_state", sa.Text(), nullable=False),
        sa.Column("waiting_behind", sa.Uuid(), nullable=True),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("author_role", sa.Text(), nullable=False),
        sa.Column("issuer_authority", sa.Text(), nullable=True),
        sa.Column("issuer_rule", sa.Text(), nullable=True),
        sa.Column("issuer_from_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("receiver_id", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("deliver_by_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("receipt_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt_digest", sa.Text(), nullable=True),
        sa.Column("delivered_request_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(action = 'new') = (replaces_information_id IS NULL)",
            name=op.f("ck_information_successor_has_original"),
        ),
        sa.CheckConstraint(
            "(state IN ('delivered', 'rejected', 'refused', 'not_relayed', 'withdrawn')) ="
            " (settled_at IS NOT NULL)",
            name=op.f("ck_information_settled_has_time"),
        ),
        sa.CheckConstraint(
            "accepted_state IN ('accepted', 'waiting', 'waiting_for_client', 'not_relayed',"
            " 'withdrawn')",
            name=op.f("ck_information_known_accepted_state"),
        ),
        sa.CheckConstraint(
            "action IN ('new', 'correct', 'withdraw')", name=op.f("ck_information_known_action")
        ),
        sa.CheckConstraint(
            "issuer_authority IN ('te_office', 'municipality', 'employment_area')",
            name=op.f("ck_information_known_issuer_authority"),
        ),
        sa.CheckConstraint(
            "number IS NOT NULL OR state IN ('waiting_for_client', 'refused', 'not_relayed',"
            " 'withdrawn')",
            name=op.f("ck_information_unqueued_is_not_sent"),
        ),
        sa.CheckConstraint(
            "state <> 'delivered' OR (receipt_id IS NOT NULL AND received_at IS NOT NULL AND"
            " receipt_digest = digest)",
            name=op.f("ck_information_delivered_has_proof"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting_for_client', 'waiting', 'delivering', 'awaiting_receipt',"
            " 'delivered', 'rejected', 'parked', 'refused', 'not_relayed', 'withdrawn')",
            name=op.f("ck_information_known_state"),
        ),
        sa.CheckConstraint(
            "(receiver_id IS NULL) = (number IS NULL) AND (number IS NULL) = (body IS NULL)"
            " AND (body IS NULL) = (digest IS NULL)",
            name=op.f("ck_information_queued_has_bytes"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_information_attempts_from_none")),
        sa.ForeignKeyConstraint(
            ["replaces_information_id"],
            ["information.information_id"],
            name=op.f("fk_information_replaces_information_id"),
        ),
        sa.PrimaryKeyConstraint("information_id", name=op.f("pk_information")),
        sa.UniqueConstraint("ordinal", name=op.f("uq_information_ordinal")),
        sa.UniqueConstraint(
            "organisation", "municipal_id", name=op.f("uq_information_organisation_municipal_id")
        ),
        sa.UniqueConstraint(
            "receiver_id",
            "client_id",
            "number",
            name=op.f("uq_information_receiver_id_client_id_number"),
        ),
        sa.UniqueConstraint(
            "replaces_information_id", name=op.f("uq_information_replaces_information_id")
        ),
    )
    op.create_index(
        "ix_information_client_id", "information", ["client_id", "information_id"], unique=False
    )
    op.create_index(
        "ix_information_organisation",
        "information",
        ["organisation", "information_id"],
        unique=False,
    )
    op.create_index(
        "ix_information_queue",
        "information",
        ["receiver_id", "client_id", "number"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL AND number IS NOT NULL"),
    )
    op.create_index(
        "ix_information_received", "information", ["receiver_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_information_root",
        "information",
        ["root_information_id", "information_id"],
        unique=False,
    )
    op.create_index(
        "ix_information_to_be_overdue",
        "information",
        ["deliver_by_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL AND overdue_at IS NULL"),
    )
    op.create_index(
        "ix_information_to_warn",
        "information",
        ["warn_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL AND warned_at IS NULL"),
    )
    op.create_index(
        "ix_information_unsettled",
        "information",
        ["state", "accepted_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_information_waiting_for_client",
        "information",
        ["client_id", "ordinal"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting_for_client'"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("information_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.Text(), nullable=True),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_delivery_attempts_attempt_from_one")),
        sa.ForeignKeyConstraint(
            ["information_id"],
            ["information.information_id"],
            name=op.f("fk_delivery_attempts_information_id"),
        ),
        sa.PrimaryKeyConstraint("information_id", "attempt", name=op.f("pk_delivery_attempts")),
    )
