"""Create decisions, payments and overrides"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("decision_steps", "payments", "lapses")
MUTABLE = ("decisions", "decision_draws", "overrides", "reconciliations")
KEPT = ("decisions", "overrides")


def upgrade() -> None:
    _create_decisions()
    _create_payments()
    _create_reconciliations()
    _create_decision_draws()
    _create_decision_steps()
    _create_overrides()
    _create_lapses()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=APPEND_ONLY, mutable=MUTABLE):
        op.execute(statement)
    for table in KEPT:
        op.execute(f'REVOKE DELETE ON {table} FROM "{role}"')


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("municipal_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("budget_year", sa.Integer(), nullable=False),
        sa.Column("service_code", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("calculation", postgresql.JSONB(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("recovered_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "instrument IN ('PAY_SUBSIDY', 'START_UP_GRANT', 'TRAINING', 'COACHING')",
            name=op.f("ck_decisions_known_instrument"),
        ),
        sa.CheckConstraint(
            "outcome IN ('reserved', 'refused', 'not_competent')",
            name=op.f("ck_decisions_known_outcome"),
        ),
        sa.CheckConstraint(
            "state <> 'reserved' OR expires_at IS NOT NULL", name=op.f("ck_decisions_reserved_ends")
        ),
        sa.CheckConstraint(
            "state IN ('reserved', 'granted', 'interrupted', 'ended', 'cancelled', 'refused',"
            " 'expired')",
            name=op.f("ck_decisions_known_state"),
        ),
        sa.CheckConstraint(
            "paid_cents >= 0 AND recovered_cents >= 0", name=op.f("ck_decisions_sums_from_zero")
        ),
        sa.CheckConstraint(
            "recovered_cents <= paid_cents", name=op.f("ck_decisions_recovered_was_paid")
        ),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_decisions_period_in_order")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_decisions_version_from_one")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
        sa.UniqueConstraint(
            "organisation", "municipal_id", name=op.f("uq_decisions_organisation_municipal_id")
        ),
    )
    op.create_index(
        "ix_decisions_area_code", "decisions", ["area_code", "decision_id"], unique=False
    )
    op.create_index(
        "ix_decisions_client_id", "decisions", ["client_id", "decision_id"], unique=False
    )
    op.create_index(
        "ix_decisions_expires_at",
        "decisions",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'reserved'"),
    )
    op.create_index(
        "ix_decisions_organisation", "decisions", ["organisation", "decision_id"], unique=False
    )


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("payer_reference", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("within_cents", sa.BigInteger(), nullable=False),
        sa.Column("excess_cents", sa.BigInteger(), nullable=False),
        sa.Column("commitment_left_cents", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refused_code", sa.Text(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'payment') = (amount_cents > 0)", name=op.f("ck_payments_sign_of_kind")
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (refused_code IS NOT NULL)",
            name=op.f("ck_payments_refused_has_code"),
        ),
        sa.CheckConstraint("kind IN ('payment', 'recovery')", name=op.f("ck_payments_known_kind")),
        sa.CheckConstraint(
            "state = 'refused' OR within_cents + excess_cents = amount_cents",
            name=op.f("ck_payments_parts_add_up"),
        ),
        sa.CheckConstraint(
            "state IN ('booked', 'exceeds_commitment', 'refused')",
            name=op.f("ck_payments_known_state"),
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payments")),
        sa.UniqueConstraint("payer_reference", name=op.f("uq_payments_payer_reference")),
    )
    op.create_index(
        "ix_payments_decision_id", "payments", ["decision_id", "payment_id"], unique=False
    )
    op.create_index(
        "ix_payments_exceeding",
        "payments",
        ["payment_id"],
        unique=False,
        postgresql_where=sa.text("state = 'exceeds_commitment'"),
    )
    op.create_index(
        "ix_payments_refused",
        "payments",
        ["payment_id"],
        unique=False,
        postgresql_where=sa.text("state = 'refused'"),
    )


def _create_reconciliations() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "day", name=op.f("pk_reconciliations")),
    )


def _create_decision_draws() -> None:
    op.create_table(
        "decision_draws",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("budget_year", sa.Integer(), nullable=False),
        sa.Column("reserved_cents", sa.BigInteger(), nullable=False),
        sa.Column("committed_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "paid_cents <= committed_cents", name=op.f("ck_decision_draws_paid_was_committed")
        ),
        sa.CheckConstraint(
            "reserved_cents >= 0 AND committed_cents >= 0 AND paid_cents >= 0",
            name=op.f("ck_decision_draws_sums_from_zero"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_decision_draws_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_decision_draws_decision_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", "account_id", name=op.f("pk_decision_draws")),
    )
    op.create_index("ix_decision_draws_account_id", "decision_draws", ["account_id"], unique=False)


def _create_decision_steps() -> None:
    op.create_table(
        "decision_steps",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("content", postgresql.JSONB(), nullable=True),
        sa.Column("calculation", postgresql.JSONB(), nullable=True),
        sa.Column("entry_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.CheckConstraint(
            "action IN ('reserve', 'refuse', 'grant', 'change', 'interrupt', 'end', 'cancel',"
            " 'expire', 'override')",
            name=op.f("ck_decision_steps_known_action"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_decision_steps_numbers_from_one")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_decision_steps_decision_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", "number", name=op.f("pk_decision_steps")),
    )


def _create_overrides() -> None:
    op.create_table(
        "overrides",
        sa.Column("override_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("cover", postgresql.JSONB(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_official_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_official_id", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("covered_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('asked', 'approved', 'refused', 'partly_covered', 'covered',"
            " 'expired', 'uncovered')",
            name=op.f("ck_overrides_known_state"),
        ),
        sa.CheckConstraint(
            "asked_official_id <> approved_official_id", name=op.f("ck_overrides_two_officials")
        ),
        sa.CheckConstraint("cents >= 1", name=op.f("ck_overrides_cents_from_one")),
        sa.CheckConstraint(
            "covered_cents BETWEEN 0 AND cents", name=op.f("ck_overrides_covered_in_bounds")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_overrides_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_overrides_decision_id")
        ),
        sa.PrimaryKeyConstraint("override_id", name=op.f("pk_overrides")),
    )
    op.create_index("ix_overrides_decision_id", "overrides", ["decision_id"], unique=False)
    op.create_index(
        "ix_overrides_uncovered",
        "overrides",
        ["account_id", "override_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('approved', 'partly_covered', 'uncovered')"),
    )


def _create_lapses() -> None:
    op.create_table(
        "lapses",
        sa.Column("lapse_id", sa.Uuid(), nullable=False),
        sa.Column("budget_year", sa.Integer(), nullable=False),
        sa.Column("accounts", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lapse_id", name=op.f("pk_lapses")),
    )
