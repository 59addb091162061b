"""Create the tables of routing-api"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_client_id", "audit", ["client_id", "audit_id"], unique=False)
    op.create_index(
        "ix_audit_recorded_at", "audit", ["recorded_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("lookup_a", sa.LargeBinary(), nullable=False),
        sa.Column("lookup_b", sa.LargeBinary(), nullable=False),
        sa.Column("identity_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("identity_key_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("case_system_id", sa.Text(), nullable=True),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("newest_effective_on", sa.Date(), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("client_since_on", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(authority = 'municipality') = (municipality_code IS NOT NULL"
            " AND case_system_id IS NOT NULL AND transfer_id IS NOT NULL)",
            name=op.f("ck_clients_municipality_has_transfer"),
        ),
        sa.CheckConstraint(
            "authority IN ('municipality', 'te_office')", name=op.f("ck_clients_known_authority")
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
        sa.UniqueConstraint("lookup_a", name=op.f("uq_clients_lookup_a")),
        sa.UniqueConstraint("lookup_b", name=op.f("uq_clients_lookup_b")),
    )
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
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
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
        "register_changes",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("municipality_codes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_register_changes")),
        sa.UniqueConstraint("change_id", name=op.f("uq_register_changes_change_id")),
    )
    op.create_table(
        "clienthoods",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("case_system_id", sa.Text(), nullable=True),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "authority IN ('municipality', 'te_office')",
            name=op.f("ck_clienthoods_known_authority"),
        ),
        sa.CheckConstraint(
            "valid_to >= valid_from - 1", name=op.f("ck_clienthoods_period_in_order")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_clienthoods_version_from_one")),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_clienthoods_client_id")
        ),
        sa.PrimaryKeyConstraint("client_id", "version", name=op.f("pk_clienthoods")),
    )
    op.create_index(
        "ix_clienthoods_case_system_id_client_id",
        "clienthoods",
        ["case_system_id", "client_id"],
        unique=False,
    )
    op.create_table(
        "registrations",
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("source_system", sa.Text(), nullable=False),
        sa.Column("source_registration_id", sa.Text(), nullable=False),
        sa.Column("client_number", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("profile_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("profile_key_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(profile_ciphertext IS NULL) = (profile_key_id IS NULL)",
            name=op.f("ck_registrations_profile_has_key"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_registrations_client_id")
        ),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_registrations")),
        sa.UniqueConstraint(
            "organisation",
            "source_system",
            "source_registration_id",
            name=op.f("uq_registrations_organisation_source_system_source_registration_id"),
        ),
    )
    op.create_index("ix_registrations_client_id", "registrations", ["client_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("missing_facts", sa.Text(), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("resolution_reason", sa.Text(), nullable=True),
        sa.Column("resolving_decision_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (resolved_at IS NULL)", name=op.f("ck_reviews_resolved_has_time")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'resolved', 'superseded')", name=op.f("ck_reviews_known_state")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_reviews_client_id")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    op.create_index(
        "ix_reviews_te_office_code_review_id",
        "reviews",
        ["te_office_code", "review_id"],
        unique=False,
    )
    op.create_index("ix_reviews_client_id", "reviews", ["client_id"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("clienthood_version", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("case_system_id", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledge_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("caseworker_id", sa.Text(), nullable=True),
        sa.Column("contact_point", sa.Text(), nullable=True),
        sa.Column("notice_due_on", sa.Date(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_channel", sa.Text(), nullable=True),
        sa.Column("notice_language_code", sa.Text(), nullable=True),
        sa.Column("notice_template", sa.Text(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (ends_on IS NOT NULL)",
            name=op.f("ck_transfers_withdrawn_has_last_day"),
        ),
        sa.CheckConstraint(
            "state IN ('offered', 'acknowledged', 'disputed', 'withdrawn')",
            name=op.f("ck_transfers_known_state"),
        ),
        sa.CheckConstraint(
            "(notice_id IS NULL) = (notified_at IS NULL)", name=op.f("ck_transfers_notice_has_time")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_transfers_client_id")
        ),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_transfers")),
        sa.UniqueConstraint(
            "client_id",
            "clienthood_version",
            name=op.f("uq_transfers_client_id_clienthood_version"),
        ),
    )
    op.create_index(
        "ix_transfers_case_system_id_transfer_id",
        "transfers",
        ["case_system_id", "transfer_id"],
        unique=False,
    )
    op.create_index(
        "ix_transfers_te_office_code_transfer_id",
        "transfers",
        ["te_office_code", "transfer_id"],
        unique=False,
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("case_system_id", sa.Text(), nullable=True),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("rule_set_id", sa.Text(), nullable=False),
        sa.Column("rule_set_version", sa.Text(), nullable=False),
        sa.Column("register_version", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("acknowledge_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_due_on", sa.Date(), nullable=True),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column("missing_facts", sa.Text(), nullable=False),
        sa.Column("review_due_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'review') = (review_reason IS NOT NULL)",
            name=op.f("ck_decisions_review_has_reason"),
        ),
        sa.CheckConstraint(
            "outcome IN ('municipality', 'te_office', 'review')",
            name=op.f("ck_decisions_known_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.registration_id"],
            name=op.f("fk_decisions_registration_id"),
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_registration_id", "decisions", ["registration_id"], unique=False)
    for name, table, where in (
        ("ix_clienthoods_one_open", "clienthoods", "valid_to IS NULL"),
        ("ix_reviews_one_open", "reviews", "state = 'open'"),
        ("ix_transfers_one_standing", "transfers", "state IN ('offered', 'acknowledged')"),
    ):
        op.create_index(name, table, ["client_id"], unique=True, postgresql_where=sa.text(where))

    op.execute("INSERT INTO outbox_head DEFAULT VALUES")
    for statement in grants(
        context.config.attributes["role"],
        append_only=("audit", "outbox", "decisions", "register_changes"),
        mutable=(
            "clients",
            "registrations",
            "clienthoods",
            "transfers",
            "reviews",
            "idempotency_keys",
            "outbox_head",
        ),
    ):
        op.execute(statement)
